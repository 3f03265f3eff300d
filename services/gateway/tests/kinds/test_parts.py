"""Rows of every kind of market, price and bot: what they share, and what each adds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from common.events import Balance, BotConfig, InstrumentKey, SourcePrice, Statistics
from common.instruments import InstrumentKind
from gateway.kinds.parts import Held
from gateway.kinds.registry import BOTS, MARKETS, NO_PART, bot_part
from gateway.state.picture import picture
from gateway.state.rows import market_rows
from gateway.state.status import status
from gateway.testing.platform import SYMBOL, Story
from msgspec.structs import replace

COIN = "BTCUSD"


def spot(story: Story, lots: int, currency: str = "USD", *, priced: bool = True, unrated: Sequence[str] = ()) -> None:
    """Let a bot hold so much of a coin, whose lot is a hundredth, with its own book around 60,000."""
    story.market(
        COIN,
        kind=InstrumentKind.SPOT,
        strike=None,
        series="",
        open_ns=0,
        expiry_ns=0,
        lot_size=Decimal("0.01"),
        base="BTC",
        currency=currency,
    )
    held = story.position(1, 0, "1")
    line = replace(held.lines[0], instrument=InstrumentKey("degen", COIN), lots=lots, cost=Decimal(-30_000))
    story.tell(story.view.on_position, replace(held, lines=[line], fill_sequence=2, unrated=list(unrated)))
    if not priced:
        return
    price = SourcePrice(algo_id="1", venue="degen", symbol=COIN, bid=59_990.0, ask=60_010.0, age_ns=0)
    story.tell(story.view.on_fair, price)


def row_of(story: Story, symbol: str) -> dict[str, Any]:
    (row,) = [row for row in market_rows(story.view, story.now_ns) if row["symbol"] == symbol]
    return row


def test_every_kind_of_instrument_has_a_part() -> None:
    assert MARKETS.keys() == set(InstrumentKind)


def test_a_coin_is_held_net_and_marked_to_its_source_price(story: Story) -> None:
    spot(story, -50)
    row = row_of(story, COIN)
    assert (row["kind"], row["seconds_left"], row["strike"]) == ("spot", None, None)
    assert (row["lot"], row["base"]) == (0.01, "BTC")
    assert (row["fair"]["value"], row["fair"]["ready"], row["fair"]["delta"]) == (60_000.0, True, None)
    position = row["position"]
    assert position["net"] == -50
    assert "yes" not in position
    # Half a coin short at 60,000, sold for 30,000.
    assert (position["value"], position["pnl"]) == (pytest.approx(-30_000.0), pytest.approx(0.0))


def profit(story: Story) -> dict[str, Any]:
    """Return what the page says that the bot has earned."""
    (row,) = [row for row in picture(story.view, story.now_ns)["bots"] if row["algo_id"] == "1"]
    return {name: row["pnl"][name] for name in ("realized", "unrealized", "total", "daily", "fees")}


def test_a_coin_that_nobody_prices_makes_profit_unknown_and_not_nothing(story: Story) -> None:
    story.bot()
    spot(story, -50, priced=False)
    position = row_of(story, COIN)["position"]
    assert (position["net"], position["value"], position["pnl"]) == (-50, None, None)
    earned = profit(story)
    assert (earned["realized"], earned["unrealized"], earned["total"]) == (0.0, None, None)
    (row,) = [row for row in status(story.view, story.now_ns)["bots"] if row["symbol"] == COIN]
    assert (row["position"], row["pnl"], row["pnl_bot"], row["pnl_daily"]) == (-50, None, None, None)


def test_what_is_held_in_another_currency_is_not_added_to_the_accounts(story: Story) -> None:
    story.bot()
    story.account()
    spot(story, -40)
    assert profit(story)["unrealized"] == pytest.approx(6_000.0)
    spot(story, -40, "EUR")
    assert row_of(story, COIN)["position"]["pnl"] == pytest.approx(6_000.0), "in the currency of the market"
    assert (profit(story)["unrealized"], profit(story)["total"]) == (None, None)


def test_what_was_earned_at_an_unknown_rate_makes_profit_unknown(story: Story) -> None:
    story.bot()
    spot(story, -50, unrated=["EUR"])
    earned = profit(story)
    assert (earned["realized"], earned["fees"], earned["total"]) == (None, None, None)


def test_balances_of_coins_are_written_in_full(story: Story) -> None:
    coins = Balance(currency="BTC", total=Decimal("0.00000010"), available=Decimal("0.00000000"))
    story.tell(story.view.on_account, replace(story.account(), others=[coins]))
    (account,) = picture(story.view, story.now_ns)["accounts"]
    assert account["balances"][1] == {
        "currency": "BTC", "total": "0.00000010", "available": "0.00000000", "borrowed": "0"
    }  # fmt: skip


def test_figures_that_risk_leaves_out_are_unknown(story: Story) -> None:
    story.bot()
    spot(story, -50, priced=False)
    figures = {"pnl_realized": 3.0, "fees": 0.5}
    story.tell(story.view.on_statistics, Statistics(scope="bot-1", figures=figures, ts_ns=story.now_ns))
    assert profit(story) == {"realized": 3.0, "unrealized": None, "total": None, "daily": None, "fees": 0.5}


def test_a_share_of_hundredths_is_worth_a_hundredth(story: Story) -> None:
    story.market(lot_size=Decimal("0.01"))
    story.fair(0.52)
    story.position(120, 100, "1.09")
    position = row_of(story, SYMBOL)["position"]
    assert position["value"] == pytest.approx(1.20 * 0.52 + 1.00 * 0.48)


@pytest.mark.parametrize("listed", [False, True])
def test_what_is_held_on_unknown_terms_is_worth_nothing_anybody_knows(story: Story, listed: bool) -> None:
    """A lot may be a share or a hundredth of one: no figure is better than one that is wrong by a hundred."""
    if listed:
        story.market(tick_size=Decimal(0))
    story.fair(0.52)
    story.position(120, 100, "1.09")
    position = row_of(story, SYMBOL)["position"]
    assert (position["yes"], position["cost"], position["value"], position["pnl"]) == (120, 1.09, None, None)


def test_a_bot_of_a_kind_that_nobody_knows_has_the_common_row(story: Story) -> None:
    sections = {"instrument": {"venue": "degen", "account": "mm1", "symbols": [COIN]}}
    config = BotConfig(algo_id="9", kind="new", revision=1, running=True, sections=sections, actor="x", ts_ns=0)
    story.tell(story.view.on_bot, config)
    (row,) = [row for row in picture(story.view, story.now_ns)["bots"] if row["algo_id"] == "9"]
    assert (row["kind"], row["venue"], row["series"], row["max_position"]) == ("new", "degen", [], None)


def test_every_part_of_a_bot_says_what_the_common_row_leaves_open() -> None:
    for kind in (*BOTS, "unknown"):
        assert bot_part(kind, {}).keys() >= NO_PART.keys(), kind


def test_the_lots_of_a_line_that_is_not_there_are_none() -> None:
    held = Held("mm1", "degen", COIN, yes_lots=7)
    for kind, part in MARKETS.items():
        assert part.lots(None)["net"] == 0, kind
        assert part.lots(held)["net"] == 7, kind
