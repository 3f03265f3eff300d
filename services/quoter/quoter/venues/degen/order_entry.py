"""Our frames and orders as the Degen Terminal takes them, and what its answers say.

Each frame has exactly one answer, and they come in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from common.instruments import Outcome, Side

from quoter.venues.base import (
    Amendment,
    AmendRejected,
    CancelRejected,
    NotFound,
    OrderRejected,
    OrderReport,
    Output,
    Placement,
    Unknown,
)
from quoter.venues.degen.frames import PRICES, ItemResult, WireError

BATCH_ITEMS_MAX = 50
NOT_OVER_REST = "nothing that may rest goes over REST"
PRIVATE_CHANNELS = b'["orders","fills","account"]'
_IMMEDIATE = ',"time_in_force":"ioc"'
_OUTCOME_WORDS = {Outcome.YES: "yes", Outcome.NO: "no"}


def login_frame(frame_id: int, token: str, deadman_ms: int) -> bytes:
    document = {"op": "login", "id": frame_id, "token": token, "cancel_on_disconnect": True, "deadman_ms": deadman_ms}
    return msgspec.json.encode(document)


def heartbeat_frame(frame_id: int) -> bytes:
    return b'{"op":"heartbeat","id":%d}' % frame_id


def subscribe_frame(frame_id: int) -> bytes:
    """Subscribe to the private channels; repeated, it asks where the account stands."""
    return b'{"op":"subscribe","id":%d,"channels":%s}' % (frame_id, PRIVATE_CHANNELS)


def cancel_all_frame(frame_id: int, below: int) -> bytes:
    return b'{"op":"cancel_all","id":%d,"client_order_id_below":"%d"}' % (frame_id, below)


class Items(NamedTuple):
    """What goes into one batch, in this order."""

    cancels: Sequence[int]
    amendments: Sequence[Amendment]
    places: Sequence[Placement]

    def waiting(self, now_ns: int) -> Waiting:
        """Return what waits for the answer."""
        amended, placed = ([each.order_id for each in items] for items in (self.amendments, self.places))
        return Waiting("batch", now_ns, self.cancels, placed, amended)


def batches(cancels: Sequence[int], amendments: Sequence[Amendment], places: Sequence[Placement]) -> Iterator[Items]:
    """Yield what is to be sent in batches of at most `BATCH_ITEMS_MAX`."""
    if len(cancels) + len(amendments) + len(places) <= BATCH_ITEMS_MAX:
        yield Items(cancels, amendments, places)
        return
    while cancels or amendments or places:
        some_cancels, cancels = cancels[:BATCH_ITEMS_MAX], cancels[BATCH_ITEMS_MAX:]
        left = BATCH_ITEMS_MAX - len(some_cancels)
        some_amendments, amendments = amendments[:left], amendments[left:]
        left -= len(some_amendments)
        some_places, places = places[:left], places[left:]
        yield Items(some_cancels, some_amendments, some_places)


def batch_frame(
    frame_id: int, cancels: Sequence[int], places: Sequence[Placement], amendments: Sequence[Amendment] = ()
) -> bytes:
    """Write a batch: cancels first, then amendments, then places, at most `BATCH_ITEMS_MAX` in all."""
    items = [f'{{"op":"cancel","client_order_id":"{order_id}"}}' for order_id in cancels]
    items += [
        f'{{"op":"amend","client_order_id":"{each.order_id}","price":"{each.price_ticks * each.tick_size:f}",'
        f'"size":"{each.quantity_lots * each.lot_size:f}"}}'
        for each in amendments
    ]
    items += [
        _spot_item(place)
        if place.outcome is Outcome.NONE
        else f'{{"op":"place","client_order_id":"{place.order_id}","market":"{place.symbol}",'
        f'"side":"{"bid" if place.side is Side.BUY else "ask"}","outcome":"{_OUTCOME_WORDS[place.outcome]}",'
        f'"price":"{PRICES[place.price_ticks]}","size":{place.quantity_lots},'
        f'"post_only":{"true" if place.post_only else "false"}{_IMMEDIATE if place.immediate else ""}}}'
        for place in places
    ]
    return f'{{"op":"batch","id":{frame_id},"items":[{",".join(items)}]}}'.encode()


def _spot_item(place: Placement) -> str:
    return msgspec.json.encode({"op": "place"} | _spot_document(place)).decode()


def place_document(place: Placement) -> dict[str, object]:
    """Return a placement as REST takes it."""
    if place.outcome is Outcome.NONE:
        return _spot_document(place)
    document: dict[str, object] = {
        "client_order_id": str(place.order_id),
        "market": place.symbol,
        "side": "bid" if place.side is Side.BUY else "ask",
        "outcome": _OUTCOME_WORDS[place.outcome],
        "price": PRICES[place.price_ticks],
        "size": place.quantity_lots,
        "post_only": place.post_only,
    }
    return document | {"time_in_force": "ioc"} if place.immediate else document


def _spot_document(place: Placement) -> dict[str, object]:
    """Return a placement of a spot symbol as the venue takes it."""
    document: dict[str, object] = {
        "client_order_id": str(place.order_id),
        "symbol": place.symbol,
        "side": "bid" if place.side is Side.BUY else "ask",
        "price": f"{place.price_ticks * place.tick_size:f}",
        "size": f"{place.quantity_lots * place.lot_size:f}",
        "post_only": place.post_only,
    }
    return document | {"time_in_force": "ioc"} if place.immediate else document


# --- answers ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Waiting:
    """A frame of ours that has no answer yet."""

    op: str
    sent_ns: int
    cancels: Sequence[int] = ()
    places: Sequence[int] = ()
    amended: Sequence[int] = ()

    @property
    def order_ids(self) -> list[int]:
        """Return whose outcome it waits for, in the order of the answer."""
        return [*self.cancels, *self.amended, *self.places]


class Unanswered:
    """The frames that wait for their answer, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, frame_id: object) -> bool:
        return frame_id in self._waiting

    def expect(self, waiting: Waiting) -> int:
        """Return the id for a frame that is about to be sent."""
        frame_id = self._next
        self._next += 1
        self._waiting[frame_id] = waiting
        return frame_id

    def take(self, frame_id: int | str | None) -> Waiting | None:
        """Return the frame that was answered, None when nobody waits for it."""
        return self._waiting.pop(frame_id, None) if isinstance(frame_id, int) else None

    def take_oldest(self) -> Waiting | None:
        return self.take(next(iter(self._waiting), None))

    def overdue(self, limit_ns: int) -> list[Waiting]:
        """Give up waiting for frames sent before a time."""
        late = []
        for frame_id, waiting in self._waiting.items():
            if waiting.sent_ns >= limit_ns:
                break
            late.append(frame_id)
        return [self._waiting.pop(frame_id) for frame_id in late]

    def clear(self) -> None:
        self._waiting.clear()


