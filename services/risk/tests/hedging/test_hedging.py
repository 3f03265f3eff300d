"""What hedgers decide: given figures, what is open and what is in the way, then exactly these commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.core import Publish
from common.events import Distance, ExecutionStyle, HedgeState, OrderCommand
from common.instruments import Side
from risk.hedging.amounts import Touch
from risk.hedging.commands import LIFE_NS, PAUSE_NS
from risk.hedging.counting import Figure
from risk.hedging.hedging import ANSWER_NS, TOLD_AFTER_NS, Hedging
from risk.hedging.terms import DeltaTerms, Hedger, Scope
from risk.monitoring.alerts import Conditions
from risk.testing.events import NOW_NS, S
from risk.testing.hedging import BINANCE, KRAKEN, a_hedger, alerts, answer, place, said, situation

D = Decimal


def hedging(*hedgers: Hedger) -> Hedging:
    found = Hedging(Conditions())
    assert list(found.configure(hedgers or (a_hedger(),), NOW_NS)) == []
    return found


def look(found: Hedging, figure: str | None, scope: str = "bot-3", **changed: Any) -> list[OrderCommand]:
    """Have one look at a scope's figure; what is said is stored at once."""
    commands = said(list(found.decide(situation({scope: figure}, **changed))))
    for command in commands:
        found.on_command(command, 1)
    return commands


def quantities(commands: list[OrderCommand]) -> list[tuple[str, Decimal]]:
    return [(command.side.value, command.quantity) for command in commands]


def why(found: Hedging, scope: str = "bot-3") -> list[str]:
    return found.standings[scope].why


# --- what is wanted -------------------------------------------------------------------------------------------------


def test_a_position_beyond_its_maximum_is_brought_to_its_norm() -> None:
    found = hedging(a_hedger(position_max_norm_size="10 2", max_order_size="0.5", max_offset="20 bps", max_bid="61000"))
    assert look(found, "10") == []
    (command,) = look(found, "12.0005")
    # 12.0005 - 2 = 10.0005, in lots of 0.001: 10.
    assert (command.side, command.quantity, command.style) == (Side.SELL, D(10), ExecutionStyle.LEAN)
    assert command.parent_id == "bot-3:mm1:100:1"
    assert (command.max_order_size, command.max_offset) == (D("0.5"), Distance(D(20), in_bps=True))
    assert (command.max_bid, command.min_ask, command.resend_ms) == (D(61_000), None, 1_000)
    assert command.expires_at_ns == NOW_NS + LIFE_NS
    assert command.reason == "12.0005 BTC, from beyond 10 to 2"


@pytest.mark.parametrize(
    ("factor", "figure", "order"),
    [("1", "3", ("sell", "3")), ("2", "-3", ("buy", "1.5")), ("-2", "3", ("buy", "1.5"))],
)
def test_the_factor_divides_and_its_sign_turns_the_side(factor: str, figure: str, order: tuple[str, str]) -> None:
    found = hedging(a_hedger(hedge_qty_factor=factor))
    assert quantities(look(found, figure)) == [(order[0], D(order[1]))]


def test_a_currency_that_the_pair_is_paid_in_is_hedged_at_the_current_price() -> None:
    scope = Scope("risk-currency-9", "USD")
    found = hedging(a_hedger("risk-currency-9", scope=scope, position_max_norm_size="1000 0"))
    # Long 6,059 USD: they buy 6,059 / 60,000 = 0.10098 BTC. Short: 6,059 / 59,990 = 0.101 are sold.
    assert quantities(look(found, "6059", "risk-currency-9")) == [("buy", D("0.100"))]
    found = hedging(a_hedger("risk-currency-9", scope=scope, position_max_norm_size="1000 0"))
    assert quantities(look(found, "-6059", "risk-currency-9")) == [("sell", D("0.101"))]
    found = hedging(a_hedger("risk-currency-9", scope=scope, position_max_norm_size="1000 0"))
    assert look(found, "6059", "risk-currency-9", touches={}) == []
    assert why(found, "risk-currency-9") == ["no price of BTC/USD"]


def test_a_parent_is_split_over_the_processes_that_hold_its_accounts() -> None:
    places = (place(), place(BINANCE), place(BINANCE, "mm2", "quoter-2"))
    commands = look(hedging(a_hedger(places=places)), "3.001")
    assert [(each.account, [v.venue for v in each.venues], each.quantity) for each in commands] == [
        ("mm1", [KRAKEN, BINANCE], D("1.501")),
        ("mm2", [BINANCE], D("1.500")),
    ]


