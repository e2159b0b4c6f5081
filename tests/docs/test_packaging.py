"""The systemd unit and the Dockerfile keep what they promise. (There is no engine here to build the image with.)"""

import configparser
import re
from pathlib import Path

from postroom.cli.init import STANDARD_PORTS

ROOT = Path(__file__).parents[2]


def _unit() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "packaging" / "postroom.service")
    return unit


def test_the_unit_is_hardened() -> None:
    service = _unit()["Service"]
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["PrivateTmp"] == "yes"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"
    assert service["User"] == "postroom"
    assert service["Type"] == "notify"
    assert service["NotifyAccess"] == "main"  # workers say nothing to systemd
    assert service["KillMode"] == "mixed"  # their parent ends them
    assert "-HUP" in service["ExecReload"]
    assert "postroom serve --config" in service["ExecStart"]
    assert service["StateDirectory"] == "postroom"


def test_the_image_runs_as_nobody_special_and_opens_the_standard_ports() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last = text.rpartition("\nFROM ")[2]
    assert "\nUSER postroom\n" in last
    exposed = {int(port) for port in re.findall(r"\d+", re.findall(r"(?m)^EXPOSE (.*)$", last)[0])}
    assert exposed == set(STANDARD_PORTS.values()) - {STANDARD_PORTS["lmtp"]}
    for source in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", text):
        for name in source.split():
            assert (ROOT / name).exists(), name
