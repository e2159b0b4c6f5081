"""A setting told to a person."""

import msgspec
import pytest

from postroom.config import Config, UnknownSetting, explain, settings
from postroom.config.explain import has_secrets
from postroom.delivery import DeliverySettings
from postroom.delivery.settings import RelaySettings
from postroom.smtp.settings import SmtpSettings


def test_one_setting_with_its_value() -> None:
    config = Config(hostname="mail.example.org", smtp=SmtpSettings(max_errors=5))
    [one] = explain("smtp.max_errors", config)
    assert (one.name, one.type, one.default, one.value, one.changed) == ("smtp.max_errors", "int ≥ 1", "20", "5", True)
    [same] = explain("smtp.max_recipients", config)
    assert not same.changed
    [name] = explain("hostname", config)
    assert (name.default, name.value) == ("", '"mail.example.org"')
    [unset] = explain("pop3.expire_days")
    assert (unset.default, unset.value) == ("", "")


def test_a_section_and_everything() -> None:
    assert {one.name for one in explain("log")} == {"log.level", "log.format"}
    assert len(explain("")) == len(list(settings()))


def test_settings_of_a_named_table() -> None:
    relay = RelaySettings(hosts=("smtp.provider.test",))
    config = Config(hostname="mail.example.org", delivery=DeliverySettings(relay={"provider": relay}))
    [hosts] = explain("delivery.relay.provider.hosts", config)
    assert (hosts.name, hosts.value, hosts.changed) == (
        "delivery.relay.provider.hosts",
        '["smtp.provider.test"]',
        True,
    )
    everything = explain("delivery.relay.NAME")
    assert len(everything) == len(RelaySettings.__struct_fields__)
    assert not any(one.changed for one in everything)
    assert '"hosts" = ["smtp.provider.test"]' in explain("delivery.relay", config)[0].value
    with pytest.raises(UnknownSetting):
        explain("delivery.relay.provider.hots", config)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("max_errors", "smtp.max_errors"), ("smtp.max_erors", "smtp.max_errors"), ("zzz", "There is no setting zzz")],
)
def test_an_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(UnknownSetting, match=hint):
        explain(name)


@pytest.mark.parametrize(
    "name", ["", "delivery", "delivery.relay", "delivery.relay.provider", "delivery.smarthost_password"]
)
def test_passwords_are_not_shown(name: str) -> None:
    relay = RelaySettings(hosts=("smtp.provider.test",), username="me", password="hunter2")
    delivery = DeliverySettings(
        relay={"provider": relay}, smarthost="a.test", smarthost_username="me", smarthost_password="hunter2"
    )
    found = explain(name, Config(hostname="mail.example.org", delivery=delivery))
    assert not any("hunter2" in one.value for one in found)
    assert any("(not shown)" in one.value and one.changed for one in found)


def test_secrets_are_found_wherever_they_are() -> None:
    config = Config(hostname="mail.test")
    assert not has_secrets(config)
    relay = RelaySettings(hosts=("x.test",), username="u", password="p")
    assert has_secrets(msgspec.structs.replace(config, delivery=DeliverySettings(relay={"a": relay})))
