"""Halts: how scopes and reasons are written, and which halts are in force, in memory and on disk.

Every door speaks this one grammar, so that what one of them accepts another can lift. Whoever obeys halts keeps them on
his own disk: a halt outlives the death of its sender, of the broker and of the broker's store.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from common.core import Keep
from common.errors import ContractError
from common.events import Halt, decode, encode
from common.instruments import TOKEN_CHARS_MAX, escape_token

HALTS_MAX = 1_000
"""(Scope, reason) pairs remembered; beyond them lifted ones go. One in force never does: doors stop taking more."""
SCOPES_NAMED_MAX = 40
"""Scopes that a refusal lists."""

SCOPE_RULE = "must be global, venue-X, account-X, bot-N or currency-C, e.g. venue-degen, bot-1 or currency-USD"
REASON_RULE = "must be 1 to 64 of a-z, 0-9, _ and -, e.g. manual"
DEFAULT_REASON = "manual"
"""The reason of a halt that a person gives without naming one."""
DAILY_LOSS = "daily_loss"
"""The reason of a bot's halt whose day's loss is beyond its limit."""
DRAWDOWN = "drawdown"
"""The reason of a bot's halt that is too far below its highest profit of the day."""
STORE_CHANGED = "store-changed"
"""The reason for which processes stand still when their stores are not those they knew (`common.stores`)."""
DETAIL_CHARS_MAX = 500
_SCOPE = re.compile(r"global|(?:venue|account)-[A-Za-z0-9_-]{1,64}|bot-[1-9][0-9]{0,8}|currency-[A-Z0-9]{2,12}")
_REASON = re.compile(r"[a-z0-9_-]{1,64}")

Key: TypeAlias = tuple[str, str]


class UnknownScopeError(ValueError):
    """A well-formed scope that contains nothing here; the text names those that do."""


class TooManyHaltsError(ValueError):
    """One more reason for a scope that is halted already, while HALTS_MAX are in force."""


def check_scope(scope: object) -> str:
    """Return a scope as it is; ValueError states the rule."""
    if not isinstance(scope, str) or not _SCOPE.fullmatch(scope) or len(escape_token(scope)) > TOKEN_CHARS_MAX:
        raise ValueError(SCOPE_RULE)
    return scope


def check_reason(reason: object) -> str:
    """Return a reason as it is; ValueError states the rule."""
    if not isinstance(reason, str) or not _REASON.fullmatch(reason) or len(escape_token(reason)) > TOKEN_CHARS_MAX:
        raise ValueError(REASON_RULE)
    return reason


def check_exists(scope: str, known: Collection[str]) -> None:
    """Refuse a scope that is not among those that exist; UnknownScopeError names them."""
    if scope not in known:
        named = sorted(known)
        more = f" and {len(named) - SCOPES_NAMED_MAX} more" if len(named) > SCOPES_NAMED_MAX else ""
        raise UnknownScopeError(f"there is no {scope}; there are {', '.join(named[:SCOPES_NAMED_MAX])}{more}")


class Word(NamedTuple):
    """A halt or lift and its place in the stream; 0 while the broker has not confirmed it."""

    halt: Halt
    sequence: int


