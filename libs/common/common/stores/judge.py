"""Are the stores of the broker those this process knew? Decided from three things, without I/O.

What they say of themselves (one signed identity), what the broker says of them (when each was made, how far it has
come), and what this process remembers of both on its own disk. A resize, another leader, a moved replica, a reconnect
and an upgrade of the server change none of the three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

import msgspec

from common.events.stores import IDENTITIES, StoreIdentity, StoreMark

STORES = tuple(IDENTITIES)
"""The streams that are watched, by name."""


class Found(NamedTuple):
    """What the broker says of one stream."""

    created: str
    messages: int
    last_sequence: int


class Known(msgspec.Struct, frozen=True):
    """What a process remembers of the stores."""

    platform_id: str
    generation: int = 0
    """0: none yet."""
    stores: dict[str, StoreMark] = {}
    """By stream: when it was made, and the highest sequence seen."""
    faults: list[str] = []
    """Why it stands still; kept until a newer generation comes."""
    renewed: bool = False
    """The generation is a person's word, and what follows from it has not been done yet."""


class Standing(Enum):
    """Where a process stands with its stores."""

    SAME = "same"
    UNMADE = "unmade"
    """They have no identity yet, and we know of none: the streams step has not run."""
    NEWER = "newer"
    """A person has made a new generation, or this is the first we see."""
    CHANGED = "changed"


class Verdict(NamedTuple):
    """How a look at the stores ended."""

    standing: Standing
    faults: tuple[str, ...] = ()


def judge(
    known: Known, identity: StoreIdentity | None, found: Mapping[str, Found | None], refusal: str = ""
) -> Verdict:
    """Compare; `found` has every stream of STORES, None for one that is not there, `refusal` says why what stands in
    the place of the identity is none.
    """
    if identity is None and not known.generation:
        return Verdict(Standing.UNMADE, (refusal or "the stores have no identity yet: the streams step gives it",))
    faults = tuple(_faults(known, identity, found, refusal))
    if faults:
        return Verdict(Standing.CHANGED, faults)
    assert identity is not None, "without an identity there is a fault"
    if identity.generation > known.generation:
        return Verdict(Standing.NEWER)
    return Verdict(Standing.CHANGED, tuple(known.faults)) if known.faults else Verdict(Standing.SAME)


def _faults(
    known: Known, identity: StoreIdentity | None, found: Mapping[str, Found | None], refusal: str
) -> Iterator[str]:
    if identity is None:
        yield refusal or f"LEASE has lost the stores' identity (generation {known.generation})"
    elif identity.platform_id != known.platform_id:
        yield f"the stores belong to platform {identity.platform_id!r}, this is {known.platform_id!r}"
    elif identity.generation < known.generation:
        yield f"the stores are of generation {identity.generation}, generation {known.generation} was in force"
    elif identity.restored:
        yield f"the stores were brought back from {identity.restored} by {identity.who}: {identity.reason}"
    newer = identity is not None and identity.generation > known.generation and not identity.restored
    for stream in STORES:
        # What was known of an older generation says nothing of a newer one: a person has looked.
        seen = None if newer else known.stores.get(stream)
        made = identity.stores.get(stream) if identity is not None else None
        yield from _faults_of(stream, found.get(stream), made, seen)


def _faults_of(stream: str, found: Found | None, made: StoreMark | None, seen: StoreMark | None) -> Iterator[str]:
    if found is None:
        yield f"{stream} is not there"
        return
    mark = made or seen
    if mark is None:
        return
    if found.created != mark.created:
        yield f"{stream} was made at {found.created}, the one we know at {mark.created}"
        return
    least = max(each.last_sequence for each in (made, seen) if each is not None)
    if found.last_sequence < least:
        yield f"{stream} ends at sequence {found.last_sequence}, and {least} has been seen"
    elif least and not found.messages:
        yield f"{stream} was emptied"


def remembered(known: Known, identity: StoreIdentity, found: Mapping[str, Found | None]) -> Known:
    """Return what to remember after a look that found the stores the same or newer."""
    newer = identity.generation > known.generation
    stores = {stream: StoreMark(each.created, each.last_sequence) for stream, each in found.items() if each is not None}
    return Known(
        platform_id=known.platform_id,
        generation=identity.generation,
        stores=stores,
        # A first generation that nobody knew before is a first start, whose books begin with what the venue holds.
        renewed=known.renewed or (newer and identity.generation > 1),
    )


def forgotten(role: str, key: str, holder: str, sequence: int, identity: StoreIdentity, own: str) -> str:
    """Return why a process that knows of no generation has lost its disk; '' when it may be new.

    Whoever held a lease in this generation had written the generation down before. One that is held by another
    instance, its place in LEASE at `sequence`, says nothing: then we are its new stand-by.
    """
    if sequence <= identity.stores["LEASE"].last_sequence or holder not in ("", own):
        return ""
    return (
        f"the data directory of {role}/{key} was lost: it worked in generation {identity.generation} of the stores, "
        "and nothing on this disk knows of it"
    )
