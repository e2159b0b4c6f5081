"""Settings of reports."""

import msgspec
import pytest

from postroom.delivery.report_settings import DmarcReportSettings, ReportSettings
from postroom.delivery.tls_settings import TlsReportSettings


def test_nothing_is_sent_or_read_until_it_is_wanted() -> None:
    for settings in (DmarcReportSettings(), TlsReportSettings()):
        assert isinstance(settings, ReportSettings)
        assert (settings.send, settings.read_from) == (False, "")


@pytest.mark.parametrize("wrong", [{"max_rows": 0}, {"max_octets": 10}, {"keep_days": 0}, {"sent": True}])
def test_wrong_ones(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, DmarcReportSettings)