class Halts:
    """The latest word on each (scope, reason), from the stream and of our own; only a later lift ends a halt.

    A halt of our own, or read from disk, holds whether or not the bus has heard of it. A lift that is older than it was
    not meant for it.
    """

    def __init__(self) -> None:
        self._heard: dict[Key, Word] = {}
        self._own: dict[Key, Word] = {}
        """Halts the stream has not told us of yet."""
        self._kept: dict[str, bytes] = {}
        """What is on disk, by document name."""
        self.standing: Halt | None = None
        """In force while the stores are not those we knew: kept beside what is known of them, not among the words."""

    # --- words --------------------------------------------------------------------------------------------------

    def update(self, halt: Halt, sequence: int) -> None:
        """Take in the stream's word; one older than the word known from there changes nothing."""
        key = (halt.scope, halt.reason)
        known = self._heard.pop(key, None)
        word = known if known is not None and sequence < known.sequence else Word(halt, sequence)
        self._heard[key] = word
        self._settle(key)
        if len(self._heard) > HALTS_MAX:
            # A halt in force is never forgotten: who may halt one bot could push out a halt of everything.
            lifted = next((key for key, word in self._heard.items() if word.halt.lifted), None)
            if lifted is not None:
                del self._heard[lifted]

    def enforce(self, halt: Halt) -> None:
        """Halt by our own decision or a person's at our door, whether or not the bus hears of it."""
        key = (halt.scope, halt.reason)
        self._own[key] = Word(halt, 0)
        self._settle(key)

    def stand_still(self, actor: str, faults: Sequence[str], now_ns: int) -> Halt:
        """Put in force, and return, the halt that holds until a person has resumed; nobody lifts it by itself."""
        self.standing = Halt(
            scope="global",
            reason=STORE_CHANGED,
            actor=actor,
            detail="; ".join(faults)[:DETAIL_CHARS_MAX],
            halt_id=f"{STORE_CHANGED}-{now_ns}",
            cancels=True,
            ts_ns=now_ns,
        )
        return self.standing

    def check_room(self, scope: str) -> None:
        """Refuse one more reason at a door when there are too many in force; TooManyHaltsError.

        A scope that nothing halts yet can always be halted.
        """
        active = self.active()
        if len(active) >= HALTS_MAX and any(halt.scope == scope for halt in active):
            raise TooManyHaltsError(f"{scope} is halted, and {len(active)} halts are in force: lift some first")

    def stored(self, halt: Halt, sequence: int) -> None:
        """Note that the broker has stored a halt of ours."""
        key = (halt.scope, halt.reason)
        own = self._own.get(key)
        if own is not None and own.halt.halt_id == halt.halt_id:
            self._own[key] = Word(own.halt, sequence)
            self._settle(key)

    def _settle(self, key: Key) -> None:
        """Let go of a halt of our own that the stream has told, or told something later than."""
        own, heard = self._own.get(key), self._heard.get(key)
        if own is None or heard is None:
            return
        told = heard.halt.halt_id == own.halt.halt_id
        if told or (own.sequence and heard.sequence > own.sequence):
            del self._own[key]

    # --- what is in force ---------------------------------------------------------------------------------------

    def find(self, scope: str, reason: str) -> Halt | None:
        """Return the halt in force for exactly this scope and reason."""
        standing = self.standing
        if standing is not None and (scope, reason) == (standing.scope, standing.reason):
            return standing
        word = self._in_force((scope, reason))
        return word.halt if word is not None else None

    def active(self) -> list[Halt]:
        """Return the halts in force, in the order they were heard of."""
        standing = [self.standing] if self.standing is not None else []
        return [*standing, *[word.halt for _, word in self._words()]]

    def listed(self) -> list[str]:
        """Return the halts in force as 'scope:reason', sorted."""
        return sorted(f"{halt.scope}:{halt.reason}" for halt in self.active())

    def spoken(self, scope: str, reason: str) -> Halt | None:
        """Return the last word on a (scope, reason), a lift included."""
        key = (scope, reason)
        word = self._own.get(key) or self._heard.get(key)
        return word.halt if word is not None else None

    def sequence_of(self, scope: str, reason: str) -> int:
        """Return where the halt in force stands in the stream, which a lift has to name; 0 while nobody knows."""
        word = self._in_force((scope, reason))
        return word.sequence if word is not None else 0

    def _in_force(self, key: Key) -> Word | None:
        own = self._own.get(key)
        if own is not None:
            return own
        heard = self._heard.get(key)
        return heard if heard is not None and not heard.halt.lifted else None

    def _words(self) -> Iterator[tuple[Key, Word]]:
        for key in dict.fromkeys([*self._heard, *self._own]):
            word = self._in_force(key)
            if word is not None:
                yield key, word

    # --- on disk ------------------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, bytes]) -> list[str]:
        """Take in what is on disk, before anything else; return what could not be read, by name and reason."""
        faults = []
        for name, data in documents.items():
            try:
                sequence, halt = msgspec.msgpack.decode(data, type=tuple[int, bytes])
                word = Word(decode(Halt, halt, name), sequence)
            except (ContractError, msgspec.DecodeError) as error:
                faults.append(f"{name}: {error}")
                continue
            self._own[word.halt.scope, word.halt.reason] = word
            self._kept[name] = data
        return faults

    def unheard(self) -> list[Halt]:
        """Return the halts in force that the stream does not know, to be published again.

        The broker's store may be younger than our disk, so the places noted there mean nothing any more.
        """
        for key, word in self._own.items():
            self._own[key] = Word(word.halt, 0)
        return [word.halt for word in self._own.values()]

    def changes(self) -> list[Keep]:
        """Return what has to be written so that the disk says what is in force."""
        wanted = {}
        for key, word in self._words():
            wanted[document_name(*key)] = msgspec.msgpack.encode((word.sequence, encode(word.halt)))
        written = [Keep(name, data) for name, data in wanted.items() if self._kept.get(name) != data]
        removed = [Keep(name, b"") for name in self._kept if name not in wanted]
        self._kept = wanted
        return written + removed


def document_name(scope: str, reason: str) -> str:
    """Return the name under which a halt is on disk; as a file name its subject may be too long."""
    return hashlib.sha256(f"{scope}:{reason}".encode()).hexdigest()[:32]