def test_two_processes_with_an_account_of_one_name_are_told_apart_by_nobody() -> None:
    found = hedging(a_hedger(places=(place(), place(BINANCE, "mm1", "quoter-2"))))
    assert quantities(look(found, "3")) == [("sell", D(3))]
    assert why(found) == ["two processes hold accounts called mm1, the first one hedges"] or why(found) == []


# --- what is open ---------------------------------------------------------------------------------------------------


def test_what_is_open_is_not_asked_for_again() -> None:
    found = hedging()
    (command,) = look(found, "3")
    assert look(found, "3") == []
    found.on_update(answer(command, open=D(1)), NOW_NS)
    assert look(found, "3") == []


def test_more_is_added_to_the_open_parent_as_its_next_revision() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    (more,) = look(found, "4.5", ledger_sequence=105)
    assert (more.parent_id, more.revision, more.quantity) == (command.parent_id, 2, D("4.5"))


def test_less_is_taken_back_from_it() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    (less,) = look(found, "2.2")
    assert (less.revision, less.quantity, less.cancelled) == (2, D("2.2"), False)
    # Until its holder has confirmed it, it may be working the 3; nothing else is said meanwhile.
    assert look(found, "2.2") == []
    (parent,) = found.parents.open()
    assert parent.open == 3
    assert look(found, "2.9") == []
    found.on_update(answer(less, 2), NOW_NS)
    assert parent.open == D("2.2")


def test_a_parent_is_cancelled_when_the_position_is_back_inside() -> None:
    found = hedging(a_hedger(position_max_norm_size="2 1"))
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    # Within its maximum it goes on to its norm.
    assert quantities(look(found, "1.5")) == [("sell", D("0.5"))]
    (cancel,) = look(found, "0.9")
    assert (cancel.parent_id, cancel.cancelled) == (command.parent_id, True)
    assert look(found, "0.9") == []


def test_an_opposite_hedge_has_ended_before_its_contrary_begins() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command, open=D(3)), NOW_NS)
    (cancel,) = look(found, "-3", ledger_sequence=110)
    assert cancel.cancelled
    assert look(found, "-3", ledger_sequence=110) == []
    assert why(found) == ["waits until the opposite hedge has ended"]
    found.on_update(answer(cancel, 2, state=HedgeState.CANCELLED), NOW_NS)
    assert quantities(look(found, "-3", ledger_sequence=110)) == [("buy", D(3))]


def test_a_parent_that_expired_is_followed_by_the_next_attempt() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command, state=HedgeState.EXPIRED), NOW_NS)
    (following,) = look(found, "3")
    assert (following.parent_id, following.revision) == ("bot-3:mm1:100:2", 1)


def test_a_parent_that_was_refused_is_followed_after_a_pause() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command, state=HedgeState.REFUSED, reason="no such market"), NOW_NS)
    assert look(found, "3") == []
    assert why(found) == ["no such market"]
    assert len(look(found, "3", now_ns=NOW_NS + PAUSE_NS)) == 1


def test_with_another_configuration_another_parent_is_worked() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    assert list(found.configure([a_hedger(max_bid="61000")], NOW_NS)) == []
    (cancel,) = look(found, "3")
    assert cancel.cancelled
    found.on_update(answer(cancel, 2, state=HedgeState.CANCELLED), NOW_NS)
    (following,) = look(found, "3")
    assert (following.max_bid, following.attempt) == (D(61_000), 2)


def test_a_hedger_that_is_stopped_or_gone_has_its_parent_cancelled() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    stopped = a_hedger()
    stopped = Hedger(stopped.scope, stopped.section, stopped.places, 2, running=False)
    list(found.configure([stopped], NOW_NS))
    (cancel,) = look(found, "3")
    assert cancel.cancelled
    found = hedging()
    (command,) = look(found, "3")
    list(found.configure([], NOW_NS))
    (cancel,) = look(found, "3")
    assert (cancel.cancelled, cancel.reason) == (True, "its hedger is gone")


