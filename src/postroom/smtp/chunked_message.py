"""The chunks of one session's messages (RFC 3030 §2): which is being read, what it is refused with, when all is there.

Owns: the state between one BDAT and the next, the octets of chunks that nobody wants. Never: answers, counts errors,
ends a transaction: the engine does. Raises: nothing.
"""

from . import replies
from .chunk_reading import Chunk, ChunkedBody
from .input_lines import InputLines
from .replies import Reply
from .settings import SmtpSettings


class ChunkedMessage:
    """For each BDAT `expect` or `refuse`, then `take` until `complete`; `forget` when the transaction is over.

    Whatever is wrong with a chunk is told when its octets are read: they are no commands.
    """

    __slots__ = ("_body", "_chunk", "_discarded", "_failed", "_failure_told", "_refusal", "_settings")

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._body: ChunkedBody | None = None  # what came in the open transaction
        self._chunk = Chunk(0, False)
        self._refusal: Reply | None = None  # what the octets of this chunk, which nobody wants, are answered with
        self._failed: Reply | None = None  # what every further chunk of the transaction is answered with
        self._failure_told = False
        self._discarded = 0  # octets of refused chunks

    # ---- one BDAT

    def refuse(self, chunk: Chunk, reply: Reply) -> None:
        """It comes at the wrong time, and has nothing to do with the message."""
        self._chunk, self._refusal = chunk, reply

    def expect(self, chunk: Chunk, nobody: Reply | None) -> bool:
        """The next one of the message; True when somebody has to `begin` it first. `nobody`: it has no recipient."""
        so_far = self._body.octets if self._body is not None else 0
        if nobody is not None:
            self._failed = nobody
        elif self._failed is None and so_far + chunk.size > self._settings.max_message_octets:
            self._failed = replies.TOO_LARGE  # RFC 1870 §6.3
        self._chunk, self._refusal = chunk, self._failed
        return self._failed is None and self._body is None

    def begin(self, *, binary: bool) -> None:
        """The message is wanted."""
        self._body = ChunkedBody(binary=binary, convert_bare_cr_lf=self._settings.quirk_bare_cr_lf_in_data)

    def fail(self, reply: Reply) -> None:
        """The message is not wanted; all its chunks are answered so."""
        self._refusal = self._failed = reply

    def take(self, octets: InputLines) -> bytes:
        """What there is of the chunk; of one that is refused it is thrown away."""
        chunk = self._chunk
        if not chunk.left:
            return b""
        data = octets.take(chunk.left)
        chunk.left -= len(data)
        if self._refusal is not None:
            self._discarded += len(data)
            return b""
        assert self._body is not None
        return self._body.feed(data)

    # ---- what is known

    @property
    def begun(self) -> bool:
        """BDAT has been said in the open transaction."""
        return self._body is not None or self._failed is not None

    @property
    def open(self) -> bool:
        """The message may still come to its end."""
        return self._body is not None and self._failed is None

    @property
    def complete(self) -> bool:
        """All octets of the chunk are here."""
        return not self._chunk.left

    @property
    def size(self) -> int:
        """Octets of the chunk."""
        return self._chunk.size

    @property
    def last(self) -> bool:
        """It is the last one of its message."""
        return self._chunk.last

    @property
    def refusal(self) -> Reply | None:
        """What the chunk is answered with, when it is not wanted."""
        return self._refusal

    @property
    def body(self) -> ChunkedBody:
        """Of the message that has begun."""
        assert self._body is not None
        return self._body

    @property
    def excessive(self) -> bool:
        """More has been thrown away than a session may make us read."""
        return self._discarded > self._settings.max_discarded_octets

    # ---- ends

    def tell(self) -> bool:
        """The refusal goes out now; True when it is the first of its kind.

        Chunks behind one that failed were in the pipeline already (RFC 3030 §2), and are no errors more.
        """
        again = self._failure_told
        self._failure_told = self._refusal is self._failed
        return not again

    def forget(self) -> None:
        """The transaction is over."""
        self._body, self._failed, self._failure_told = None, None, False

    def forgive(self) -> None:
        """A message has come through: what was thrown away before counts no more."""
        self._discarded = 0
