"""The benchmark itself still runs: rows of our own side, with tiny sizes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.interop


def test_rows_are_measured_and_the_page_is_written(tmp_path: Path) -> None:
    output = tmp_path / "performance.md"
    command = [sys.executable, "-m", "bench", "--quick", "--only", "load", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "NOOP: p99" in output.read_text()
    assert len(json.loads(output.with_suffix(".json").read_text())["rows"]) == 6
