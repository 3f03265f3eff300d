"""Whatever people do in whatever order, in every currency: money is conserved, nobody goes below zero, no book crosses.

Binary and spot orders are mixed, because both are paid from the same dollars.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec
import pytest
from exchange.entry.session import Output, Record
from exchange.market.accounts import Account
from exchange.market.money import DOLLAR, signed_units_of
from exchange.market.orders import OPEN
from exchange.market.restore import restore_fact
from exchange.market.tape import Json
from exchange.spot.orders import SpotOrder
from exchange.testing.venue import MARKET, OPEN_NS, Client, config, opened
from exchange.venue import Exchange
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

NAMES = ("mm1", "taker1", "taker2")
SPOT = config(spot=("BTC", "ETH"), deposit=10_000)
BTC_UNITS = 10**8


def money_in(venue: Exchange) -> dict[str, int]:
    """What all accounts have of each currency, the dollar behind each open pair included."""
    total = Counter({DOLLAR: venue.ledger.total_micros()})
    for account in venue.ledger.accounts.values():
        for currency, balance in account.balances.items():
            total[currency] += balance.units
    return dict(total)


def deposited(venue: Exchange) -> dict[str, int]:
    """What was ever put in, of each currency, by the statements."""
    total: Counter[str] = Counter()
    for account in venue.ledger.accounts.values():
        for currency in (DOLLAR, *account.balances):
            for _, entry in account.statement(currency).rows:
                if entry["type"] == "deposit":
                    total[currency] += signed_units_of(entry["amount"], currency)
    return dict(total)


def check_account(account: Account) -> None:
    held: Counter[str] = Counter()
    for order in account.open_orders.values():
        assert order.status == OPEN
        assert order.leaves > 0
        assert order.time_in_force == "gtc", "an ioc order rests"
        assert order.size == order.filled + order.leaves
        hold = order.hold(order.leaves)
        held[hold.currency] += hold.units
    for currency in (DOLLAR, *account.balances):
        assert account.available(currency) >= 0
        assert account.total(currency) - account.available(currency) == held[currency]


def check(venue: Exchange) -> None:
    """Everything that must hold between two inputs."""
    assert money_in(venue) == deposited(venue)
    for account in venue.ledger.accounts.values():
        check_account(account)
    for symbol in venue.trading.symbols.values():
        bid, ask = symbol.book.best_bid_ticks(), symbol.book.best_ask_ticks()
        assert bid is None or ask is None or bid < ask
        for ladder, highest_first in ((symbol.book.buying, True), (symbol.book.selling, False)):
            levels = ladder.levels(10**6)
            prices = [ticks for ticks, _ in levels]
            assert prices == sorted(prices, reverse=highest_first)
            assert dict(levels) == {t: sum(o.leaves for o in queue.values()) for t, queue in ladder.queues.items()}
            assert all(queue for queue in ladder.queues.values())


def check_history(venue: Exchange) -> None:
    """The private stream of every account is unbroken, and each statement sums to its balance."""
    for account in venue.ledger.accounts.values():
        seen = [number for number, _ in account.fills.rows]
        for currency in (DOLLAR, *account.balances):
            rows = [entry for _, entry in account.statement(currency).rows]
            seen += [entry["account_sequence"] for entry in rows]
            assert sum(signed_units_of(row["amount"], currency) for row in rows) == account.total(currency)
        assert len(seen) == len(set(seen))
        assert max(seen, default=0) <= account.sequence


def owned(venue: Exchange) -> dict[str, Any]:
    return {
        name: (
            account.sequence,
            account.cash_micros,
            {currency: row.units for currency, row in account.balances.items()},
            {market: (row.yes, row.no) for market, row in account.positions.items()},
            [order.as_json() for order in account.by_order_id.values()],
            list(account.fills.rows),
            {currency: list(row.entries.rows) for currency, row in account.balances.items()},
            list(account.entries.rows),
        )
        for name, account in venue.ledger.accounts.items()
        if account.sequence
    }


def restored(lines: list[bytes]) -> Exchange:
    venue = Exchange(SPOT)
    for line in lines:
        venue.restore(line)
    return venue


class People(RuleBasedStateMachine):
    """Three accounts place, amend and cancel in two symbols and one market."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.venue = Exchange(SPOT)
        self._keep(self.venue.start(OPEN_NS))
        self._keep(self.venue.on_price("BTC", 60_000 * BTC_UNITS, 60_000 * BTC_UNITS, OPEN_NS))
        self.clients = {name: Client(self.venue, name) for name in NAMES}
        admin = Client(self.venue, "admin", key="admin")
        for name in NAMES:
            for currency in ("BTC", "ETH"):
                admin.rest("POST", f"/admin/accounts/{name}/deposit", {"amount": "0.5", "currency": currency})
        self._keep(admin.outputs)
        self.placed = 0

    def _keep(self, outputs: list[Output]) -> None:
        self.lines += [out.data for out in outputs if isinstance(out, Record)]

    def _ask(self, name: str, method: str, path: str, body: Json | None = None) -> Json:
        client = self.clients[name]
        client.outputs.clear()
        answer = client.rest(method, path, body)
        self._keep(client.outputs)
        assert answer.get("error", {}).get("code") != "internal_error"
        return answer

    @rule(
        name=st.sampled_from(NAMES),
        side=st.sampled_from(["bid", "ask"]),
        symbol=st.sampled_from(["BTCUSD", "ETHUSD"]),
        price=st.integers(990, 1_010),
        lots=st.integers(1, 3_000),
        kind=st.sampled_from([{}, {}, {"post_only": True}, {"time_in_force": "ioc"}]),
    )
    def place(self, name: str, side: str, symbol: str, price: int, lots: int, kind: Json) -> None:
        self.placed += 1
        book = self.venue.trading.symbols[symbol].book
        bid, ask = book.best_bid_ticks(), book.best_ask_ticks()
        text, size = f"{price}.{price % 100:02d}", f"{lots / 1_000:.3f}"
        body = {"client_order_id": str(self.placed), "symbol": symbol, "side": side, "price": text, "size": size}
        answer = self._ask(name, "POST", "/orders", {**body, **kind})
        if "order" not in answer:
            return
        if kind.get("post_only"):
            assert answer["order"]["filled"] in ("0.0000", "0.000"), "a post_only order took"
        if kind.get("time_in_force") == "ioc":
            assert answer["order"]["status"] != "open"
        if side == "bid" and ask is not None and answer["order"]["filled"].strip("0."):
            assert bid is None or bid < ask

    @rule(name=st.sampled_from(NAMES), outcome=st.sampled_from(["yes", "no"]), ticks=st.integers(40, 60))
    def place_binary(self, name: str, outcome: str, ticks: int) -> None:
        self.placed += 1
        body = {"client_order_id": str(self.placed), "market": MARKET, "side": "bid", "outcome": outcome}
        self._ask(name, "POST", "/orders", {**body, "price": f"0.{ticks}", "size": 50})

    @rule(
        name=st.sampled_from(NAMES),
        pick=st.integers(0, 1_000),
        price=st.one_of(st.none(), st.integers(990, 1_010)),
        size=st.one_of(st.none(), st.integers(1, 3_000)),
    )
    def amend(self, name: str, pick: int, price: int | None, size: int | None) -> None:
        mine = [o for o in self.venue.ledger.account(name).open_orders.values() if isinstance(o, SpotOrder)]
        if not mine:
            return
        order = mine[pick % len(mine)]
        before, body = order.as_json(), {}
        if price is not None:
            body["price"] = f"{price}.00"
        if size is not None:
            body["size"] = f"{size / 1_000:.3f}"
        queue = list(self.venue.trading.symbols[order.market].book.side_of(order).queues[order.price_ticks])  # type: ignore[attr-defined]
        answer = self._ask(name, "PATCH", f"/orders/{order.order_id}", body)
        if "error" in answer:
            assert order.as_json() == before
        elif order.status == OPEN and order.as_json() != before:
            after = list(self.venue.trading.symbols[order.market].book.side_of(order).queues[order.price_ticks])  # type: ignore[attr-defined]
            smaller = order.price_ticks == order.terms.prices.steps_of(before["price"]) and (
                order.size < (order.terms.sizes.steps_of(before["size"]) or 0)
            )
            assert after == queue if smaller else after[-1] == order.order_id

    @rule(name=st.sampled_from(NAMES), pick=st.integers(0, 1_000))
    def cancel(self, name: str, pick: int) -> None:
        mine = list(self.venue.ledger.account(name).open_orders)
        if mine:
            self._ask(name, "DELETE", f"/orders/{mine[pick % len(mine)]}")

    @rule(name=st.sampled_from(NAMES), symbol=st.sampled_from(["", "?symbol=BTCUSD", f"?market={MARKET}"]))
    def cancel_many(self, name: str, symbol: str) -> None:
        left = self._ask(name, "DELETE", f"/orders{symbol}")["open_orders_left"]
        assert left == 0 or symbol

    @invariant()
    def all_is_well(self) -> None:
        check(self.venue)

    def teardown(self) -> None:
        check_history(self.venue)
        check_fills(self.lines)
        assert owned(restored(self.lines)) == owned(self.venue)
        assert owned(restored(list(self.venue.state_lines()))) == owned(self.venue)


