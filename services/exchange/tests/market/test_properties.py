"""Whatever people do in whatever order: money is conserved, nobody goes below zero, no book is crossed."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from exchange.entry.session import Record
from exchange.market.markets import NS_PER_S
from exchange.market.matching import Order
from exchange.market.money import MICROS_PER_TICK, UNITS_PER_UNDERLYING, micros_of, signed_micros_of
from exchange.market.orders import OPEN
from exchange.testing.venue import OPEN_NS, Client, config, opened
from exchange.venue import Exchange
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

NAMES = ("mm1", "taker1", "taker2")
DEPOSITS = 3 * 1_000 * 1_000_000


def check(venue: Exchange) -> None:
    """Everything that must hold between two inputs."""
    assert venue.ledger.total_micros() == DEPOSITS
    for account in venue.ledger.accounts.values():
        assert account.cash_micros >= account.locked_micros >= 0
        resting = [order for order in account.open_orders.values() if isinstance(order, Order)]
        assert len(resting) == len(account.open_orders)
        assert all(order.status == OPEN and order.leaves > 0 for order in resting)
        bids = sum(o.price_ticks * MICROS_PER_TICK * o.leaves for o in resting if o.side == "bid")
        assert account.locked_micros == bids
        for market_id, position in account.positions.items():
            for outcome, held, locked in (
                ("yes", position.yes, position.yes_locked),
                ("no", position.no, position.no_locked),
            ):
                asks = sum(o.leaves for o in resting if (o.market, o.side, o.outcome) == (market_id, "ask", outcome))
                assert held >= locked == asks
    for market in venue.trading.markets.values():
        bid, ask = market.book.best_bid_ticks(), market.book.best_ask_ticks()
        assert bid is None or ask is None or bid < ask
        for ladder in (market.book.buying, market.book.selling):
            for ticks, queue in enumerate(ladder.queues):
                ids = list(queue)
                assert ids == sorted(ids), "first come, first served"
                assert ladder.shares[ticks] == sum(order.leaves for order in queue.values())
                assert bool(ladder.occupied >> ticks & 1) == bool(queue)
        if market.status not in ("OPEN",):
            assert not list(market.book.orders())


def check_history(venue: Exchange) -> None:
    """The private history of every account is whole and sums to what it owns."""
    for account in venue.ledger.accounts.values():
        entries = [row for _, row in account.entries.rows]
        assert sum(signed_micros_of(row["amount"]) for row in entries) == account.cash_micros
        for market, position in account.positions.items():
            mine = [row for row in entries if row["market"] == market]
            assert sum(row["yes_change"] for row in mine) == position.yes
            assert sum(row["no_change"] for row in mine) == position.no
        for order in account.by_order_id.values():
            fills = [row for _, row in account.fills.rows if row["order_id"] == str(order.order_id)]
            assert sum(row["size"] for row in fills) == order.filled
            if order.status == OPEN:
                assert order.filled + order.leaves == order.size


def restored(lines: list[bytes]) -> Exchange:
    venue = Exchange(config(deposit=1_000))
    for line in lines:
        venue.restore(line)
    return venue


def owned(venue: Exchange) -> dict[str, Any]:
    """What must survive: money, shares, sequence, fills, entries and order states of everybody."""
    return {
        name: (
            account.cash_micros,
            account.sequence,
            {market: (row.yes, row.no) for market, row in account.positions.items() if row.yes or row.no},
            list(account.fills.rows),
            list(account.entries.rows),
            [order.as_json() for order in account.by_order_id.values()],
        )
        for name, account in venue.ledger.accounts.items()
        if account.sequence
    }


class People(RuleBasedStateMachine):
    """Three accounts that do anything the venue allows, and prices and time that move."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.venue = Exchange(config(deposit=1_000))
        self.now_ns = OPEN_NS
        self._keep(self.venue.start(OPEN_NS))
        self._keep(self.venue.on_price("BTC", 60_000 * UNITS_PER_UNDERLYING, 60_000 * UNITS_PER_UNDERLYING, OPEN_NS))
        self.people = {name: Client(self.venue, name, connection=number) for number, name in enumerate(NAMES)}
        for client in self.people.values():
            client.now_ns = self.now_ns
            client.connect()

    def _keep(self, outputs: list[Any]) -> None:
        self.lines += [out.data for out in outputs if isinstance(out, Record)]

    def _market(self) -> str:
        return next(m.id for m in self.venue.lifecycle.live() if m.status in ("OPEN", "LISTED"))

    def _ask(self, name: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        client = self.people[name]
        client.now_ns = self.now_ns
        response = client.request(method, path, body)
        self._keep(response.outputs)
        assert response.status < 500
        return msgspec.json.decode(response.body)  # type: ignore[no-any-return]

    @rule(
        name=st.sampled_from(NAMES),
        side=st.sampled_from(["bid", "bid", "ask"]),
        outcome=st.sampled_from(["yes", "no"]),
        ticks=st.integers(1, 99) | st.integers(45, 55),
        size=st.integers(1, 60),
        kind=st.sampled_from([{}, {}, {"post_only": True}, {"time_in_force": "ioc"}]),
    )
    def place(self, name: str, side: str, outcome: str, ticks: int, size: int, kind: dict[str, Any]) -> None:
        number = str(self.venue.ids.last["order"] + 1)
        body = {"client_order_id": number, "market": self._market(), "side": side, "outcome": outcome}
        self._ask(name, "POST", "/orders", {**body, "price": f"0.{ticks:02d}", "size": size, **kind})

    @rule(name=st.sampled_from(NAMES), pick=st.integers(0, 1_000))
    def cancel(self, name: str, pick: int) -> None:
        mine = list(self.venue.ledger.account(name).open_orders)
        if mine:
            self._ask(name, "DELETE", f"/orders/{mine[pick % len(mine)]}")

    @rule(name=st.sampled_from(NAMES))
    def cancel_everything(self, name: str) -> None:
        assert self._ask(name, "DELETE", "/orders")["open_orders_left"] == 0

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(["split", "merge"]), size=st.integers(1, 40))
    def pairs(self, name: str, kind: str, size: int) -> None:
        self._ask(name, "POST", f"/positions/{kind}", {"market": self._market(), "size": size})

    @rule(dollars=st.integers(59_990, 60_010), seconds=st.integers(0, 20))
    def price_moves(self, dollars: int, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S
        units = dollars * UNITS_PER_UNDERLYING
        self._keep(self.venue.on_price("BTC", units, units, self.now_ns))

    @precondition(lambda self: self.venue.ids.last["order"] > 10)
    @rule(seconds=st.sampled_from([30, 299, 400]))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S
        self._keep(self.venue.on_timer(self.now_ns))

    @invariant()
    def all_is_well(self) -> None:
        check(self.venue)

    def teardown(self) -> None:
        check_history(self.venue)
        assert owned(restored(self.lines)) == owned(self.venue)
        assert owned(restored(list(self.venue.state_lines()))) == owned(self.venue)


People.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_whatever_people_do_money_is_conserved = People.TestCase


@pytest.mark.parametrize("seed", range(3))
def test_long_random_histories_conserve_money_and_survive_the_journal(seed: int) -> None:
    rng = random.Random(seed)
    people = People()
    for step in range(3_000):
        name = rng.choice(NAMES)
        action = rng.random()
        if action < 0.62:
            kind: dict[str, Any] = rng.choice([{}, {}, {"post_only": True}, {"time_in_force": "ioc"}])
            side = rng.choice(["bid", "bid", "ask"])
            people.place(name, side, rng.choice(["yes", "no"]), rng.randint(40, 60), rng.randint(1, 80), kind)
        elif action < 0.82:
            people.cancel(name, rng.randrange(1_000))
        elif action < 0.84:
            people.cancel_everything(name)
        elif action < 0.90:
            people.pairs(name, rng.choice(["split", "merge"]), rng.randint(1, 20))
        else:
            people.price_moves(rng.randint(59_990, 60_010), rng.randint(0, 8))
        if step % 25 == 0:
            check(people.venue)
    assert people.venue.ids.last["trade"] > 300
    assert sum(market.status == "RESOLVED" for market in people.venue.trading.markets.values()) >= 2
    people.teardown()


def test_the_simulated_takers_only_move_money_between_accounts() -> None:
    venue = opened(config(takers=True))
    before = venue.ledger.total_micros()
    maker = Client(venue, "mm1")
    rng = random.Random(5)
    for step in range(600):
        maker.now_ns += NS_PER_S // 2
        units = int((60_000 + rng.gauss(0, 20)) * UNITS_PER_UNDERLYING)
        venue.on_price("BTC", units, units, maker.now_ns)
        if step % 10 == 0:
            maker.rest("DELETE", "/orders")
            maker.order("bid", "yes", "0.45", 50)
            maker.order("bid", "no", "0.45", 50)
    assert venue.ids.last["trade"] > 20
    assert venue.ledger.total_micros() == before
    for name in ("taker-noise", "taker-informed"):
        fills = [row for _, row in venue.ledger.account(name).fills.rows]
        assert fills
        assert all(row["liquidity"] == "taker" for row in fills)


def test_informed_takers_trade_only_when_the_price_to_come_beats_the_quote() -> None:
    venue = opened(config(takers=True))
    maker = Client(venue, "mm1")
    maker.rest("GET", "/balance")
    admin = Client(venue, "admin", key="admin", connection=9)
    admin.rest("PUT", "/admin/takers", {"noise": {"rate_per_s": 0}})
    maker.order("bid", "no", "0.48", 100)
    maker.order("bid", "yes", "0.48", 100)
    venue.on_ahead("BTC", 60_000 * UNITS_PER_UNDERLYING)
    venue.on_timer(maker.now_ns + 10 * NS_PER_S)
    assert venue.ids.last["trade"] == 0
    venue.on_ahead("BTC", 60_200 * UNITS_PER_UNDERLYING)
    venue.on_timer(maker.now_ns + 12 * NS_PER_S)
    fills = [row for _, row in venue.ledger.account("taker-informed").fills.rows]
    assert {(row["side"], row["outcome"], row["price"]) for row in fills} == {("bid", "yes", "0.52")}


def test_taker_settings_are_checked(venue: Exchange) -> None:
    admin = Client(venue, "admin", key="admin", connection=9)
    for bad in ({"enabled": 1}, {"noise": {"rate": 1}}, {"noise": {"rate_per_s": -1}}, {"volatility": 0}, {"x": 1}):
        assert admin.request("PUT", "/admin/takers", bad).status == 422
    changed = admin.rest("PUT", "/admin/takers", {"enabled": True, "informed": {"edge_ticks": 7}})
    assert changed["informed"]["edge_ticks"] == 7
    assert changed == admin.rest("GET", "/admin/takers")


def test_a_fresh_journal_of_a_trimmed_history_keeps_the_balance() -> None:
    venue = opened(config(deposit=1_000))
    account = venue.ledger.account("mm1")
    account.entries.kept_max = 5
    for amount in range(1, 20):
        venue.ledger.post(account, "deposit", amount, 1)
    again = restored(list(venue.state_lines())).ledger.account("mm1")
    assert (again.cash_micros, again.sequence, again.entries.trimmed_to) == (
        account.cash_micros,
        account.sequence,
        account.entries.trimmed_to,
    )
    client = Client(venue, "mm1")
    refused = client.rest("GET", "/statement?after=3")
    assert refused["error"]["code"] == "history_trimmed"
    assert len(client.rest("GET", f"/statement?after={refused['error']['oldest_after']}")["entries"]) == 5


def test_money_texts_are_read_back_exactly() -> None:
    assert micros_of("1.000001") == 1_000_001
    assert [micros_of(text) for text in ("1.0000001", "-1", "1e3", "", "1.", None, 5)] == [None] * 7
