"""A spot bot's document: stored as it was sent, refused where its sections contradict each other or the platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from common.bots import KINDS, Known, may_trade_at, parse_bot, venue_and_account
from common.bots.spot import SpotBot
from common.errors import ConfigError
from common.events import BotConfig, decode, encode
from common.instruments import CurrencyPair, CurrencyPairs
from common.testing.spot import ADAETH, BTCJPY, BTCUSD, ETHUSD, EXCHANGES, KNOWN, SPOT_BOTS, changed
from hypothesis import given
from hypothesis import strategies as st
from toolkit.testing.strategies import documents

FIELDS = sorted({(section, field) for bot in SPOT_BOTS.values() for section in bot for field in bot[section]})


def faults(sections: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        SpotBot.parse(sections)
    return refused.value.faults


def a_config(sections: Mapping[str, Any], kind: str = "spot") -> BotConfig:
    return BotConfig(algo_id="3", kind=kind, revision=1, running=True, sections=dict(sections), actor="anna", ts_ns=1)


@pytest.mark.parametrize("sections", SPOT_BOTS.values(), ids=SPOT_BOTS)
def test_what_was_sent_is_stored_and_comes_back_unchanged(sections: Mapping[str, Any]) -> None:
    stored = SpotBot.document(sections)
    assert json.dumps(stored) == json.dumps(sections), "in the same order and the same forms"
    there_and_back = decode(BotConfig, encode(a_config(stored))).sections
    assert json.dumps(there_and_back) == json.dumps(sections)
    assert SpotBot.parse(there_and_back) == SpotBot.parse(sections)


def test_what_is_stored_is_nobody_elses() -> None:
    sent = changed(BTCUSD)
    stored = SpotBot.document(sent)
    sent["pricer"]["min_spread"] = "0"
    assert stored["pricer"]["min_spread"] == "4 bps"


def test_what_cannot_be_read_is_not_stored() -> None:
    with pytest.raises(ConfigError, match=r"pricer\.min_spread"):
        SpotBot.document(changed(BTCUSD, pricer__min_spread="wide"))


@pytest.mark.parametrize("sections", SPOT_BOTS.values(), ids=SPOT_BOTS)
def test_each_configuration_for_tests_fits_the_platform(sections: Mapping[str, Any]) -> None:
    bot = parse_bot("spot", dict(sections))
    assert isinstance(bot, SpotBot)
    assert bot.faults_among(KNOWN) == []


def test_a_bot_needs_an_instrument_and_a_pricer_and_nothing_else() -> None:
    bot = SpotBot.parse({name: BTCUSD[name] for name in ("instrument", "pricer")})
    assert (bot.hedger, bot.risk_limits) == (None, None)
    assert faults({}) == ("instrument: Field required", "pricer: Field required")


def test_parts_stand_still_until_they_are_started() -> None:
    sections = changed(BTCUSD)
    del sections["pricer"]["running"], sections["hedger"]["running"]
    bot = SpotBot.parse(sections)
    assert bot.hedger is not None
    assert (bot.pricer.running, bot.hedger.running) == (False, False)
    assert SpotBot.parts == ("pricer", "hedger")


@given(st.data())
def test_whatever_is_sent_in_a_field_is_refused_in_words_or_read(data: st.DataObject) -> None:
    sections: dict[str, Any] = changed(data.draw(st.sampled_from(list(SPOT_BOTS.values()))))
    for section, field in data.draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4)):
        sections[section] = {**sections.get(section, {}), field: data.draw(documents)}
    assert_read_or_refused(sections)


@given(
    st.one_of(documents, st.dictionaries(st.sampled_from(["instrument", "pricer", "hedger", "risk_limits"]), documents))
)
def test_whatever_is_sent_for_a_document_is_refused_in_words_or_read(sent: Any) -> None:
    assert_read_or_refused(sent)


def assert_read_or_refused(sections: Any) -> None:
    try:
        bot = SpotBot.parse(sections)
    except ConfigError as error:
        said = error.faults
    else:
        said = tuple(bot.faults_among(KNOWN))
    assert all(len(fault) < 400 and ": " in fault for fault in said)


# --- what sections must be to each other --------------------------------------------------------------------------


def test_margins_are_one_or_one_for_each_size() -> None:
    assert faults(changed(BTCUSD, pricer__buy_margins="1 2")) == (
        "pricer.buy_margins: must be one, or one for each of buy_quote_sizes, is 2 for 5 sizes",
    )
    assert "1 2 3" in changed(BTCUSD, pricer__sell_margins="1 2 3")["pricer"].values()
    assert "is 3 for 5 sizes" in faults(changed(BTCUSD, pricer__sell_margins="1 2 3"))[0]


def test_at_least_one_side_is_quoted() -> None:
    assert SpotBot.parse(changed(BTCUSD, pricer__buy_quote_sizes="")).pricer.buy_quote_sizes.amounts == ()
    neither = changed(BTCUSD, pricer__buy_quote_sizes="", pricer__sell_quote_sizes=None)
    assert faults(neither) == ("pricer.buy_quote_sizes: must name a size, or sell_quote_sizes must",)


def test_aggressive_mode_needs_take_out() -> None:
    assert SpotBot.parse(changed(BTCJPY, pricer__aggressive_mode=True)).pricer.aggressive_mode
    assert faults(changed(BTCUSD, pricer__aggressive_mode=True)) == (
        "pricer.aggressive_mode: must be false without take_out, or nothing would ever be sent, is true",
    )


def test_levels_in_brackets_are_of_replication_alone() -> None:
    said = faults(changed(BTCUSD, pricer__buy_quote_sizes="3 [5 20]"))
    assert said == ("pricer.buy_quote_sizes: has levels in brackets, which BEST_AGGREGATED does not copy",)


def test_replication_has_one_size_a_side() -> None:
    assert faults(changed(ETHUSD, pricer__sell_quote_sizes="1 2")) == (
        "pricer.sell_quote_sizes: must be one size with REPLICATION, the most of all levels, is 2",
    )


def test_an_fx_leg_goes_with_an_underlying() -> None:
    said = faults(changed(BTCUSD, instrument__fx_leg="USDJPY"))
    assert said == ("instrument.fx_leg: must be left out without underlyings, is 'USDJPY'",)


@pytest.mark.parametrize("fx_leg", ["USDEUR", "JPYBTC", "EURJPY", "USD/EUR"])
def test_an_fx_leg_of_other_currencies_is_refused_whatever_markets_there_are(fx_leg: str) -> None:
    said = faults(changed(BTCJPY, instrument__fx_leg=fx_leg))
    assert said == (
        "instrument.fx_leg: must convert the currency of BTCUSD into that of BTCJPY, directly or inversely,"
        f" is {fx_leg!r}",
    )


@pytest.mark.parametrize("fx_leg", ["USDJPY", "JPYUSD", "USD/JPY", "jpy-usd"])
def test_an_fx_leg_may_be_direct_or_inverse(fx_leg: str) -> None:
    assert SpotBot.parse(changed(BTCJPY, instrument__fx_leg=fx_leg)).faults_among(KNOWN) == []


def test_what_must_fit_is_looked_at_once_each_field_is_right() -> None:
    both = changed(BTCUSD, pricer__aggressive_mode=True, pricer__buy_margins="x")
    assert [fault.partition(":")[0] for fault in faults(both)] == ["pricer.buy_margins"]


# --- what the platform must have ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "sent", "of"),
    [
        ("instrument__exchange", "MTGOX", "an exchange where bots trade, one of"),
        ("instrument__source_exchange", "KRAKEN MTGOX", "one of"),
        ("instrument__fx_exchange", "MTGOX", "one of"),
        ("hedger__venues_list", "MTGOX KRAKEN", "an exchange where bots trade, one of"),
    ],
)
def test_an_exchange_that_is_none_of_ours_is_refused_with_those_that_are(field: str, sent: str, of: str) -> None:
    bot = SpotBot.parse(changed(BTCJPY, **{field: sent}))
    assert bot.faults_among(KNOWN) == [
        f"{field.replace('__', '.')}: must be {of} BINANCE, BITTREX, COINBASE, DLTXMM, KRAKEN, is 'MTGOX'"
    ]


def test_an_underlying_is_of_the_same_base_currency() -> None:
    bot = SpotBot.parse(changed(BTCUSD, instrument__underlyings="ETHUSD"))
    assert bot.faults_among(KNOWN) == ["instrument.underlyings: must be of BTC, as BTC/USD is, is 'ETHUSD'"]


def test_without_fx_an_underlying_is_paid_in_the_same_currency() -> None:
    bot = SpotBot.parse(changed(BTCJPY, instrument__fx_leg=None))
    assert bot.faults_among(KNOWN) == ["instrument.fx_leg: must convert USD into JPY, in which BTC/JPY is, is missing"]


def test_currencies_that_markets_know_are_believed_before_the_letters() -> None:
    # By its letters USDCBTC could be many things; the market says what it is.
    sections = changed(BTCJPY, instrument__fx_leg="JPYUSD")
    markets = {"BTCJPY": CurrencyPair("BTC", "JPY"), "BTCUSD": CurrencyPair("BTC", "USD")}
    odd = Known(EXCHANGES, CurrencyPairs({**markets, "JPYUSD": CurrencyPair("JPYU", "SD")}))
    assert SpotBot.parse(sections).faults_among(odd) == [
        "instrument.fx_leg: JPYU/SD does not convert USD, in which BTC/USD is paid, into JPY, is 'JPYUSD'"
    ]


def test_currencies_nobody_knows_are_left_to_whoever_prices() -> None:
    assert SpotBot.parse(ADAETH).faults_among(Known(EXCHANGES, CurrencyPairs())) == []


# --- where it trades ----------------------------------------------------------------------------------------------


def test_where_it_trades_is_said_by_its_exchange() -> None:
    assert venue_and_account(a_config(BTCJPY), EXCHANGES) == ("dltxmm_spot", "mm1")
    assert venue_and_account(a_config(changed(BTCJPY, pricer__min_spread=[])), EXCHANGES) == ("dltxmm_spot", "mm1")
    assert venue_and_account(a_config(BTCJPY)) is None, "whose exchanges nobody has named"
    assert venue_and_account(a_config(changed(BTCJPY, instrument__exchange="MTGOX")), EXCHANGES) is None


def test_a_bot_whose_exchange_is_not_known_may_trade_through_the_account_it_names_alone() -> None:
    config = a_config(BTCJPY)
    assert may_trade_at(config, "dltxmm_spot", "mm1", EXCHANGES)
    assert not may_trade_at(config, "kraken_spot", "mm1", EXCHANGES)
    assert may_trade_at(config, "kraken_spot", "mm1")
    assert not may_trade_at(config, "kraken_spot", "mm2")
    assert may_trade_at(a_config({"instrument": "BTCJPY"}), "kraken_spot", "mm2"), "which says nothing"


def test_the_kind_is_known_by_its_word() -> None:
    assert KINDS["spot"] is SpotBot
    assert msgspec.json.encode(dict(BTCUSD)), "as REST would send it"