def check_fills(lines: list[bytes]) -> None:
    """Every trade happened at the price of the order that rested, on both sides."""
    prices: dict[str, str] = {}
    for line in lines:
        for fact in msgspec.json.decode(line):
            if fact["type"] == "order" and "symbol" in fact["order"]:
                prices[fact["order"]["order_id"]] = fact["order"]["price"]
            if fact["type"] == "fill" and "symbol" in fact["fill"]:
                fill = fact["fill"]
                limit, price = float(prices[fill["order_id"]]), float(fill["price"])
                if fill["liquidity"] == "maker":
                    assert price == limit
                else:
                    assert price <= limit if fill["side"] == "bid" else price >= limit


People.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_whatever_people_do_each_currency_is_conserved = People.TestCase


@pytest.mark.parametrize("seed", range(2))
def test_long_random_histories_conserve_every_currency_and_survive_the_journal(seed: int) -> None:
    rng = random.Random(seed)
    people = People()
    for step in range(2_000):
        name, action = rng.choice(NAMES), rng.random()
        if action < 0.55:
            kind: Json = rng.choice([{}, {}, {"post_only": True}, {"time_in_force": "ioc"}])
            side, symbol = rng.choice(["bid", "ask"]), rng.choice(["BTCUSD", "ETHUSD"])
            people.place(name, side, symbol, rng.randint(995, 1_005), rng.randint(1, 200), kind)
        elif action < 0.75:
            price = rng.choice([None, rng.randint(995, 1_005)])
            people.amend(name, rng.randrange(1_000), price, rng.choice([None, rng.randint(1, 200)]))
        elif action < 0.80:
            people.place_binary(name, rng.choice(["yes", "no"]), rng.randint(45, 55))
        elif action < 0.98:
            people.cancel(name, rng.randrange(1_000))
        else:
            people.cancel_many(name, rng.choice(["", "?symbol=BTCUSD"]))
        if step % 25 == 0:
            check(people.venue)
    assert people.venue.ids.last["trade"] > 200
    people.teardown()