# --- what is in the way ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "halt",
    ["global:manual", f"venue-{KRAKEN}:clock", "account-mm1:x", "currency-BTC:x", "currency-USD:x", "bot-3:daily_loss"],
)
def test_a_halt_cancels_and_says_so(halt: str) -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    (cancel,) = look(found, "3", halts=(halt,))
    assert cancel.cancelled
    assert why(found) == [f"{KRAKEN} is halted: {halt}"]


def test_other_halts_and_a_spared_loss_do_not() -> None:
    hedger = a_hedger()
    spared = Hedger(hedger.scope, hedger.section, hedger.places, 1, running=True, spared=frozenset({"daily_loss"}))
    halts = ("bot-3:daily_loss", "bot-4:manual", "venue-degen:x", "currency-ETH:x")
    assert len(look(hedging(spared), "3", halts=halts)) == 1


def test_of_two_venues_the_other_one_is_used() -> None:
    places = (place(), place(BINANCE, "mm2", "quoter-2"))
    (command,) = look(hedging(a_hedger(places=places)), "3", halts=(f"venue-{KRAKEN}:x",))
    assert (command.account, command.quantity) == ("mm2", D(3))


def test_a_hedge_is_cut_to_the_funds_there_are() -> None:
    # Sold: 0.5 BTC. Bought: 6,012 USD / 60,120, the ask and 20 bps, are 0.1 BTC.
    funds = {("mm1", KRAKEN, "BTC"): D("0.5"), ("mm1", KRAKEN, "USD"): D(6_012)}
    found = hedging(a_hedger(max_offset="20 bps"))
    assert quantities(look(found, "3", funds=funds)) == [("sell", D("0.5"))]
    assert why(found) == [f"mm1 at {KRAKEN} has 0.5 BTC free"]
    found = hedging(a_hedger(max_offset="20 bps"))
    assert quantities(look(found, "-3", funds=funds)) == [("buy", D("0.1"))]
    found = hedging()
    assert look(found, "3", funds={}) == []
    assert why(found) == [f"mm1 at {KRAKEN}: what it has of BTC is not known"]


@pytest.mark.parametrize(
    ("hedger", "text"),
    [
        (a_hedger(places=(place(holder=""),)), f"nobody holds mm1 at {KRAKEN}"),
        (a_hedger(places=()), "no market of BTCUSD is known"),
    ],
)
def test_what_keeps_a_position_beyond_its_maximum_is_alerted_after_a_while(hedger: Hedger, text: str) -> None:
    found = hedging(hedger)
    assert alerts(list(found.decide(situation({"bot-3": 3})))) == []
    (alert,) = alerts(list(found.decide(situation({"bot-3": 3}, NOW_NS + TOLD_AFTER_NS))))
    assert (alert.algo_id, alert.kind) == ("3", "hedge_forbidden")
    assert alert.text == f"3 BTC, from beyond 1 to 0; not hedged: {text}"


def test_a_figure_that_is_not_known_leaves_what_is_open_as_it_is() -> None:
    found = hedging()
    look(found, "3")
    assert look(found, None) == []
    assert why(found) == ["not known"]


def test_what_a_holder_waits_for_is_told() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command, reason="the ask 60000 is above max_bid 59000"), NOW_NS)
    look(found, "3")
    assert why(found) == ["mm1: the ask 60000 is above max_bid 59000"]


def test_a_holder_that_does_not_answer_is_alerted_and_its_part_stays_open() -> None:
    found = hedging()
    look(found, "3")
    effects = list(found.decide(situation({"bot-3": 3}, NOW_NS + ANSWER_NS + 1)))
    assert [alert.kind for alert in alerts(effects)] == ["hedge_unanswered"]
    assert said(effects) == []


def test_what_the_broker_refuses_has_not_been_said() -> None:
    found = hedging()
    (command,) = said(list(found.decide(situation({"bot-3": 3}))))
    effects = list(found.on_refused(command, "wrong last sequence", NOW_NS))
    assert [alert.kind for alert in alerts(effects)] == ["hedge_not_published"]
    assert found.parents.open() == []
    assert quantities(look(found, "3")) == [("sell", D(3))]


def test_a_revision_that_the_broker_refuses_leaves_the_one_before() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command), NOW_NS)
    (more,) = said(list(found.decide(situation({"bot-3": 5}))))
    list(found.on_refused(more, "wrong last sequence", NOW_NS))
    (parent,) = found.parents.open()
    assert (parent.command, parent.open) == (command, D(3))


