"""An index in memory, for the tests beside this file."""

from collections.abc import Iterator, Sequence

from postroom.store.text_index.asking import Answer, ask
from postroom.store.text_index.blocks import Block
from postroom.store.text_index.building import IndexBuilder, Part, frequent_tokens
from postroom.store.text_index.tokens import Needle


class PlainIndex:
    def __init__(self, texts: Sequence[str], frequent: frozenset[str] | None = None) -> None:
        builder = IndexBuilder(frequent_tokens(texts) if frequent is None else frequent)
        for number, text in enumerate(texts):
            builder.add(number, text)
        self.documents = len(texts)
        self.cover, self.all_blocks = builder.build(len(texts))
        self.asked: list[tuple[Part, bytes]] = []

    def blocks(self, part: Part, piece: bytes) -> Iterator[Block]:
        self.asked.append((part, piece))
        for its_part, block in self.all_blocks:
            if its_part is part and piece in block.terms:
                yield block

    def ask(self, text: str) -> Answer:
        return ask(self, Needle.of(text))
