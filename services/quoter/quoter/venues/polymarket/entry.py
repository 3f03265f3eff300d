"""Order entry at Polymarket as scripts: place and cancel once, and ask about whatever nobody can say the outcome of."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import msgspec
from common.errors import ContractError
from common.events import AlertLevel
from common.orders import OrderState

from quoter.venues.base import CancelRejected, OrderRejected, Output, Placement, SessionAlert, Unknown
from quoter.venues.conversation import Pause, Reply, Script
from quoter.venues.polymarket.account import Account
from quoter.venues.polymarket.numbers import text_of
from quoter.venues.polymarket.orders import OwnBook
from quoter.venues.polymarket.rest import PolymarketRest, said
from quoter.venues.polymarket.trades import Known
from quoter.venues.polymarket.words import CANCELS_MAX, Cancelled, Placed, is_name, parse
from quoter.venues.rest_account import FINAL_MS
from quoter.venues.rounds import asked_until_final
from quoter.venues.rows import read_rows

ASKED_MOST_MS = 60_000
"""An order whose snapshot cannot be read for so long is left to the next recovery."""
WAITS_MAX = 100
WAIT_MS = 25.0
DOUBTFUL = ("system error", "could not run", "delaying", "duplicated", "timed out", "internal")
"""Parts of refusals after which the order may be there all the same."""
NOT_TAKEN = frozenset((400, 401, 403, 404, 413, 422, 425, 429))
"""Statuses that say that nothing of a request was done."""


class OrderEntry:
    """Requests about orders that are under way."""

    def __init__(self, rest: PolymarketRest, book: OwnBook, account: Account, now_ns: Callable[[], int]) -> None:
        self._rest, self._book, self._account, self._now_ns = rest, book, account, now_ns
        self.cancelling: dict[int, str] = {}
        """Orders whose cancel is not answered yet, with their market."""
        self.placing: dict[int, None] = {}
        self.unknown_outcomes = 0
        self.snapshot_due = False
        """An outcome was unknown: what the account holds has to be looked at."""

    def busy(self, symbol: str) -> bool:
        """Say whether a cancel in a market is not answered yet."""
        return symbol in self.cancelling.values()

    def until_answered(self) -> Script[None]:
        """Wait until no request about an order is under way; each ends by itself."""
        for _ in range(WAITS_MAX):
            if not self.cancelling and not self.placing:
                return
            yield Pause(WAIT_MS)

    # --- placing ------------------------------------------------------------------------------------------------

    def placing_script(self, documents: Sequence[tuple[Placement, bytes]]) -> Script[None]:
        """Place orders in one request, which is never repeated."""
        order_ids = [place.order_id for place, _ in documents]
        self.placing.update(dict.fromkeys(order_ids))
        body = b"[" + b",".join(document for _, document in documents) + b"]"
        reply: Reply = yield self._rest.request("POST", "/orders", body=body)
        for order_id in order_ids:
            self.placing.pop(order_id, None)
        doubtful: list[int] = []
        yield from self._on_placed(reply, order_ids, doubtful)
        yield from self.ask_about(doubtful)

    def _on_placed(self, reply: Reply, order_ids: Sequence[int], doubtful: list[int]) -> Iterator[Output]:
        """Tell the outcome of each order; what has none, or one that is not final, goes among the doubtful."""
        if reply.status in NOT_TAKEN:
            code = "rate_limited" if reply.status == 429 else f"status_{reply.status}"
            yield from self._doubt_keys(reply)
            for order_id in order_ids:
                yield OrderRejected(order_id, code, said(reply))
            return
        answers = yield from self._answers(reply, len(order_ids))
        for index, order_id in enumerate(order_ids):
            known = self._book.by_id(order_id)
            assert known is not None, "an order is remembered before it is sent"
            answer = answers[index]
            if answer is None:
                yield self._unknown(order_id, "no answer that says what became of it")
                doubtful.append(order_id)
            elif answer.error_msg or not answer.success:
                text = text_of(answer.error_msg)
                # A refusal says so and why; whatever contradicts itself may rest.
                if answer.success is not False or not text or any(part in text.lower() for part in DOUBTFUL):
                    yield self._unknown(order_id, text[:100] or "refused without a reason")
                    doubtful.append(order_id)
                else:
                    yield OrderRejected(order_id, _code(text), text[:200])
            else:
                yield from self._on_accepted(known, answer)
                if not _rests(answer):
                    # Matched, in part or whole, or put off: the order itself says what is left of it.
                    doubtful.append(order_id)

    def _answers(self, reply: Reply, wanted: int) -> Generator[Output, None, list[Placed | None]]:
        """Return the answer to each order of a request, None for one that has none or whose cannot be read."""
        answers: list[Placed | None] = []
        if 200 <= reply.status < 300:
            try:
                for raw in parse(list[msgspec.Raw], reply.body)[:wanted]:
                    rows = read_rows(partial(parse, Placed), [raw])
                    answers.append(rows.rows[0] if rows.rows else None)
                    for bad in rows.bad:
                        yield from self._rest.fault("bad_row", f"POST /orders: {bad.why[:150]}")
            except ContractError as error:
                yield from self._rest.fault("bad_answer", str(error))
        return answers + [None] * (wanted - len(answers))

    def _on_accepted(self, known: Known, answer: Placed) -> Iterator[Output]:
        named = text_of(answer.order_id)
        if is_name(named) and named != known.order_hash:
            text = f"order {known.order_id} is {named[:18]} at the venue, not as computed"
            yield SessionAlert(AlertLevel.CRITICAL, "order_hash", text)
            self._book.rename(known, named)
        if _rests(answer):
            yield self._book.report(known, OrderState.LIVE, "", self._now_ns())

    # --- cancelling ---------------------------------------------------------------------------------------------

    def cancelling_script(self, order_ids: Sequence[int]) -> Script[None]:
        """Cancel orders in one request; every one ends in a report."""
        found = [known for order_id in order_ids if (known := self._book.by_id(order_id)) is not None]
        strangers = [order_id for order_id in order_ids if self._book.by_id(order_id) is None]
        for known in found:
            self.cancelling[known.order_id] = known.symbol
        doubtful: list[int] = []
        for first in range(0, len(found), CANCELS_MAX):
            some = found[first : first + CANCELS_MAX]
            body = msgspec.json.encode([known.order_hash for known in some])
            reply: Reply = yield self._rest.request("DELETE", "/orders", body=body)
            for known in some:
                self.cancelling.pop(known.order_id, None)
            yield from self._on_cancelled(reply, some, doubtful)
        for order_id in strangers:
            # Recovery cancels everything; what it did not know never came this far.
            yield CancelRejected(order_id, "unknown_order", "no hash is known for it")
        yield from self.ask_about(doubtful)

    def _on_cancelled(self, reply: Reply, some: Sequence[Known], doubtful: list[int]) -> Iterator[Output]:
        if reply.status in NOT_TAKEN:
            code = "rate_limited" if reply.status == 429 else f"status_{reply.status}"
            yield from self._doubt_keys(reply)
            for known in some:
                yield CancelRejected(known.order_id, code, said(reply))
            return
        answer = Cancelled()
        if 200 <= reply.status < 300:
            try:
                answer = parse(Cancelled, reply.body)
            except ContractError as error:
                yield from self._rest.fault("bad_answer", str(error))
        gone, kept = answer.canceled or [], answer.not_canceled or {}
        for known in some:
            if known.order_hash in gone:
                yield self._book.report(known, OrderState.CANCELLED, "requested", self._now_ns())
            else:
                # "Already canceled or matched" does not say which, and has been said of orders that rest.
                why = str(kept.get(known.order_hash) or "no answer that says what became of it")
                yield self._unknown(known.order_id, why[:100])
                doubtful.append(known.order_id)

    def _doubt_keys(self, reply: Reply) -> Iterator[Output]:
        if reply.status in (401, 403):
            yield from self._rest.fault("bad_credentials", f"the venue refuses the API key: {said(reply)}")

    # --- asking -------------------------------------------------------------------------------------------------

    def _unknown(self, order_id: int, why: str) -> Unknown:
        self.unknown_outcomes += 1
        self.snapshot_due = True
        return Unknown(order_id, why)

    def ask_about(self, order_ids: Sequence[int]) -> Script[None]:
        """Ask what became of orders until each has an answer; those nobody knows are final after a while only."""
        pauses = self._rest.pauses()
        unread = yield from asked_until_final(
            order_ids, self._ask, self._now_ns, pauses.next_ms, final_ms=FINAL_MS, most_ms=ASKED_MOST_MS
        )
        if unread:
            text = f"what became of order {unread[0]} cannot be read; it counts as resting"
            yield SessionAlert(AlertLevel.CRITICAL, "outcome_unknown", text)
        if order_ids:
            yield from self._account.fetch_trades()

    def _ask(self, order_id: int, final: bool) -> Script[bool]:
        known = self._book.by_id(order_id)
        if known is None or known.state.terminal:
            return True
        return (yield from self._account.ask(known, final=final)) is not None


def _rests(answer: Placed) -> bool:
    """Say whether an order that was taken rests whole; otherwise the order itself says what is left of it."""
    return (text_of(answer.status) or "live").lower() == "live"


def _code(text: str) -> str:
    """Return a short word for a refusal."""
    lowered = text.lower()
    for part, code in (
        ("cross", "would_cross"),
        ("post-only", "would_cross"),
        ("post_only", "would_cross"),
        ("balance", "insufficient_funds"),
        ("allowance", "insufficient_funds"),
        ("tick", "invalid_price"),
        ("minimum", "below_minimum_size"),
        ("expir", "expired"),
        ("fully filled", "fok_not_filled"),
        ("no orders found", "nothing_to_take"),
    ):
        if part in lowered:
            return code
    return "refused"