def test_every_command_names_the_one_it_follows() -> None:
    found = hedging()
    (first,) = [each for each in found.decide(situation({"bot-3": 3})) if isinstance(each, Publish)]
    assert first.expected_last_sequence == 0
    assert isinstance(first.event, OrderCommand)
    found.on_command(first.event, 41)
    found.on_update(answer(first.event), NOW_NS)
    (second,) = [each for each in found.decide(situation({"bot-3": 5})) if isinstance(each, Publish)]
    assert second.expected_last_sequence == 41


def test_executions_that_never_come_into_the_ledger_are_waited_for_a_minute() -> None:
    found = hedging()
    (command,) = look(found, "3")
    found.on_update(answer(command, state=HedgeState.DONE, done=D(3)), NOW_NS)
    assert look(found, "3") == []
    effects = list(found.decide(situation({"bot-3": 3}, NOW_NS + 61 * S)))
    assert [alert.kind for alert in alerts(effects)] == ["hedge_not_booked"]
    assert quantities(said(effects)) == [("sell", D(3))]


# --- currencies -----------------------------------------------------------------------------------------------------


def currencies(*hedgers: Hedger, **figures: str) -> dict[str, list[tuple[str, Decimal]]]:
    found = hedging(*hedgers)
    told = {name.replace("_", "-"): figure for name, figure in figures.items()}
    commands = said(list(found.decide(situation(told))))
    return {hedger.name: quantities([c for c in commands if c.scope == hedger.name]) for hedger in hedgers}


def test_what_a_bot_has_open_counts_before_its_currency_decides() -> None:
    both = a_hedger(), a_hedger("risk-currency-7")
    found = currencies(*both, bot_3="3", risk_currency_7="4.5")
    assert found == {"bot-3": [("sell", D(3))], "risk-currency-7": [("sell", D("1.5"))]}
    found = currencies(*both, bot_3="-3", risk_currency_7="-1.5")
    # The bot's 3 would carry the currency from -1.5 to 1.5: only 1.5 of them are not hedged twice.
    assert found == {"bot-3": [("buy", D("1.5"))], "risk-currency-7": []}


def test_a_bot_does_not_hedge_what_the_currency_would_trade_back() -> None:
    both = a_hedger(), a_hedger("risk-currency-7")
    found = currencies(*both, bot_3="-3", risk_currency_7="1.5")
    assert found == {"bot-3": [], "risk-currency-7": [("sell", D("1.5"))]}


def test_a_hedge_of_a_bot_counts_for_what_it_is_paid_in() -> None:
    dollars = a_hedger(
        "risk-currency-9",
        (place(symbol="USDJPY", base="USD", currency="JPY"),),
        Scope("risk-currency-9", "USD"),
        position_max_norm_size="1000 0",
        hedge_instrument="USDJPY",
    )
    found = hedging(a_hedger(), dollars)
    touches = {("BTC", "USD"): Touch(D(59_990), D(60_000)), ("USD", "JPY"): Touch(D(150), D(151))}
    pairs = {"BTCUSD": ("BTC", "USD"), "USDJPY": ("USD", "JPY")}
    known = situation(
        {"bot-3": 3, "risk-currency-9": 0}, touches=touches, pair_of=lambda venue, symbol: pairs.get(symbol)
    )
    commands = said(list(found.decide(known)))
    # 3 BTC sold at 59,990 bring 179,970 USD.
    assert [(each.scope, each.side, each.quantity) for each in commands] == [
        ("bot-3", Side.SELL, D(3)),
        ("risk-currency-9", Side.SELL, D(179_970)),
    ]


def test_a_hedge_that_may_be_traded_elsewhere_counts_only_where_it_reduces() -> None:
    here = Scope("risk-currency-8", "BTC", venue=KRAKEN)
    at_kraken = a_hedger("risk-currency-8", scope=here)
    both_venues = (place(), place(BINANCE))
    found = currencies(a_hedger(places=both_venues), at_kraken, bot_3="3", risk_currency_8="3")
    assert found == {"bot-3": [("sell", D(3))], "risk-currency-8": []}
    found = currencies(a_hedger(places=both_venues), at_kraken, bot_3="-3", risk_currency_8="3")
    assert found == {"bot-3": [("buy", D(3))], "risk-currency-8": [("sell", D(3))]}
    only_there = a_hedger(places=(place(BINANCE),))
    found = currencies(only_there, at_kraken, bot_3="3", risk_currency_8="3")
    assert found == {"bot-3": [("sell", D(3))], "risk-currency-8": [("sell", D(3))]}


