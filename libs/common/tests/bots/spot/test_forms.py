"""The texts of the source's figures: what each means, and that whatever else is sent is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from common.bots.spot import forms
from common.bots.spot.forms import BPS_MAX, DECIMALS_MAX, ITEMS_MAX, LEVELS_MAX, NUMBER_MAX
from common.bots.spot.values import Band, Levels, MinSpread, QuoteSizes, SourceAggregation, TakeOut
from common.events import Distance
from hypothesis import given
from hypothesis import strategies as st
from toolkit.testing.strategies import documents

D = Decimal

READERS: dict[str, Callable[[object], Any]] = {
    name: reader for name, reader in vars(forms).items() if name.startswith("read_")
} | {
    "one_of": forms.one_of(SourceAggregation),
    "whole": forms.whole(10, 1_000),
    "time_limit": forms.time_limit(1_000),
    "optional": forms.optional(forms.read_positive),
    "otherwise": forms.otherwise(forms.read_positive, D(1)),
}

amounts = st.decimals(0, D(10) ** 9, places=6, allow_nan=False)
positive = amounts.filter(bool)
bps = st.decimals(0, BPS_MAX - 1, places=3)
blanks = st.text(" \t", max_size=3)
dividers = st.sampled_from([" ", ",", ", ", " ,\t", "  "])
# What a person, a program or a fault in one may send in the place of a text.
almost = st.text("0123456789.,-+eE []bps\t%/", max_size=30)
junk = st.one_of(documents, st.text(max_size=60), almost, st.decimals(), st.integers(), st.binary(max_size=5))


def refusal(read: Callable[[object], Any], sent: object) -> str:
    with pytest.raises(ValueError, match=r"\S") as refused:
        read(sent)
    return str(refused.value)


@pytest.mark.parametrize("name", sorted(READERS))
@given(sent=junk)
def test_whatever_is_sent_is_read_or_refused_with_the_rule_and_what_it_was(name: str, sent: object) -> None:
    said = answer(READERS[name], sent)
    assert said is None or (", is " in said and len(said) < 300)


def answer(read: Callable[[object], Any], sent: object) -> str | None:
    try:
        read(sent)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", sorted(READERS))
def test_numbers_and_lists_without_end_are_refused(name: str) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for sent in (10**5_000, nested, "9" * 5_000, "[" * 5_000, " " * 5_000 + "x", "1 " * 5_000, {1: nested}):
        refusal(READERS[name], sent)


@given(amounts, blanks, blanks, st.booleans())
def test_a_number_is_exact_as_text_and_as_number(amount: Decimal, before: str, after: str, below: bool) -> None:
    amount = -amount if below else amount
    assert forms.read_number(f"{before}{amount}{after}") == amount
    assert forms.read_number(amount) == amount
    assert forms.read_number(float(amount)) == D(str(float(amount)))
    assert forms.read_number(int(amount)) == int(amount)


@pytest.mark.parametrize(
    "sent", ["NaN", "Infinity", "1_000", "0x10", "1e", "1.2.3", "", "1,5", "١", float("nan"), float("inf"), True, [1]]
)
def test_what_is_no_number_is_refused(sent: object) -> None:
    assert "must be a number" in refusal(forms.read_number, sent)


def test_a_number_has_a_bound_and_so_have_its_decimals() -> None:
    assert forms.read_number(str(NUMBER_MAX - 1)) == NUMBER_MAX - 1
    assert forms.read_number(f"1e-{DECIMALS_MAX}") == D(1).scaleb(-DECIMALS_MAX)
    for sent in (str(NUMBER_MAX), -NUMBER_MAX, int(NUMBER_MAX), "1e99", f"1e-{DECIMALS_MAX + 1}"):
        assert f"below 1e+15 with at most {DECIMALS_MAX} decimals" in refusal(forms.read_number, sent)


@given(bps, blanks, blanks, st.sampled_from(["bps", "BPS", "Bps"]))
def test_a_distance_in_bps_says_so_and_one_in_price_says_nothing(
    amount: Decimal, before: str, between: str, unit: str
) -> None:
    assert forms.read_distance(f"{before}{amount}{between}{unit}{before}") == Distance(amount, in_bps=True)
    assert forms.read_distance(f"{before}{amount}{between}") == Distance(amount, in_bps=False)
    assert forms.read_bps(f"{amount}{between}{unit}") == forms.read_bps(str(amount)) == amount


def test_a_distance_has_no_weight_and_is_not_negative() -> None:
    for read in (forms.read_distance, forms.read_bps):
        assert "such as" in refusal(read, "20 bps [3]")
        assert "must" in refusal(read, "-1 bps")
    assert "below 10000 bps" in refusal(forms.read_distance, "10000 bps")
    assert forms.read_distance("10000").amount == 10_000, "a price may be any"


@given(bps, st.decimals(0, 100, places=2), blanks, blanks)
def test_min_spread_is_a_spread_with_the_weight_of_the_bid(
    amount: Decimal, weight: Decimal, outer: str, inner: str
) -> None:
    sent = f"{amount}{outer}bps{outer}[{inner}{weight}{inner}]"
    assert forms.read_min_spread(sent) == MinSpread(Distance(amount, in_bps=True), weight)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("6 bps [30]", MinSpread(Distance(D(6), True), D(30))),
        ("1 bps", MinSpread(Distance(D(1), True), D(50))),
        ("100 bps", MinSpread(Distance(D(100), True))),
        ("0.0002", MinSpread(Distance(D("0.0002"), False))),
        (0.001, MinSpread(Distance(D("0.001"), False))),
        ("0.0002 [0]", MinSpread(Distance(D("0.0002"), False), D(0))),
        (0, MinSpread(Distance(D(0), False))),
    ],
)
def test_min_spread_in_todays_forms_and_in_those_of_before(sent: object, meant: MinSpread) -> None:
    assert forms.read_min_spread(sent) == meant


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ("6 bps [101]", "weight of the bid between 0 and 100"),
        ("6 bps [-1]", "weight of the bid between 0 and 100"),
        ("6 bps []", "a spread such as"),
        ("6 bps 30", "a spread such as"),
        ("6 pips", "a spread such as"),
        ("-6 bps", "must not be negative"),
    ],
)
def test_a_min_spread_that_cannot_be_says_why(sent: object, rule: str) -> None:
    said = refusal(forms.read_min_spread, sent)
    assert rule in said
    assert said.endswith(f"is {sent!r}")


@given(bps.filter(bool), positive, blanks)
def test_take_out_is_a_distance_and_the_most_that_is_taken(amount: Decimal, quantity: Decimal, space: str) -> None:
    away = Distance(amount, in_bps=True)
    assert forms.read_take_out(f"{amount} bps{space}[{quantity}]") == TakeOut(away, quantity)
    assert forms.read_take_out(f"{amount}{space}bps") == TakeOut(away, None)
    assert forms.read_take_out(float(amount)).distance.in_bps is False, "a bare number is in the price's units"


@pytest.mark.parametrize("sent", ["0 bps", "0", 0, "0.0 bps [3]"])
def test_take_out_at_no_distance_would_take_everything(sent: object) -> None:
    assert "greater than 0; leave it out to take nothing" in refusal(forms.read_take_out, sent)


@pytest.mark.parametrize("sent", ["8 bps [0]", "8 bps [-1]"])
def test_take_out_takes_more_than_nothing(sent: object) -> None:
    assert "a quantity greater than 0" in refusal(forms.read_take_out, sent)


@given(st.lists(positive, min_size=1, max_size=ITEMS_MAX), st.data())
def test_sizes_are_divided_by_commas_or_blanks(sizes: list[Decimal], data: st.DataObject) -> None:
    sent = str(sizes[0])
    for size in sizes[1:]:
        sent += data.draw(dividers) + str(size)
    assert forms.read_sizes(sent) == QuoteSizes(tuple(sizes))


@given(positive, st.integers(1, LEVELS_MAX), st.integers(1, LEVELS_MAX), blanks)
def test_sizes_of_copied_levels_have_a_least_and_a_most_number(size: Decimal, one: int, other: int, space: str) -> None:
    least, most = sorted((one, other))
    meant = QuoteSizes((size,), Levels(least, most))
    assert forms.read_sizes(f"{size}{space}[{space}{least} {most}{space}]") == meant
    assert forms.read_sizes(f"{size} [{least},{most}]") == meant
    if least < most:
        assert "a least and a most number" in refusal(forms.read_sizes, f"{size} [{most} {least}]")


@pytest.mark.parametrize("sent", [None, "", "  "])
def test_no_sizes_are_a_side_that_is_not_quoted(sent: object) -> None:
    assert forms.read_sizes(sent) == QuoteSizes()


@pytest.mark.parametrize(
    "sent", ["0", "1 -2", "1,,2", ",1", "1;2", "3 [5]", "3 [0 5]", "1 2 [3 4]", "[3 4]", "1 " * 21]
)
def test_sizes_that_cannot_be_are_refused(sent: str) -> None:
    assert "must be" in refusal(forms.read_sizes, sent)


def test_a_size_and_a_margin_may_come_as_a_number() -> None:
    assert forms.read_sizes(10_000) == QuoteSizes((D(10_000),))
    assert forms.read_margins(2.5) == (D("2.5"),)


def test_margins_may_improve_on_the_base_price_but_not_turn_a_price_negative() -> None:
    assert forms.read_margins("5, -2 0") == (D(5), D(-2), D(0))
    assert forms.read_margins("") == ()
    for sent in ("10000", "-10000", "1 20000"):
        assert "between -10000 and 10000 bps" in refusal(forms.read_margins, sent)


@given(amounts, amounts, dividers)
def test_a_band_is_the_max_and_the_normal_position(one: Decimal, other: Decimal, divider: str) -> None:
    norm, most = sorted((one, other))
    assert forms.read_band(f"{most}{divider}{norm}") == Band(most, norm)
    if norm < most:
        assert "the normal position not greater than the max" in refusal(forms.read_band, f"{norm} {most}")


@pytest.mark.parametrize("sent", [None, "", "2000", 2000, "2000 0 0", "a b", "2000/0"])
def test_a_band_is_two_numbers(sent: object) -> None:
    assert "two numbers" in refusal(forms.read_band, sent)


def test_a_band_is_not_negative() -> None:
    assert "must not be negative" in refusal(forms.read_band, "10 -1")


@pytest.mark.parametrize("sent", [None, "", " ", 0, "0", "0.0", 0.0])
def test_no_limit_of_its_own_is_the_platforms(sent: object) -> None:
    assert forms.read_limit(sent) is None
    assert forms.time_limit(1_000)(sent) is None


def test_a_limit_is_what_was_sent_otherwise() -> None:
    assert forms.read_limit("100") == forms.read_limit(100) == forms.read_limit(100.0) == 100
    assert "must not be negative" in refusal(forms.read_limit, -1)
    assert forms.time_limit(1_000)("300") == 300
    for sent in ("0.5", -1, "1001"):
        assert "a whole number of 0 to 1000" in refusal(forms.time_limit(1_000), sent)


def test_a_factor_may_turn_the_side_but_not_vanish() -> None:
    assert forms.read_factor("-0.5") == D("-0.5")
    assert "must not be 0" in refusal(forms.read_factor, "0.0")


@pytest.mark.parametrize("sent", ["KRAKEN, BINANCE", "kraken binance", " KRAKEN ,BINANCE "])
def test_exchanges_are_a_list_in_upper_case(sent: str) -> None:
    assert forms.read_exchanges(sent) == ("KRAKEN", "BINANCE")


def test_exchanges_are_named_once_and_by_plain_names() -> None:
    assert forms.read_exchanges(None) == ()
    assert "one exchange at least" in refusal(forms.read_some_exchanges, "")
    assert "each exchange once" in refusal(forms.read_exchanges, "KRAKEN kraken")
    for sent in ("KRA-KEN", "X" * 33, 5, ["KRAKEN"]):
        assert "a list of exchanges" in refusal(forms.read_exchanges, sent)
        assert "an exchange such as" in refusal(forms.read_exchange, sent)


def test_a_symbol_is_one_name_as_it_was_sent() -> None:
    assert forms.read_symbol(" BTC/USD ") == "BTC/USD"
    for sent in ("BTCUSD ETHUSD", "BTC,USD", "", None, 5, "B" * 65):
        assert "one instrument" in refusal(forms.read_symbol, sent)


def test_a_currency_is_a_code_in_upper_case() -> None:
    assert forms.read_currency("btc") == "BTC"
    for sent in ("B", "", "BTC/USD", 5):
        assert "a currency such as" in refusal(forms.read_currency, sent)


def test_digits_name_a_bot_and_all_else_an_exchange() -> None:
    assert forms.read_exchange_or_bot(3) == forms.read_exchange_or_bot("3") == "3"
    assert forms.read_exchange_or_bot("kraken") == "KRAKEN"
    assert "the id of a bot" in refusal(forms.read_exchange_or_bot, True)


def test_parameters_are_named_values() -> None:
    assert forms.read_parameters("leverage=2 reduce_only=true") == {"leverage": "2", "reduce_only": "true"}
    assert forms.read_parameters("a=1;b=2, c=3") == {"a": "1", "b": "2", "c": "3"}
    assert forms.read_parameters(None) == forms.read_parameters(" ") == {}
    assert "each parameter once" in refusal(forms.read_parameters, "a=1 a=2")
    for sent in ("a", "a=", "=1", "a=1=2", 5, "a=1 b"):
        assert "pairs such as" in refusal(forms.read_parameters, sent)


def test_a_word_is_one_of_those_there_are() -> None:
    assert forms.one_of(SourceAggregation)("BBO") is SourceAggregation.BBO
    for sent in ("bbo", "", None, 1):
        assert "BEST_AGGREGATED, BEST_SINGLE, WORST_SINGLE, BBO, MID_PT, REPLICATION" in refusal(
            forms.one_of(SourceAggregation), sent
        )


def test_a_switch_is_true_or_false() -> None:
    assert (forms.read_flag(True), forms.read_flag(False), forms.read_flag(None)) == (True, False, False)
    for sent in ("true", 1, "", [0]):
        assert "must be true or false" in refusal(forms.read_flag, sent)
