"""One client of the model: its connection, what it has sent, what it remembers. Not a test itself."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.servers.imap.room import Client, Room

from .ledger import FLAGS, Effect, Flags, Ledger
from .picture import Cache, Picture, numbers_of, seqset_of

COPYUID = re.compile(rb"\[COPYUID (\d+) ([0-9:,]+) ([0-9:,]+)\]")
APPENDUID = re.compile(rb"\[APPENDUID (\d+) ([0-9:,]+)\]")
MODIFIED = re.compile(rb"\[MODIFIED ([0-9:,]+)\]")
_CONNECTION_LOST = (ConnectionError, EOFError)


@dataclass(frozen=True)
class Kind:
    """What sort of client it is."""

    enable: str = ""
    examine: bool = False
    compress: bool = False

    def has(self, capability: str) -> bool:
        return capability in self.enable.split()


@dataclass(slots=True)
class Sent:
    """A command under way."""

    tag: bytes
    text: str
    expunge: bool  # EXPUNGE may be said in its answer
    begins: Callable[[], None] | None = None  # when the one before is answered
    hears: Callable[[bytes], None] | None = None  # an untagged response
    answered: Callable[[bytes], None] | None = None
    lost: Callable[[], None] | None = None  # the connection broke before the answer


@dataclass(slots=True)
class Player:
    room: Room
    ledger: Ledger
    kind: Kind
    name: str = "INBOX"  # of the mailbox it works in
    client: Client | None = None
    picture: Picture | None = None
    idling: Sent | None = None
    sent: deque[Sent] = field(default_factory=deque)
    caches: dict[str, Cache] = field(default_factory=dict)
    saved: list[int] | None = None  # uids of "$"
    log: list[str] = field(default_factory=list)
    _begun: Sent | None = None
    _bye: bytes = b""
    _count: int = 0

    # ---- sending

    @property
    def condstore(self) -> bool:
        return self.kind.has("CONDSTORE") or self.kind.has("QRESYNC") or self.kind.has("UIDONLY")

    @property
    def numbers_are_good(self) -> bool:
        """No command under way may bring an EXPUNGE (RFC 3501 §5.5)."""
        return not self.kind.has("UIDONLY") and not any(sent.expunge for sent in self.sent)

    def send(self, text: str | bytes, *, expunge: bool = True, **more: Callable[..., None]) -> Sent:
        assert self.client is not None
        data = text.encode() if isinstance(text, str) else text
        self._count += 1
        tag = b"t%d" % self._count
        self.client.send(tag + b" " + data + b"\r\n")
        sent = Sent(tag, data.decode(), expunge, **more)
        self.sent.append(sent)
        self.log.append(f"> {sent.tag.decode()} {sent.text}")
        return sent

    async def ready(self) -> None:
        """Connected, with a mailbox selected if there is one."""
        if self.client is None:
            self.client = await self.room.client()
            self.log.append("connected")
            if self.kind.compress:
                await self.client.ok("COMPRESS DEFLATE")
                self.client.compress()
            if self.kind.enable:
                self.send(f"ENABLE {self.kind.enable}")
        if self.picture is None:
            self.done()
            self.select(self.name)
        await self.settle()

    def select(self, name: str) -> None:
        """QRESYNC with all variations of its parameter, when there is something to resynchronize."""
        self.leave_mailbox()
        self.name = name
        picture = Picture(self.ledger, name, self.kind.has("UIDONLY"), self.condstore, self.kind.examine)
        parameter = ""
        cache = self.caches.pop(name, None)
        if cache is not None and self.kind.has("QRESYNC"):
            picture.resync(cache)
            parameter = f" (QRESYNC ({cache.validity} {cache.modseq}{self._more(cache)}))"

        def begins() -> None:
            if self.picture is not None and self.picture.name != name:
                self.leave_mailbox()
            self.picture = picture

        closed = [self.picture is None]

        def hears(line: bytes) -> None:
            closed[0] = closed[0] or line.startswith(b"* OK [CLOSED]")

        def answered(answer: bytes) -> None:
            assert closed[0], "the end of the mailbox selected before was not told"
            if answer.startswith(b"OK"):
                picture.tagged(answer)
                picture.selected()
                self.ledger.told_highest(picture.validity, picture.modseq)
            else:
                self.picture, self.name = None, "INBOX"

        verb = "EXAMINE" if self.kind.examine else "SELECT"
        self.send(f"{verb} {name}{parameter}", begins=begins, hears=hears, answered=answered)

    def _more(self, cache: Cache) -> str:
        uids = cache.uids
        if not uids or cache.modseq % 3 == 0:
            return ""
        known = f" 1:{uids[-1]}" if cache.modseq % 2 else f" {seqset_of(uids)}"
        if self.kind.has("UIDONLY") or cache.modseq % 3 == 1:
            return known
        step = max(len(uids) // 3, 1)
        return f"{known} ({seqset_of(range(1, len(uids) + 1, step))} {seqset_of(uids[::step])})"

    def learn(self) -> None:
        """Ask for what EXISTS has announced."""
        picture = self.picture
        if picture is None or None not in picture.uids:
            return
        items = "FLAGS MODSEQ" if self.condstore else "FLAGS"
        if self.kind.has("UIDONLY"):
            self.send(f"UID FETCH 1:* ({items})")
        elif self.numbers_are_good:
            first = picture.uids.index(None) + 1
            subject = " BODY.PEEK[HEADER.FIELDS (SUBJECT)]" if first % 2 else ""
            self.send(f"FETCH {first}:{len(picture.uids)} (UID {items}{subject})", expunge=False)

    def idle(self) -> None:
        self.idling = self.send("IDLE")

    def done(self) -> None:
        if self.idling is not None and self.client is not None:
            self.idling = None
            self.client.send(b"DONE\r\n")

    # ---- reading

    async def settle(self) -> None:
        """Read until all that was sent is answered, but for an IDLE that goes on."""
        try:
            async with asyncio.timeout(20):
                while self.sent and self.sent[0] is not self.idling:
                    await self.read()
        except _CONNECTION_LOST:
            await self._ended()

    async def read(self) -> None:
        """One response."""
        assert self.client is not None
        if self.sent and self._begun is not self.sent[0]:
            self._begun = self.sent[0]
            if self._begun.begins is not None:
                self._begun.begins()
        line = await self.client.response()
        self.log.append(f"< {line!r}")
        sent = self.sent[0] if self.sent else None
        if sent is not None and line.startswith(sent.tag + b" "):
            self._tagged(sent, line[len(sent.tag) + 1 :])
        elif line.startswith(b"* BYE"):
            self._bye = line
        elif not line.startswith(b"+"):
            assert line.startswith(b"* "), line
            if self.picture is not None:
                self.picture.late = sent is not None and sent.text == "IDLE"
                self.picture.hear(line, expunge=sent is not None and sent.expunge)
            if sent is not None and sent.hears is not None:
                sent.hears(line)

    def _tagged(self, sent: Sent, answer: bytes) -> None:
        assert not answer.startswith((b"BAD", b"NO [SERVERBUG]")), (sent.text, answer)
        self.sent.popleft()
        if sent.answered is not None:
            sent.answered(answer)
        if self.picture is not None:
            self.picture.tagged(answer)

    async def _ended(self) -> None:
        """The server closed: only because somebody deleted the mailbox (RFC 2180 §3.3).

        Commands that it no longer reads make the end a reset, which may take the BYE along.
        """
        assert b"deleted" in self._bye or (not self._bye and self.sent), (self._bye, self.log)
        assert self.ledger.deletes
        self._bye = b""
        assert self.client is not None
        await self.client.close()
        self.gone()

    async def drop(self, responses: int) -> None:
        """The connection breaks after so many responses, or when all are read."""
        assert self.client is not None
        try:
            async with asyncio.timeout(20):
                for _ in range(responses):
                    if not self.sent or self.sent[0] is self.idling:
                        break
                    await self.read()
            if not responses:
                for _ in range(len(self.sent)):  # the server may get to see some of it
                    await asyncio.sleep(0)
        except _CONNECTION_LOST:
            await self._ended()
            return
        self.log.append("dropped")
        self.client.writer.transport.abort()
        self.gone()

    def gone(self) -> None:
        """Without a connection; what was not answered may have happened or not."""
        for sent in self.sent:
            if sent.lost is not None:
                sent.lost()
        self.sent.clear()
        self.leave_mailbox()
        self.client = self.picture = self.idling = self._begun = None
        self.saved = None
        self._bye = b""

    def leave_mailbox(self) -> None:
        if self.picture is not None and (cache := self.picture.cache()) is not None:
            self.caches[self.picture.name] = cache
        self.saved = None

    # ---- commands that change something

    def store(
        self, target: str, uids: Sequence[int], mode: str, flag: str, *, silent: bool, since: int | None, by_uid: bool
    ) -> None:
        """`uids` are those that `target` names in the client's picture."""
        picture = self.picture
        assert picture is not None
        adds, removes = _meaning(mode, flag)
        some = Effect(picture.validity, frozenset(uids), adds, removes, self.ledger.tick())
        effect = None if self.kind.examine else self.ledger.effect(some)

        def begins() -> None:
            if silent and effect is not None:  # the client takes it for done (RFC 3501 §6.4.6)
                for uid in effect.uids or ():
                    if uid in picture.flags:
                        picture.flags[uid] = picture.flags[uid] - removes | adds

        def unsure() -> None:
            for uid in uids if silent else ():
                picture.flags.pop(uid, None)

        def answered(answer: bytes) -> None:
            if effect is None:
                return
            modified = _modified(answer, picture, by_uid)
            if answer.startswith(b"OK"):
                self.ledger.acknowledged(effect, modified)
                if since is not None and mode == "FLAGS":
                    for uid in set(uids) - set(modified):
                        if (
                            picture.validity,
                            uid,
                        ) not in self.ledger.may_go:  # what is gone was not stored
                            self.ledger.won(picture.validity, uid, since, adds)
            else:  # some of it may have been done
                unsure()
                effect.end = self.ledger.tick()
                if b"[MODIFIED" in answer and effect.uids is not None:
                    effect.uids -= set(modified)

        condition = "" if since is None else f"(UNCHANGEDSINCE {since}) "
        verb = "UID STORE" if by_uid else "STORE"
        self.send(
            f"{verb} {target} {condition}{mode}{'.SILENT' if silent else ''} ({flag})",
            expunge=by_uid,
            begins=begins,
            answered=answered,
            lost=unsure,
        )

    def read_messages(self, command: str, uids: Sequence[int], *, expunge: bool) -> None:
        """FETCH of BODY[...], which sets \\Seen (RFC 3501 §6.4.5)."""
        picture = self.picture
        assert picture is not None
        some = Effect(picture.validity, frozenset(uids), frozenset(("\\Seen",)), frozenset(), self.ledger.tick())
        effect = None if self.kind.examine else self.ledger.effect(some)

        def answered(answer: bytes) -> None:
            if effect is not None and answer.startswith(b"OK"):
                self.ledger.acknowledged(effect)

        self.send(command, expunge=expunge, answered=answered)

    def store_saved(self, flag: str) -> None:
        """STORE of "$", which is known only when the SEARCH before is answered (RFC 5182 §2)."""
        picture = self.picture
        assert picture is not None
        some = Effect(picture.validity, None, frozenset((flag,)), frozenset(), self.ledger.tick())
        effect = None if self.kind.examine else self.ledger.effect(some)

        def answered(answer: bytes) -> None:
            if effect is not None and answer.startswith(b"OK") and self.saved is not None:
                effect.uids = frozenset(self.saved)
                self.ledger.acknowledged(effect)

        self.send(f"UID STORE $ +FLAGS ({flag})", answered=answered)

    def append(self, command: str, messages: Sequence[tuple[str, Flags, bytes]], replaced: int | None = None) -> None:
        """APPEND of one message or several; REPLACE of the message with the uid `replaced`."""
        start = self.ledger.tick()
        picture = self.picture
        subjects = [subject for subject, _, _ in messages]
        code: list[bytes] = []
        self.ledger.create(subjects)
        if replaced is not None and picture is not None:
            self.ledger.may_go.add((picture.validity, replaced))

        def answered(answer: bytes) -> None:
            if not answer.startswith(b"OK"):
                self.ledger.not_created(subjects)
                return
            found = APPENDUID.search(b"".join([*code, answer]))
            assert found is not None, answer
            validity, uids = int(found[1]), numbers_of(found[2])
            self.ledger.created(subjects, validity, uids)
            end = self.ledger.tick()
            for uid, (_, flags, _) in zip(uids, messages, strict=True):
                rest = frozenset(FLAGS) - flags
                self.ledger.effect(Effect(validity, frozenset((uid,)), flags, rest, start, end, sure=True))
            if replaced is not None and picture is not None:
                self.ledger.must_go.add((picture.validity, replaced))

        data = command.encode()
        for _, flags, octets in messages:
            data += b" (%b) {%d+}\r\n%b" % (" ".join(sorted(flags)).encode(), len(octets), octets)
        self.send(data, hears=lambda line: code.append(line) if b"APPENDUID" in line else None, answered=answered)

    def copy(self, command: str, uids: Sequence[int], *, move: bool) -> None:
        """COPY and MOVE of these uids."""
        picture = self.picture
        assert picture is not None
        start = self.ledger.tick()
        subjects = {uid: self.ledger.subject(picture.validity, uid) for uid in uids}
        code: list[bytes] = []
        self.ledger.create(subjects.values())
        if move:
            self.ledger.may_go.update((picture.validity, uid) for uid in uids)

        def answered(answer: bytes) -> None:
            found = COPYUID.search(b"".join([*code, answer]))
            assert answer.startswith(b"OK") or found is None
            self.ledger.not_created(subjects.values())
            if found is None:
                return
            validity, sources, targets = int(found[1]), numbers_of(found[2]), numbers_of(found[3])
            assert set(sources) <= set(uids), "what was copied was not asked for"
            end = self.ledger.tick()
            # what the client did not know of them when it sent this, it may have learnt since
            made = [self.ledger.subject(picture.validity, uid) for uid in sources]
            self.ledger.create(made)
            self.ledger.created(made, validity, targets)
            for old, new in zip(sources, targets, strict=True):
                nothing: Flags = frozenset()
                self.ledger.effect(
                    Effect(validity, frozenset((new,)), nothing, nothing, start, end, sure=True, anything=True)
                )
                if (picture.validity, old) in self.ledger.may_go:
                    self.ledger.may_go.add((validity, new))
                if move:
                    self.ledger.must_go.add((picture.validity, old))

        self.send(command, hears=lambda line: code.append(line) if b"COPYUID" in line else None, answered=answered)


def _meaning(mode: str, flag: str) -> tuple[Flags, Flags]:
    one = frozenset((flag,))
    if mode == "-FLAGS":
        return frozenset(), one
    return one, frozenset() if mode == "+FLAGS" else frozenset(FLAGS) - one


def _modified(answer: bytes, picture: Picture, by_uid: bool) -> list[int]:
    """The uids that MODIFIED names."""
    if (found := MODIFIED.search(answer)) is None:
        return []
    named = numbers_of(found[1])
    if by_uid:
        return named
    uids = [picture.uids[number - 1] for number in named]
    return [uid for uid in uids if uid is not None]
