"""The records to publish."""

import dns.rdatatype
import dns.zone
import pytest

from postroom.cli.records import Publication, TlsRecords, Zone, aligned, records, txt, txt_value, zone_lines
from postroom.servers.client_settings import ClientService

KEY = "v=DKIM1; k=rsa; p=" + "A" * 400
ALL = Publication(
    tls=TlsRecords("3 1 1 " + "ab" * 32, "1f", "tls@example.org"),
    addresses=("192.0.2.1", "2001:db8::1"),
    senders=("192.0.2.9", "2001:db8::9"),
    dkim=(txt("s1._domainkey.example.org.", KEY, "a key"),),
    dmarc_policy="reject",
    dmarc_reports_to="dmarc@example.net",
    services=(ClientService("imaps", 1993), ClientService("pop3", 110)),
    web_port=443,
    authorities=("letsencrypt.org", "other.test"),
)


def parsed(publication: Publication) -> dns.zone.Zone:
    lines = [line for line in zone_lines("example.org", "mail.example.org", publication) if "<" not in line]
    soa = "@ IN SOA mail.example.org. postmaster.example.org. 1 1 1 1 1\n@ IN NS mail.example.org.\n"
    lines = [line for line in lines if ".example.net." not in line]
    return dns.zone.from_text("$TTL 60\n" + soa + "\n".join(lines) + "\n", "example.org.")


def test_they_are_a_zone_file() -> None:
    zone = parsed(Publication())
    assert str(zone.find_rdataset("@", "MX")[0]) == "10 mail"
    assert str(zone.find_rdataset("_imaps._tcp", "SRV")[0]) == "0 1 993 mail"
    assert str(zone.find_rdataset("_submissions._tcp", "SRV")[0]) == "0 1 465 mail"
    assert str(zone.find_rdataset("_dmarc", "TXT")[0]) == '"v=DMARC1; p=quarantine"'
    assert zone.get_rdataset("autoconfig", "CNAME") is None


def test_all_of_them() -> None:
    zone = parsed(ALL)
    assert str(zone.find_rdataset("mail", "A")[0]) == "192.0.2.1"
    assert str(zone.find_rdataset("mail", "AAAA")[0]) == "2001:db8::1"
    assert str(zone.find_rdataset("@", "TXT")[0]) == '"v=spf1 mx ip4:192.0.2.9 ip6:2001:db8::9 -all"'
    assert str(zone.find_rdataset("_dmarc", "TXT")[0]) == '"v=DMARC1; p=reject; rua=mailto:dmarc@example.net"'
    assert sorted(map(str, zone.find_rdataset("mail", "CAA"))) == ['0 issue "letsencrypt.org"', '0 issue "other.test"']
    assert str(zone.find_rdataset("_imaps._tcp", "SRV")[0]) == "0 1 1993 mail"
    assert str(zone.find_rdataset("_pop3._tcp", "SRV")[0]) == "10 1 110 mail"
    assert str(zone.find_rdataset("autoconfig", "CNAME")[0]) == "mail"
    assert str(zone.find_rdataset("autodiscover", "CNAME")[0]) == "mail"
    assert str(zone.find_rdataset("_autodiscover._tcp", "SRV")[0]) == "0 1 443 mail"


def test_what_is_said_of_tls() -> None:
    zone = parsed(ALL)
    assert str(zone.find_rdataset("_25._tcp.mail", "TLSA")[0]) == "3 1 1 " + "ab" * 32
    assert str(zone.find_rdataset("mta-sts", "CNAME")[0]) == "mail"
    assert str(zone.find_rdataset("_mta-sts", "TXT")[0]) == '"v=STSv1; id=1f;"'
    assert str(zone.find_rdataset("_smtp._tls", "TXT")[0]) == '"v=TLSRPTv1; rua=mailto:tls@example.org"'


def test_a_long_key_is_several_strings_that_are_one_text() -> None:
    rdata = parsed(ALL).find_rdataset("s1._domainkey", "TXT")[0]
    assert [len(part) for part in rdata.strings] == [255, len(KEY) - 255]
    assert b"".join(rdata.strings).decode() == KEY


@pytest.mark.parametrize("text", ["", "x" * 255, "x" * 256, "x" * 511, 'a "quote" and \\', "ü; \t\x7f"])
def test_texts_come_back_as_they_were(text: str) -> None:
    zone = dns.zone.from_text(f"$TTL 1\n@ IN SOA a. b. 1 1 1 1 1\n@ IN NS a.\nt IN TXT {txt_value(text)}\n", "z.test.")
    strings = zone.find_rdataset("t", "TXT")[0].strings
    assert b"".join(strings) == text.encode()
    assert all(len(part) <= 255 for part in strings)


def test_reports_that_go_to_another_domain_are_wanted_there() -> None:
    found = {one.name: one.text for one in records("example.org", "mail.example.org", ALL) if one.kind == "TXT"}
    assert found["example.org._report._dmarc.example.net."] == "v=DMARC1"
    own = {one.name for one in records("example.net", "mail.example.org", ALL)}
    assert not any("_report" in name for name in own)


def test_a_server_named_like_its_domain_has_one_spf_record() -> None:
    spf = [one for one in records("example.org", "example.org") if "spf" in one.value]
    assert len(spf) == 1


def test_records_are_found_by_name() -> None:
    zone = Zone("example.org", "mail.example.org", ALL)
    assert [one.value for one in zone.at("mail.example.org", "AAAA")] == ["2001:db8::1"]
    assert zone.publish("example.org", "MX") == "publish: example.org. IN MX 10 mail.example.org."


def test_nothing_is_no_lines() -> None:
    assert aligned([]) == []


def test_the_name_in_helo_lets_all_addresses_send() -> None:
    """Once it had only its own, so that mail from a source address failed by it."""
    [one] = Zone("example.org", "mail.example.org", ALL).at("mail.example.org", "TXT")
    assert one.text == "v=spf1 a ip4:192.0.2.9 ip6:2001:db8::9 -all"
