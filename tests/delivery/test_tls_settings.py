"""Demands as they are written."""

import msgspec
import pytest

from postroom.delivery.tls_settings import Demanded, OutboundTlsSettings, parse_demand


@pytest.mark.parametrize(
    ("text", "demanded"),
    [
        ("never", Demanded("never")),
        ("verify", Demanded("verify")),
        ("verify MX.b.test  *.c.test", Demanded("verify", ("mx.b.test", "*.c.test"))),
        ("dane", Demanded("dane")),
    ],
)
def test_demands(text: str, demanded: Demanded) -> None:
    assert parse_demand(text) == demanded


@pytest.mark.parametrize("text", ["", "often", "encrypt mx.b.test", "verify a..b", "verify *"])
def test_what_is_no_demand(text: str) -> None:
    with pytest.raises(ValueError):
        parse_demand(text)


@pytest.mark.parametrize("demands", [{"b.test": "often"}, {"b..test": "may"}])
def test_the_settings_are_checked(demands: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"demands": demands}, OutboundTlsSettings)
    assert msgspec.convert({"demands": {".b.test": "may"}}, OutboundTlsSettings).demands == {".b.test": "may"}
