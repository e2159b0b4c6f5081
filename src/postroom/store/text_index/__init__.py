"""An index that answers "which texts contain this?" for any piece of text, whole words or not. Pure: no file, no clock.

docs/storage.md, "Search index", tells how it works: tokens.py says what a token is, building.py makes an index of some
texts, blocks.py is the form it is kept in, asking.py answers from it.
"""
