"""Whatever customers, makers and takers do at whichever venue: of each currency there is what was put in, no unit more.

Sums are over all accounts of all venues, the makers', the takers' and the venues' own for fees included, and over what
is on its way between them.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from exchange.entry.session import Output, Record
from exchange.market.money import DOLLAR, signed_units_of
from exchange.market.tape import Json
from exchange.spot_venues.depth import MAKER_ACCOUNT
from exchange.spot_venues.venue import SpotVenue
from exchange.spot_venues.venues import SpotVenues
from exchange.testing.spot_venues import file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client
from hypothesis import given, settings
from hypothesis import strategies as st

START_NS = NOW_NS
MS = 1_000_000
LIVELY = {"per_s": 20, "reach_bps": 6, "informed_share": 0.2}
FILE = file_of(
    KRAKEN={"takers": LIVELY},
    BINANCE={"takers": LIVELY, "fee_currency": "BNB", "maker_fee_ppm": 750, "taker_fee_ppm": 750},
    BITTREX={"takers": LIVELY, "maker_fee_ppm": -50, "latency_in_ms": 30, "latency_out_ms": 20},
)


def everything(venues: SpotVenues) -> dict[str, int]:
    """Units of each currency that anybody has anywhere, or that are on their way."""
    total: Counter[str] = Counter()
    for venue in venues.by_name.values():
        for account in venue.ledger.accounts.values():
            for currency in (DOLLAR, *account.balances):
                total[currency] += account.total(currency)
        total.update(venue.transfers.in_transit())
    return {currency: units for currency, units in total.items() if units}


def deposits(venues: SpotVenues) -> dict[str, int]:
    """Units of each currency that were ever put in, by the statements of all accounts."""
    total: Counter[str] = Counter()
    for venue in venues.by_name.values():
        for account in venue.ledger.accounts.values():
            for currency in (DOLLAR, *account.balances):
                for _, entry in account.statement(currency).rows:
                    if entry["type"] == "deposit":
                        total[currency] += signed_units_of(entry["amount"], currency)
    return {currency: units for currency, units in total.items() if units}


def check(venues: SpotVenues) -> None:
    assert everything(venues) == deposits(venues)
    for venue in venues.by_name.values():
        for account in venue.ledger.accounts.values():
            for currency in (DOLLAR, *account.balances):
                rows = [entry for _, entry in account.statement(currency).rows]
                assert sum(signed_units_of(row["amount"], currency) for row in rows) == account.total(currency)
                assert account.available(currency) >= 0
        for symbol in venue.trading.symbols.values():
            bid, ask = symbol.book.best_bid_ticks(), symbol.book.best_ask_ticks()
            assert bid is None or ask is None or bid < ask


class Session:
    """Customers at all venues of one configuration, and time."""

    def __init__(self, seed: int) -> None:
        self.venues = spot_venues(FILE, seed=seed)
        self.now_ns = START_NS
        self.lines: dict[str, list[bytes]] = {name: [] for name in self.venues.by_name}
        for name, venue in self.venues.by_name.items():
            self.keep(name, venue.start(self.now_ns))
        self.clients = {name: Client(venue, "mm1") for name, venue in self.venues.by_name.items()}
        self.senders = {name: Client(venue, "mm1", "transfer") for name, venue in self.venues.by_name.items()}
        for name in self.venues.by_name:
            self.keep(name, self.clients[name].outputs + self.senders[name].outputs)
        self.sent = 0

    def keep(self, name: str, outputs: list[Output]) -> None:
        self.lines[name] += [out.data for out in outputs if isinstance(out, Record)]

    def wait(self, ms: int) -> None:
        self.now_ns += ms * MS
        for name, venue in self.venues.by_name.items():
            self.keep(name, venue.on_timer(self.now_ns))

    def ask(self, client: Client, name: str, method: str, path: str, body: Json) -> Json:
        client.now_ns = self.now_ns
        client.outputs.clear()
        answer = client.rest(method, path, body)
        self.keep(name, client.outputs)
        return answer

    def place(self, name: str, symbol: str, side: str, away_bps: float, lots: int, kind: Json) -> None:
        venue, client = self.venues.by_name[name], self.clients[name]
        terms = venue.trading.symbol(symbol).terms
        price = self.venues.world.price(terms.base, terms.quote, self.now_ns)
        ticks = max(1, round(price * (1 + away_bps / 10_000) / float(terms.tick)))
        client._next_client_order_id += 1
        body: dict[str, Any] = {"client_order_id": str(client._next_client_order_id), "symbol": symbol, "side": side}
        prices = {"price": terms.prices.text(ticks), "size": terms.sizes.text(lots)}
        self.ask(client, name, "POST", "/orders", {**body, **prices, **kind})

    def send(self, name: str, to: str, currency: str, amount: str) -> Json:
        self.sent += 1
        body = {"client_transfer_id": str(self.sent), "currency": currency, "amount": amount}
        return self.ask(self.senders[name], name, "POST", "/transfers", {**body, "to_venue": to, "to_account": "mm1"})


NAMES = st.sampled_from(sorted(FILE.venues))
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 3_000)),
    st.tuples(
        st.just("place"),
        NAMES,
        st.sampled_from(["BTCUSD", "ETHUSD", "ETHBTC", "USDJPY"]),
        st.sampled_from(["bid", "ask"]),
        st.floats(-30, 30),
        st.integers(1, 5_000),
        st.sampled_from([{}, {"post_only": True}, {"time_in_force": "ioc"}]),
    ),
    st.tuples(
        st.just("send"),
        NAMES,
        NAMES,
        st.sampled_from(["USD", "BTC", "JPY", "BNB"]),
        st.sampled_from(["0.5", "99", "1"]),
    ),
)


@given(seed=st.integers(0, 10_000), steps=st.lists(STEPS, max_size=30))
@settings(max_examples=40, deadline=None)
def test_random_sessions_conserve_every_currency_over_all_accounts_of_all_venues(seed: int, steps: list[Any]) -> None:
    session = Session(seed)
    for action, *arguments in steps:
        getattr(session, action)(*arguments)
    check(session.venues)


@pytest.mark.parametrize("seed", range(2))
def test_a_long_session_conserves_and_the_journals_bring_all_of_it_back(seed: int) -> None:
    session, rng = Session(seed), random.Random(seed)
    names = sorted(FILE.venues)
    for step in range(250):
        session.wait(rng.randrange(20, 400))
        name, symbol = rng.choice(names), rng.choice(["BTCUSD", "ETHUSD", "ETHBTC", "USDJPY"])
        kind: Json = rng.choice([{}, {}, {"post_only": True}, {"time_in_force": "ioc"}])
        session.place(name, symbol, rng.choice(["bid", "ask"]), rng.uniform(-10, 10), rng.randrange(20, 900), kind)
        if step % 7 == 0:
            session.send(name, rng.choice(names), rng.choice(["USD", "BTC", "BNB"]), rng.choice(["0.01", "0.2", "50"]))
        if step % 40 == 0:
            check(session.venues)
    check(session.venues)
    mine = {name: venue.ledger.account("mm1") for name, venue in session.venues.by_name.items()}
    traded = {name: {fill["fee_currency"] for _, fill in account.fills.rows} for name, account in mine.items()}
    assert all(len(account.fills.rows) > 10 for account in mine.values())
    assert "BNB" in traded["BINANCE"]
    assert "BNB" not in traded["KRAKEN"]
    assert all(venue.ledger.account(MAKER_ACCOUNT).fills.rows for venue in session.venues.by_name.values())

    # Another process reads the journals: the same balances, nothing on its way lost or brought twice.
    again = spot_venues(FILE, seed=seed)
    for name, venue in again.by_name.items():
        for line in session.lines[name]:
            venue.restore(line)
    assert balances(again.by_name) == balances(session.venues.by_name)
    for venue in again.by_name.values():
        venue.start(session.now_ns + MS)
    for ms in range(0, 5_000, 100):
        for venue in again.by_name.values():
            venue.on_timer(session.now_ns + ms * MS)
    check(again)
    assert all(not venue.transfers.in_transit() for venue in again.by_name.values())


def balances(venues: dict[str, SpotVenue]) -> dict[tuple[str, str, str], int]:
    return {
        (name, account.name, currency): units
        for name, venue in venues.items()
        for account in venue.ledger.accounts.values()
        for currency in (DOLLAR, *account.balances)
        if (units := account.total(currency))
    }
