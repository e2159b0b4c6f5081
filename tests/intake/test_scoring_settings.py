"""Thresholds that can't be meant."""

import msgspec
import pytest

from postroom.intake import ScoringSettings


def test_thresholds_rise_and_zero_is_none() -> None:
    ScoringSettings(tag_points=0, junk_points=5, reject_points=0)
    ScoringSettings(tag_points=0, junk_points=0, reject_points=0)
    for wrong in ({"tag_points": 8.0}, {"reject_points": 5.0}, {"junk_points": 0, "reject_points": 3.0}):
        with pytest.raises(ValueError, match="have to rise"):
            ScoringSettings(**wrong)  # type: ignore[arg-type]


def test_trusted_authors_are_domains() -> None:
    msgspec.convert({"trusted_authors": ["example.org", ".example.net"]}, ScoringSettings)
    for wrong in ("", ".", "ann@example.org", "exa mple.org"):
        with pytest.raises(msgspec.ValidationError, match="is not a domain"):
            msgspec.convert({"trusted_authors": [wrong]}, ScoringSettings)
