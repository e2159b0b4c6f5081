"""The records to publish."""

import dns.rdata
import dns.zone

from postroom.cli.records import TlsRecords, records, zone_lines


def test_they_are_a_zone_file() -> None:
    lines = [line for line in zone_lines("example.org", "mail.example.org") if "<" not in line]
    soa = "@ IN SOA mail.example.org. postmaster.example.org. 1 1 1 1 1\n@ IN NS mail.example.org.\n"
    zone = dns.zone.from_text("$TTL 60\n" + soa + "\n".join(lines) + "\n", "example.org.")
    assert str(zone.find_rdataset("@", "MX")[0]) == "10 mail"
    assert str(zone.find_rdataset("_imaps._tcp", "SRV")[0]) == "0 1 993 mail"
    assert str(zone.find_rdataset("_submissions._tcp", "SRV")[0]) == "0 1 465 mail"


def test_a_server_named_like_its_domain_has_one_spf_record() -> None:
    spf = [one for one in records("example.org", "example.org") if "spf" in one.value]
    assert len(spf) == 1


def test_what_is_said_of_tls() -> None:
    tls = TlsRecords("3 1 1 " + "ab" * 32, "1f", "tls@example.org")
    lines = [line for line in zone_lines("example.org", "mail.example.org", tls) if "<" not in line]
    soa = "@ IN SOA mail.example.org. postmaster.example.org. 1 1 1 1 1\n@ IN NS mail.example.org.\n"
    zone = dns.zone.from_text("$TTL 60\n" + soa + "\n".join(lines) + "\n", "example.org.")
    assert str(zone.find_rdataset("_25._tcp.mail", "TLSA")[0]) == "3 1 1 " + "ab" * 32
    assert str(zone.find_rdataset("mta-sts", "CNAME")[0]) == "mail"
    assert str(zone.find_rdataset("_mta-sts", "TXT")[0]) == '"v=STSv1; id=1f;"'
    assert str(zone.find_rdataset("_smtp._tls", "TXT")[0]) == '"v=TLSRPTv1; rua=mailto:tls@example.org"'
