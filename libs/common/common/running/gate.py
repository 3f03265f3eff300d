"""What reaches a core was said by its owner and is not an old word said again: checked once, here, for everybody."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from structlog.stdlib import BoundLogger

from common.bus.jetstream import JetStreamApi
from common.bus.messages import Message, StoredMessage, message_of
from common.errors import ConfigError, ContractError
from common.events import REGISTRY, Event, class_of
from common.machine.disk import write_whole
from common.signing import Fault, Obeyed, Refusal, Signature
from common.signing.judge import late, read
from common.signing.keyfiles import LOOK_S, KeyFiles
from common.streams import STREAM_BY_NAME, stream_of

WRITE_LOOKS = 2
"""Looks at the key files between two writes of the memory, when there is news."""
IN_THE_WAY_MAX = 1_000
TOLD_MAX = 10_000
"""Subjects of which it is remembered that something genuine was heard."""
IN_TURN_STREAMS = sorted({stream_of(cls.subject).name for cls in REGISTRY.values() if cls.in_turn})


class Admission(NamedTuple):
    """What became of a message: the event to obey, where it was found, and what was refused on the way to it."""

    event: Event | None
    message: Message
    refusal: Refusal | None = None


class Gate:
    """Verify what is read, in memory of what was obeyed; the memory outlives the process in one small file."""

    def __init__(self, keys: KeyFiles, api: JetStreamApi, file: Path, log: BoundLogger) -> None:
        """Read the memory; ConfigError when the list of keys is older than the one obeyed before."""
        self._keys, self._api, self._file, self._log = keys, api, file, log
        document = _read(file, log)
        self.obeyed = Obeyed.restored(document.get("subjects", {}))
        self._created: dict[str, str] = dict(document.get("created", {}))
        serial, known = keys.verifier.keys.serial, int(document.get("serial", 0))
        if serial < known:
            raise ConfigError([f"MM_PUBLIC_KEYS_FILE: serial {serial}, and {known} has been in force here"])
        self._told: dict[str, int] = {}
        """When this process first heard the newest genuine message, by subject, in ns of the monotonic clock."""
        self._written = self.obeyed.changes
        self._in_the_way: dict[str, int] = {}
        """By subject: the sequence of the newest message refused there."""
        self.refused = 0

    async def begin(self, *, resumed: bool = False) -> None:
        """Compare the streams with those the memory is of; BusError when the broker does not answer.

        A stream that was recreated gives its sequences out again: what was obeyed in the old one says nothing. So may
        one that was brought back, which an older broker does not say was recreated: `resumed` is a person's word.
        """
        if resumed:
            self.obeyed.forget_sequences()
        for name in IN_TURN_STREAMS:
            created = str((await self._api.call(f"STREAM.INFO.{name}"))["created"])
            if self._created.get(name, created) != created:
                self._log.warning("a stream was recreated, what was obeyed in it is forgotten", stream=name)
                self.obeyed.forget_stream(name)
            self._created[name] = created

    async def run(self) -> None:
        """Look at the key files and write the memory down, for as long as the process lives."""
        looks = 0
        while True:
            await asyncio.sleep(LOOK_S)
            for news in self._keys.look():
                self._log.warning("key files changed", news=news)
            looks += 1
            if looks % WRITE_LOOKS == 0:
                await self.save()

    async def save(self) -> None:
        """Write the memory down when there is news; a disk that takes nothing is told and tried again."""
        if self._written == self.obeyed.changes:
            return
        changes = self.obeyed.changes
        serial = self._keys.verifier.keys.serial
        text = json.dumps({"serial": serial, "created": self._created, "subjects": self.obeyed.document()})
        try:
            await asyncio.to_thread(write_whole, self._file, text.encode())
        except OSError as error:
            self._log.warning("what was obeyed is not written down", why=type(error).__name__)
            return
        self._written = changes

    def check_stored(self, stored: StoredMessage) -> Refusal | None:
        """Return why a message of a stream's history is not its owner's; None too for what does not decode."""
        cls = class_of(stored.subject)
        if cls is None:
            return None
        message = message_of(stored)
        try:
            found, _ = self.read(cls, message)
        except ContractError:
            return None
        return found if isinstance(found, Refusal) else None

    def read(self, cls: type[Event], message: Message) -> tuple[Event | Refusal, Signature | None]:
        """Return the event or why it is not its owner's, wherever it stands; ContractError when it does not decode."""
        return read(self._keys.verifier, cls, message)

    async def admit(self, cls: type[Event], message: Message) -> Admission:
        """Return what to obey of a message.

        One that is refused before anything was heard under its subject stands in the way of the last genuine word:
        then that one is looked for in the stream. ContractError when genuine bytes do not decode; BusError when the
        stream has to be asked and does not answer.
        """
        event, signature = self.read(cls, message)
        refusal = event if isinstance(event, Refusal) else late(self.obeyed, cls, message, signature)
        strange = message.subject not in self._told
        if cls.in_turn and strange and (refusal is not None or not await self._follows(message, signature)):
            return await self._newest_genuine(cls, message, refusal)
        if refusal is not None:
            if refusal.fault is Fault.OUTDATED and self._overtaken(message):
                return Admission(None, message)
            self._refuse(message)
            return Admission(None, message, refusal)
        self._note(cls, message, signature)
        assert isinstance(event, Event)
        return Admission(event, message)

    def behind(self, subject: str, expected: int) -> int:
        """Return what a compare-and-set publish must name instead of the sequence of the last genuine message.

        A message that is not obeyed is in the stream all the same, and the broker compares with that one.
        """
        return max(expected, self._in_the_way.get(subject, 0))

    def _overtaken(self, message: Message) -> bool:
        """Say whether a last value was stored before what was heard since: nobody has stored it again.

        A broker hands a message on before it stores it. So a stream may be behind what was heard: for a moment, and,
        when the broker dies in that moment, until its owner speaks again.
        """
        heard_ns = self._told.get(message.subject)
        return heard_ns is not None and message.age_ns > time.monotonic_ns() - heard_ns

    def _refuse(self, message: Message) -> None:
        self.refused += 1
        if message.sequence:
            self._in_the_way.pop(message.subject, None)
            self._in_the_way[message.subject] = message.sequence
            if len(self._in_the_way) > IN_THE_WAY_MAX:
                del self._in_the_way[next(iter(self._in_the_way))]

    def _note(self, cls: type[Event], message: Message, signature: Signature | None) -> None:
        if cls.in_turn:
            if len(self._told) >= TOLD_MAX:
                self._told.clear()  # asking the stream once more for a subject costs little
            if signature is None or not self.obeyed.is_last(message.subject, signature):
                self._told.pop(message.subject, None)
            self._told.setdefault(message.subject, time.monotonic_ns())
            if signature is not None:
                self.obeyed.note(message.subject, signature, message.sequence)

    async def _follows(self, message: Message, signature: Signature | None) -> bool:
        """Say whether the first message heard of a subject may be believed to be the newest there.

        Of one that names its predecessor the stream itself tells: it must be the next one after it.
        """
        if signature is None or not signature.order.chained or self.obeyed.knows(message.subject):
            return True
        if not _keeps_history(message.subject):
            return True
        stream = stream_of(message.subject).name
        following = await self._api.after(stream, message.subject, signature.order.number)
        return following is not None and following.sequence == message.sequence

    async def _newest_genuine(self, cls: type[Event], message: Message, refusal: Refusal | None) -> Admission:
        """Judge all that the stream holds of a subject, oldest first, and return the last word that stands."""
        self._refuse(message)
        newest: Admission | None = None
        if _keeps_history(message.subject):
            async for stored in self._api.read(stream_of(message.subject).name, 0, message.subject):
                each = message_of(stored)
                event, signature = self.read(cls, each)
                old = None if isinstance(event, Refusal) else late(self.obeyed, cls, each, signature)
                if isinstance(event, Refusal) or old is not None:
                    refusal = refusal or old
                    continue
                self._note(cls, each, signature)
                newest = Admission(event, each)
        if newest is None:
            return Admission(None, message, refusal or Refusal(Fault.OUTDATED, "it does not follow what it names"))
        if newest.message.sequence == message.sequence:
            self._in_the_way.pop(message.subject, None)
            return newest
        return newest._replace(refusal=refusal or Refusal(Fault.OUTDATED, "stored again behind newer ones"))


def _keeps_history(subject: str) -> bool:
    return STREAM_BY_NAME[stream_of(subject).name].max_msgs_per_subject != 1


def _read(file: Path, log: BoundLogger) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        Obeyed.restored(document["subjects"])
        return dict(document)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        log.exception("what was obeyed before cannot be read, only the streams tell it now")
        return {}
