"""Acked events on their way to the broker: sent at once, repeated until confirmed, the precious ones kept on disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nats.aio.msg import Msg
from structlog.stdlib import BoundLogger

from common.bus.nats import ACK_ATTEMPTS_MAX, ACK_TIMEOUT_S, NatsConnection, ack_headers, sequence_of
from common.core import Sample
from common.errors import ContractError, PublishRefused
from common.events import REGISTRY, Event, decode, encode
from common.machine.descriptors import Reserve
from common.signing import HEADER, parse_header

UNCONFIRMED_MAX = 20_000
"""More acked events than this waiting for the broker end the process: memory has a bound."""
LOOK_S = ACK_TIMEOUT_S / 3
"""How often it is looked for events whose ack is overdue."""
REPEATS_AT_ONCE = 200
"""Repeats after which everybody else gets a turn."""

SPOOLED = b"mm-spool 1 "
"""Begins a spool file: a line with the signature, then the bytes. One without it is bytes alone, of before signing."""

Confirmed = Callable[[Event, int], Awaitable[None]]
Refused = Callable[[Event, str], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Letter:
    """One event that the broker has not confirmed."""

    event: Event
    subject: str
    headers: dict[str, str]
    done: asyncio.Future[None] | None
    number: str = ""
    """What its ack is addressed to."""
    data: bytes = b""
    """Empty when it cannot be sent at all."""
    after: int | None = None
    """Of a compare-and-set publish: the sequence it follows."""
    key_id: str = ""
    """Which key it is signed with."""
    first_key_id: str = ""
    """Which key it was first sent with: the broker may store that copy, however late and whatever was sent since."""
    path: Path | None = None
    """Where it is kept on disk."""
    sent_s: float = 0.0
    tries: int = 0


class Kept(NamedTuple):
    """An event a predecessor left on disk: its bytes as they were first sent, and what was signed over them."""

    event: Event
    data: bytes
    signature: str
    """'' of one that was written before messages were signed."""


class Outbox:
    """Deliver acked events; each is first sent in the order given, repeats may overtake.

    An event whose class says `spooled` is written to a file of its own before it is sent and removed when the broker
    has it, so that a fill survives the death of the process that received it. The file is not forced to the platter:
    what a power failure takes, the venue still knows, and recovery asks it. While the disk takes nothing the event is
    sent all the same, kept in memory and written as soon as there is room; `spool_fault` says so meanwhile.

    An event is signed once, when its letter is made: its repeats are the same message. Only when the key has changed
    since, which no reader believes any longer, is it signed anew.

    Sending costs no task: acks come through the connection's one inbox, and `run` repeats what is overdue. Nor does a
    confirmation, unless somebody waits for it: `heard` are the classes of which `confirmed` is told.
    """

    def __init__(
        self,
        connection: NatsConnection,
        spool_dir: Path,
        confirmed: Confirmed,
        refused: Refused,
        log: BoundLogger,
        heard: tuple[type[Event], ...] = (Event,),
    ) -> None:
        self._connection, self._spool_dir = connection, spool_dir
        self._confirmed, self._refused, self._heard = confirmed, refused, heard
        self._log = log
        self._letters: dict[str, _Letter] = {}
        self._answers: asyncio.Queue[tuple[_Letter, Msg | ContractError | PublishRefused]] = asyncio.Queue()
        self._in_line = False
        """True while letters wait for the connection: later ones go behind them."""
        self._stamp_ns = 0
        self._reserve = Reserve()
        self.spool_fault = ""
        """Why the disk does not take what has to be on it; empty while it does."""
        self.spool_changed = asyncio.Event()
        """Set when `spool_fault` has begun or ended."""
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def unconfirmed(self) -> int:
        return len(self._letters)

    def samples(self) -> Iterator[Sample]:
        yield Sample("mm_unconfirmed", "gauge", "Acked events the broker has not confirmed", {}, self.unconfirmed)
        # For whoever rotates keys: the old one may end when the broker has answered for all it signed.
        former = sum(each.first_key_id not in ("", self._connection.key_id) for each in self._letters.values())
        yield Sample("mm_signed_before", "gauge", "Of these, first sent with a key we had before", {}, former)

    async def send(
        self,
        event: Event,
        expected_last_sequence: int | None = None,
        *,
        watched: bool = False,
        kept: Kept | None = None,
    ) -> asyncio.Future[None] | None:
        """Begin to deliver an event; a watched one returns what is done when the broker has confirmed or refused it.

        One that was kept on disk goes out with the bytes and the signature it had.
        """
        if len(self._letters) >= UNCONFIRMED_MAX:
            raise RuntimeError(f"outbox: {UNCONFIRMED_MAX} events wait for the broker")
        done: asyncio.Future[None] | None = asyncio.get_running_loop().create_future() if watched else None
        address = _address(event)
        letter = _Letter(
            event, str(address), ack_headers(event, expected_last_sequence, self._connection.features), done
        )
        letter.after = expected_last_sequence
        letter.number = self._connection.expect_ack(letter.subject, partial(self._on_answer, letter))
        self._letters[letter.number] = letter
        self._empty.clear()
        try:
            if isinstance(address, ContractError):
                raise address
            data = kept.data if kept is not None else encode(event)
        except ContractError as error:
            # It is told like a refusal of the broker's: never within the turn that sends.
            self._answers.put_nowait((letter, error))
            return done
        refusal = self._sign(letter, data, kept.signature if kept is not None else "") if event.signed else None
        if event.spooled:
            # Before anything else: a fill that cannot be signed now is signed at the next start.
            letter.data = data
            self._spool(letter)
        letter.data = data if refusal is None else b""
        if refusal is not None:
            self._answers.put_nowait((letter, refusal))
            return done
        if not self._in_line:
            self._in_line = not await self._try(letter)
        return done

    def _sign(self, letter: _Letter, data: bytes, kept: str = "") -> PublishRefused | None:
        """Sign a letter, unless a signature of our present key was kept; return why nobody would believe ours."""
        found = parse_header(kept)
        letter.key_id = self._connection.key_id
        if found is not None and found.key_id == letter.key_id:
            letter.headers[HEADER] = kept
            return None
        try:
            letter.headers |= self._connection.signature(letter.event, letter.subject, data, letter.after)
        except PublishRefused as refusal:
            return refusal
        return None

    async def run(self) -> None:
        """Take answers in and repeat what is overdue, for as long as the outbox is used."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take_answers())
            both.create_task(self._repeat())

    async def _try(self, letter: _Letter) -> bool:
        """Send a letter; return False when the connection does not take it."""
        if not await self._connection.publish_for_ack(letter.subject, letter.data, letter.headers, letter.number):
            return False
        letter.sent_s = time.monotonic()
        letter.tries += 1
        letter.first_key_id = letter.first_key_id or letter.key_id
        return True

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            overdue_s = time.monotonic() - ACK_TIMEOUT_S
            overdue = [letter for letter in self._letters.values() if letter.data and letter.sent_s < overdue_s]
            self._in_line = False
            if self.spool_fault:
                self._spool_again()
            for place, letter in enumerate(overdue):
                if letter.number not in self._letters:
                    continue
                if letter.tries and letter.tries % ACK_ATTEMPTS_MAX == 0:
                    # A condition may have been met by the try whose ack was lost; the message id makes a repeat safe.
                    self._log.warning("unconfirmed, trying again", subject=letter.subject, tries=letter.tries)
                if letter.event.signed and letter.key_id != self._connection.key_id:
                    self._sign(letter, letter.data)
                if not await self._try(letter):
                    self._in_line = True
                    break
                if place % REPEATS_AT_ONCE == REPEATS_AT_ONCE - 1:
                    await asyncio.sleep(0)

    def _on_answer(self, letter: _Letter, answer: Msg) -> None:
        """Note an answer, within the client's own reading; a confirmation that nobody hears ends the letter here."""
        if letter.number not in self._letters:
            return  # the second answer, to a repeat
        if letter.path is None and letter.done is None and not isinstance(letter.event, self._heard):
            try:
                sequence_of(letter.subject, answer)
            except (PublishRefused, ValueError):
                pass  # it is told in a turn of its own
            else:
                self._end(letter)
                return
        self._answers.put_nowait((letter, answer))

    async def _take_answers(self) -> None:
        while True:
            letter, answer = await self._answers.get()
            if letter.number in self._letters:  # else a repeat was answered meanwhile
                await self._take(letter, answer)

    async def _take(self, letter: _Letter, answer: Msg | ContractError | PublishRefused) -> None:
        try:
            if isinstance(answer, ContractError | PublishRefused):
                raise answer
            sequence = sequence_of(letter.subject, answer)
        except (PublishRefused, ContractError) as error:
            self._log.error("refused by the broker", subject=letter.subject, why=str(error))
            # A spooled event stays on disk: a person frees the stream, the next start sends it.
            await self._refused(letter.event, str(error))
        else:
            if letter.path is not None:
                # One that cannot be removed is sent again by the next start: its id makes that harmless.
                with contextlib.suppress(OSError):
                    letter.path.unlink(missing_ok=True)
            if isinstance(letter.event, self._heard):
                await self._confirmed(letter.event, sequence)
        self._end(letter)
        if letter.done is not None and not letter.done.done():
            letter.done.set_result(None)

    def _end(self, letter: _Letter) -> None:
        self._connection.forget_ack(letter.number)
        del self._letters[letter.number]
        if not self._letters:
            self._empty.set()

    def _spool(self, letter: _Letter) -> None:
        """Write a letter to disk; what the disk does not take is waited for, and told, but ends nothing."""
        try:
            try:
                letter.path = self._write(letter)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    raise
                with self._reserve.lent():
                    letter.path = self._write(letter)
        except OSError as error:
            self._note_spool(f"{self._spool_dir}: {error.strerror or type(error).__name__}")

    def _spool_again(self) -> None:
        """Write what the disk did not take before; the first that it refuses again ends the attempt."""
        unwritten = [each for each in self._letters.values() if each.event.spooled and each.data and each.path is None]
        for letter in unwritten:
            self._spool(letter)
            if letter.path is None:
                return
        if not unwritten and not self._takes_writes():
            return
        self._note_spool("")

    def _takes_writes(self) -> bool:
        """Say whether the disk has room again, although nothing waits for it."""
        probe = self._spool_dir / "probe.draft"
        try:
            self._spool_dir.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"?")
            probe.unlink()
        except OSError:
            return False
        return True

    def _note_spool(self, fault: str) -> None:
        if bool(fault) != bool(self.spool_fault):
            self.spool_changed.set()
        if fault and not self.spool_fault:
            self._log.error("the spool cannot be written", why=fault)
        self.spool_fault = fault

    def _write(self, letter: _Letter) -> Path:
        event = letter.event
        self._spool_dir.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(event.message_id().encode()).hexdigest()[:32]
        path = self._spool_dir / f"{type(event).__name__}-{name}"
        draft = path.with_suffix(".draft")
        draft.write_bytes(SPOOLED + letter.headers.get(HEADER, "").encode() + b"\n" + letter.data)
        # The file system's own stamps are milliseconds apart, and a burst of fills is not: the order would be lost.
        self._stamp_ns = max(self._stamp_ns + 1, time.time_ns())
        os.utime(draft, ns=(self._stamp_ns, self._stamp_ns))
        draft.rename(path)
        return path

    def left_behind(self) -> list[Kept]:
        """Return what a predecessor wrote to disk and did not see confirmed, oldest first."""
        if not self._spool_dir.is_dir():
            return []
        kept = []
        paths = [path for path in self._spool_dir.iterdir() if path.suffix != ".draft"]
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name)):
            cls = REGISTRY.get(path.name.split("-")[0])
            if cls is None:
                raise ContractError(str(path), "spooled event of an unknown class")
            content = path.read_bytes()
            if not content.strip(b"\0"):
                # A power failure can leave the name without the bytes, since nothing forces them to the platter.
                self._log.error("an event on disk was lost to a power failure, recovery asks for it", file=path.name)
                path.rename(path.with_suffix(".draft"))
                continue
            signature, data = _read_spooled(content)
            kept.append(Kept(decode(cls, data, str(path)), data, signature))
        return kept

    async def drain(self, timeout_s: float) -> int:
        """Wait until all is confirmed, at most so long, while `run` works; return how many are left."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        return len(self._letters)


def _read_spooled(content: bytes) -> tuple[str, bytes]:
    """Return the signature and the bytes in a spool file."""
    if not content.startswith(SPOOLED):
        return "", content
    line, _, data = content.partition(b"\n")
    return line.removeprefix(SPOOLED).decode("ascii", "replace"), data


def _address(event: Event) -> str | ContractError:
    """Return where an event goes, or why it can go nowhere."""
    try:
        return event.address()
    except ContractError as error:
        return error