def test_the_currency_of_one_bot_counts_that_bot_and_itself() -> None:
    of_bot = a_hedger("risk-currency-8", scope=Scope("risk-currency-8", "BTC", algo_id="4"))
    found = currencies(a_hedger(), of_bot, bot_3="3", risk_currency_8="3")
    assert found == {"bot-3": [("sell", D(3))], "risk-currency-8": [("sell", D(3))]}
    found = currencies(a_hedger("bot-4"), of_bot, bot_4="3", risk_currency_8="3")
    assert found == {"bot-4": [("sell", D(3))], "risk-currency-8": []}


# --- what could not reduce the figure -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hedger", "fault"),
    [
        (
            a_hedger("risk-currency-7", scope=Scope("risk-currency-7", "ETH")),
            "hedge_instrument: must be a pair of ETH, is BTC/USD",
        ),
        (
            a_hedger("risk-currency-7", (place(BINANCE),), Scope("risk-currency-7", "BTC", venue=KRAKEN)),
            f"venues_list: must be {KRAKEN} alone, whose BTC it watches: trades elsewhere do not change that,"
            f" is {BINANCE}",
        ),
        (
            a_hedger(places=(place(), place(BINANCE, currency="USDT"))),
            "hedge_instrument: must be one pair of currencies at all its venues, is BTC/USD, BTC/USDT",
        ),
        (
            a_hedger(max_order_size="0.0005"),
            "max_order_size: must be at least the smallest order, 0.001, is 0.0005",
        ),
    ],
)
def test_a_hedge_that_cannot_reduce_its_figure_is_refused(hedger: Hedger, fault: str) -> None:
    found = Hedging(Conditions())
    (alert,) = alerts(list(found.configure([hedger], NOW_NS)))
    assert (alert.kind, alert.text) == ("hedger_refused", f"{hedger.name} does not hedge: {fault}")
    assert list(found.configure([hedger], NOW_NS)) == []
    assert look(found, "3", hedger.name) == []


def test_any_instrument_hedges_a_bot_by_its_factor() -> None:
    found = hedging(a_hedger(places=(place(base="ETH"),), hedge_qty_factor="0.05"))
    funds = {("mm1", KRAKEN, "ETH"): D(1_000)}
    assert quantities(look(found, "3", funds=funds)) == [("sell", D(60))]


def test_two_currencies_of_one_pair_are_not_both_hedged_in_it() -> None:
    found = Hedging(Conditions())
    dollars = a_hedger("risk-currency-9", scope=Scope("risk-currency-9", "USD"))
    (alert,) = alerts(list(found.configure([a_hedger("risk-currency-7"), dollars], NOW_NS)))
    assert alert.text == (
        "risk-currency-9 does not hedge: hedge_instrument: must not be the pair in which risk-currency-7 hedges BTC:"
        " each would undo what the other has done, is BTC/USD"
    )


# --- YES and NO shares ----------------------------------------------------------------------------------------------


def test_the_delta_of_shares_counts_where_it_is_switched_on() -> None:
    plain = a_hedger("risk-currency-7")
    terms = DeltaTerms(plain.section.position_max_norm_size._replace(max=D(5)), S, S, D(10))
    hedger = Hedger(plain.scope, plain.section, plain.places, 1, running=True, delta=terms)
    deltas = {"BTC": Figure(D(4))}
    assert look(hedging(plain), "0.9", plain.name, deltas=deltas) == []
    assert look(hedging(hedger), "0.9", plain.name, deltas=deltas) == []
    assert quantities(look(hedging(hedger), "1.1", plain.name, deltas=deltas)) == [("sell", D("5.1"))]
    found = hedging(hedger)
    assert look(found, "9", plain.name, deltas={"BTC": Figure(None, "the delta is old")}) == []
    assert why(found, plain.name) == ["the delta is old"]


def test_the_state_for_people_says_it_all() -> None:
    found = hedging()
    look(found, "3")
    look(found, "3")
    assert found.state() == [
        {
            "scope": "bot-3",
            "currency": "BTC",
            "figure": "3",
            "max": "1",
            "norm": "0",
            "wanted": "-3.000",
            "open": "-3.000",
            "why": [],
        }
    ]