def test_simulated_participants_keep_the_books_alive_and_conserve_money() -> None:
    venue = opened(config(spot=("BTC", "ETH"), takers=True, lively=True))
    rng, dollars = random.Random(5), {"BTC": 60_000.0, "ETH": 2_600.0}
    now_ns = OPEN_NS
    for _ in range(600):
        now_ns += 500_000_000
        for asset, price in dollars.items():
            dollars[asset] = price * (1 + rng.gauss(0, 0.0001))
            units = int(dollars[asset] * BTC_UNITS)
            venue.on_price(asset, units, units, now_ns)
        venue.on_timer(now_ns)
        check(venue)
    for symbol in venue.trading.symbols.values():
        assert len(symbol.trades) > 20
        bids, asks = symbol.levels(10)
        # A side may just have been taken from; the next look puts it back.
        assert len(bids) + len(asks) >= 4
        mid = dollars[symbol.terms.base]
        assert all(abs(float(price) / mid - 1) < 0.003 for price, _ in bids + asks)
    amended = [o for o in venue.ledger.account("maker-spot").by_order_id.values() if o.order_sequence > 5]
    assert amended


def test_the_simulated_maker_shows_nothing_when_the_price_is_old() -> None:
    venue = opened(config(spot=("BTC",), lively=True))
    venue.on_timer(OPEN_NS + 2_000_000_000)
    assert venue.trading.symbols["BTCUSD"].book.best_bid_ticks() == 5_997_600
    venue.on_timer(OPEN_NS + 13_000_000_000)
    assert list(venue.trading.symbols["BTCUSD"].book.orders()) == []


def test_an_unknown_fact_is_still_refused() -> None:
    venue = Exchange(SPOT)
    with pytest.raises(ValueError, match="unknown type"):
        restore_fact({"type": "bond_trade"}, venue.ledger, venue.trading, venue.lifecycle)
