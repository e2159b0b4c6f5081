"""Octets for Hypothesis, made from text.

A test that draws both `binary` and `text` lets Hypothesis compare one with the other in its caches, which is an error
under `python -bb`.
"""

from hypothesis import strategies as st


def octets(max_size: int) -> st.SearchStrategy[bytes]:
    """Any octets at all."""
    return st.text(st.characters(max_codepoint=255), max_size=max_size).map(lambda text: text.encode("latin-1"))