def unsent(amendments: Sequence[Amendment]) -> list[Output]:
    """Return what becomes of amendments while there is no websocket."""
    return [AmendRejected(each.order_id, "no_websocket", NOT_OVER_REST) for each in amendments]


def refused_items(waiting: Waiting, error: WireError) -> list[ItemResult]:
    """Return what became of each item of a frame that was refused as a whole."""
    return [error] * len(waiting.order_ids)


def outcomes(waiting: Waiting, items: Sequence[ItemResult], doubtful: list[int]) -> list[Output]:
    """Return what became of each order of a batch, in order; those without an outcome go among the doubtful."""
    told: list[Output] = []
    cancels = len(waiting.cancels)
    placed_from = cancels + len(waiting.amended)
    for index, order_id in enumerate(waiting.order_ids):
        found = items[index] if index < len(items) else None
        if isinstance(found, OrderReport):
            told.append(found)
        elif found is None or found.code == "internal_error":
            told.append(Unknown(order_id, "the venue cannot say what became of it"))
            doubtful.append(order_id)
        elif cancels <= index < placed_from:
            told.append(AmendRejected(order_id, found.code, found.message))
        elif index >= placed_from:
            told.append(OrderRejected(order_id, found.code, found.message))
        elif found.code == "unknown_order":
            # The order went out before its cancel on this or an ended connection: it never got there.
            told.append(NotFound(order_id))
        else:
            told.append(CancelRejected(order_id, found.code, found.message))
    return told
