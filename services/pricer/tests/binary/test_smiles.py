"""Smiles of listed options: read, fitted without arbitrage, and lent to contracts that live for minutes."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from common.clock import NS_PER_S, SECONDS_PER_YEAR
from common.core import Command
from common.events import Alert, FairValue
from hypothesis import given
from hypothesis import strategies as st
from pricer.binary.models import Surface
from pricer.binary.smiles import Shape, fitted
from pricer.binary.svi import Points, Svi, fit_ssvi, fit_svi
from pricer.library import Library
from pricer.sources.deribit import Quotes, parse_name, parse_quotes
from pricer.testing.harness import T0_NS, Harness
from scipy.stats import norm

FORWARD = 60_000.0
RHO, ETA = -0.35, 0.9
AS_OF = datetime.fromtimestamp(T0_NS / NS_PER_S, UTC)
DAYS = (1, 2, 8, 30)


def level(days: float) -> float:
    """Return the total variance at the money of the quotes made here: 45 % a year, rising slowly."""
    years = days / 365
    return (0.45 + 0.1 * math.sqrt(years)) ** 2 * years


def name_of(expiry: datetime, strike: float, *, call: bool) -> str:
    day = f"{expiry.day}{expiry.strftime('%b%y').upper()}"
    return f"BTC-{day}-{strike:.0f}-{'C' if call else 'P'}"


def answer(*, bend: float = 0.0, as_of: datetime = AS_OF, **changes: Any) -> bytes:
    """Return an answer as documented, its volatilities on one SSVI; `bend` raises both wings of each smile."""
    result = []
    for days in DAYS:
        expiry = datetime(as_of.year, as_of.month, as_of.day, 8, tzinfo=UTC) + timedelta(days=days)
        years = (expiry - as_of).total_seconds() / SECONDS_PER_YEAR
        smile = Svi.of_ssvi(level(years * 365), RHO, ETA)
        for step in range(-12, 13):
            strike = round(FORWARD * math.exp(0.35 * step * math.sqrt(smile.total(0.0)[0])) / 50) * 50.0
            k = math.log(strike / FORWARD)
            volatility = math.sqrt((smile.total(k)[0] + bend * k * k) / years)
            result += [
                {
                    "instrument_name": name_of(expiry, strike, call=call),
                    "base_currency": "BTC",
                    "quote_currency": "BTC",
                    "underlying_price": FORWARD,
                    "underlying_index": f"BTC-{days}",
                    "mark_iv": round(100 * volatility, 2),
                    "mark_price": 0.01,
                    "bid_price": 0.0095,
                    "ask_price": 0.0105,
                    "mid_price": 0.01,
                    "interest_rate": 0.0,
                    "open_interest": 12.5,
                    "volume": 1.0,
                    "creation_timestamp": round(as_of.timestamp() * 1000),
                }
                | changes
                for call in (True, False)
            ]
    return json.dumps(
        {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}
    ).encode()


def digital_by_differences(smile: Svi, k: float) -> float:
    """Return -dC/dK of Black calls on the smile, with F = 1: the digital by its definition."""

    def call(strike: float) -> float:
        root = math.sqrt(smile.total(math.log(strike))[0])
        d1 = -math.log(strike) / root + root / 2
        return float(norm.cdf(d1) - strike * norm.cdf(d1 - root))

    strike, step = math.exp(k), 1e-5
    return (call(strike - step) - call(strike + step)) / (2 * step)


@pytest.mark.parametrize(
    ("name", "currency", "expiry", "strike", "call"),
    [
        ("BTC-27DEC24-95000-C", "BTC", datetime(2024, 12, 27, 8, tzinfo=UTC), 95_000.0, True),
        ("ETH-3JAN25-3400-P", "ETH", datetime(2025, 1, 3, 8, tzinfo=UTC), 3_400.0, False),
        ("XRP_USDC-30AUG24-0d625-C", "XRP_USDC", datetime(2024, 8, 30, 8, tzinfo=UTC), 0.625, True),
    ],
)
def test_f1_the_name_of_an_option_says_what_it_is(
    name: str, currency: str, expiry: datetime, strike: float, call: bool
) -> None:
    option = parse_name(name)
    assert (option.currency, option.strike, option.call) == (currency, strike, call)
    assert option.expiry_ns == expiry.timestamp() * NS_PER_S


@pytest.mark.parametrize("name", ["BTC-PERPETUAL", "BTC-27DEC24", "BTC-45DEC24-95000-C", "BTC-27XXX24-95000-C", ""])
def test_what_is_no_option_is_not_taken_for_one(name: str) -> None:
    with pytest.raises(ValueError, match="no"):
        parse_name(name)


def test_f1_quotes_are_read_by_expiry_with_one_volatility_for_a_strike() -> None:
    quotes = parse_quotes(answer())
    assert len(quotes.chains) == len(DAYS)
    assert abs(quotes.as_of_ns - T0_NS) < NS_PER_S
    for chain in quotes.chains:
        assert len(chain.k) == 25, "the put below the forward and the call above it"
        assert list(chain.k) == sorted(chain.k)


WRONG_MEMBERS: dict[str, list[object]] = {
    "instrument_name": [None, 5, "", "BTC-27DEC24-" + "9" * 400 + "-C"],
    "mark_iv": ["52.5", [], 10**400, -1],
    "underlying_price": ["x", 10**400, -1.0],
    "creation_timestamp": [None, "now", 10**18, -1, 9_000_000_000_000],
}


@pytest.mark.parametrize(("member", "value"), [(name, value) for name, of in WRONG_MEMBERS.items() for value in of])
def test_r21_one_entry_that_cannot_be_read_costs_itself(member: str, value: object) -> None:
    document = json.loads(answer())
    document["result"].insert(0, {**document["result"][0], member: value})
    assert parse_quotes(json.dumps(document).encode()) == parse_quotes(answer())


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"{}", "result"),
        (b"not json", "not an answer"),
        (json.dumps({"result": []}).encode(), "creation_timestamp"),
        (answer(mark_iv=None), "no expiry"),
        (answer(bid_price=None), "no expiry"),
        (answer(underlying_price=0.0), "no expiry"),
        (answer(mark_iv=5_000.0), "no expiry"),
        (answer(creation_timestamp=0), "creation_timestamp"),
        (answer(instrument_name="BTC-PERPETUAL"), "no expiry"),
    ],
)
def test_quotes_that_say_nothing_are_refused_with_the_reason(data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_quotes(data)


def test_f1_a_fit_finds_the_smile_that_the_quotes_were_made_of() -> None:
    smiles = fitted(parse_quotes(answer()))
    for each in smiles.slices:
        true = Svi.of_ssvi(level(each.years * 365), RHO, ETA)
        reach = math.sqrt(true.total(0.0)[0])
        for deviations in (-3, -1, 0, 1, 3):
            volatility = math.sqrt(each.smile.total(deviations * reach)[0] / each.years)
            assert volatility == pytest.approx(math.sqrt(true.total(deviations * reach)[0] / each.years), abs=2e-3)
        assert each.error < 1e-3


def test_f1_smiles_that_allow_arbitrage_are_replaced_by_one_family_that_does_not() -> None:
    quotes = parse_quotes(answer())
    first, second, *rest = quotes.chains
    # The later expiry has a little less variance in all than the nearer one.
    cheap = second._replace(k=first.k, w=tuple(0.98 * w for w in first.w))
    smiles = fitted(Quotes(quotes.as_of_ns, (first, cheap, *rest)))
    assert {each.kind for each in smiles.slices} == {"ssvi"}
    for each in smiles.slices:
        assert each.smile.sound()
    for nearer, later in itertools.pairwise(smiles.slices):
        assert nearer.smile.below(later.smile)


def test_quotes_that_no_smile_without_arbitrage_comes_near_are_refused() -> None:
    with pytest.raises(ValueError, match="no smile without arbitrage"):
        fitted(parse_quotes(answer(bend=0.4)))


@given(st.floats(-0.95, 0.95), st.floats(0.05, 1.4), st.floats(1e-6, 0.2))
def test_f1_ssvi_within_its_bound_has_no_butterfly_arbitrage(rho: float, eta: float, theta: float) -> None:
    if eta**2 * (1 + abs(rho)) <= 4 and math.sqrt(theta) * eta * (1 + abs(rho)) < 4:
        assert Svi.of_ssvi(theta, rho, eta).sound()


def test_f1_a_smile_with_a_negative_density_is_seen() -> None:
    # The example of Axel Vogt in Gatheral and Jacquier: (a, b, m, rho, sigma).
    vogt = Svi(a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, s=0.4153)
    assert not vogt.sound()
    assert min(vogt.butterfly(k / 100) for k in range(-150, 151)) < 0
    assert Svi.of_ssvi(0.04, -0.3, 0.8).sound()


@given(st.floats(-0.9, 0.9), st.floats(0.1, 1.2), st.floats(-3.0, 3.0))
def test_f1_the_digital_is_the_slope_of_calls_on_the_smile(rho: float, eta: float, deviations: float) -> None:
    theta = 0.01
    smile = Svi.of_ssvi(theta, rho, eta)
    k = deviations * math.sqrt(theta)
    value = Shape([(1.0, smile)], 1.0).value(-k, theta, 1.0)
    assert value.probability == pytest.approx(digital_by_differences(smile, k), abs=1e-5)


@given(st.floats(-0.8, 0.8), st.floats(0.1, 1.2), st.floats(-3.0, 3.0), st.floats(1e-7, 1e-3))
def test_f1_a_listed_ssvi_lends_the_shape_of_the_surface_at_any_level(
    rho: float, eta: float, deviations: float, variance: float
) -> None:
    x = deviations * math.sqrt(variance)
    lent = Shape([(1.0, Svi.of_ssvi(0.02, rho, eta))], 0.1).value(x, variance, 1e-5)
    own = Surface(rho, eta).value(x, variance, 1e-5)
    assert lent.probability == pytest.approx(own.probability, abs=1e-9)
    assert lent.slope == pytest.approx(own.slope, rel=1e-4, abs=1e-6)


def test_f1_between_two_expiries_total_variance_is_interpolated_in_time() -> None:
    smiles = fitted(parse_quotes(answer()))
    first, second = smiles.slices[:2]
    middle = smiles.shape((first.expiry_ns + second.expiry_ns) // 2)
    expected = (first.smile.total(0.0)[0] + second.smile.total(0.0)[0]) / 2
    assert middle.annual**2 * (first.years + second.years) / 2 == pytest.approx(expected)
    for k in (-0.02, 0.0, 0.02):
        mean = (first.smile.total(k)[0] + second.smile.total(k)[0]) / 2
        assert middle.total_variance(k, expected)[0] == pytest.approx(mean)
    assert smiles.shape(smiles.slices[0].expiry_ns - NS_PER_S).annual == pytest.approx(
        math.sqrt(first.smile.total(0.0)[0] / first.years)
    )
    assert smiles.shape(smiles.slices[-1].expiry_ns + NS_PER_S).annual > 0


def test_f1_a_fit_of_svi_beats_the_common_family_where_smiles_differ() -> None:
    quotes = parse_quotes(answer(bend=0.4))
    points = [Points.of(chain.k, chain.w) for chain in quotes.chains]
    common = fit_ssvi(points)

    def miss(smile: Svi, each: Points) -> float:
        fits = np.array([smile.total(float(k))[0] for k in each.k])
        return float(np.sum(each.weight * (np.sqrt(fits) - np.sqrt(each.w)) ** 2))

    for each, ssvi in zip(points, common, strict=True):
        assert miss(fit_svi(each, ssvi), each) <= miss(ssvi, each) * 1.0001


def priced(library: Library, **pricing: Any) -> tuple[Harness, list[Any]]:
    harness = Harness(library)
    told = harness.bot(pricing={"distribution": "surface", "smiles": {"BTC": "btc.json"}, **pricing})
    harness.market()
    harness.statuses()
    return harness, told


def fair(harness: Harness, price: float = 60_000.0) -> FairValue:
    harness.statuses()
    [value] = harness.top(price)
    assert isinstance(value, FairValue)
    return value


def test_f1_a_bot_takes_its_smile_from_a_file_of_quotes() -> None:
    harness, told = priced(Library({"btc.json": answer()}.__getitem__))
    assert told == []
    value = fair(harness)
    years = value.seconds_left / SECONDS_PER_YEAR
    expected = Surface(RHO, ETA).value(0.0, value.volatility**2 * years, years)
    assert value.fair == pytest.approx(expected.probability, abs=2e-3)
    assert value.fair > 0.51, "with a fall feared more, the middle of the distribution lies above the price"
    assert value.ready
    picture = harness.pricer.state(harness.now_ns)["bots"]["1"]["underlyings"]["BTC"]
    assert [each["kind"] for each in picture["smiles"]["expiries"]] == ["svi"] * len(DAYS)


@pytest.mark.parametrize("data", [None, b"{}", answer(mark_iv=None)])
def test_a_file_that_cannot_be_used_is_named_and_the_bot_is_not_priced(data: bytes | None) -> None:
    def read(name: str) -> bytes:
        if data is None:
            raise FileNotFoundError(name)
        return data

    harness, told = priced(Library(read))
    assert [type(each) for each in told] == [Alert]
    assert "btc.json" in told[0].text
    assert harness.top() == []


def test_quotes_that_are_too_old_are_shown_and_not_quoted_from() -> None:
    old = answer(as_of=AS_OF - timedelta(hours=25))
    harness, _ = priced(Library({"btc.json": old}.__getitem__))
    assert not fair(harness).ready
    assert harness.pricer.state(harness.now_ns)["bots"]["1"]["underlyings"]["BTC"]["note"] == "option quotes too old"
    harness, _ = priced(Library({"btc.json": old}.__getitem__), smile_max_age_s=7 * 86_400)
    assert fair(harness).ready


def command(harness: Harness, ordered: str, **document: Any) -> None:
    [found] = [each for each in harness.pricer.inputs() if isinstance(each, Command) and each.name == ordered]
    list(found.handler(document, harness.receipt()))


def test_f1_new_quotes_are_taken_live_by_a_command_and_by_rereading_the_file() -> None:
    files = {"btc.json": answer()}
    harness, _ = priced(Library(files.__getitem__))
    before = fair(harness)
    flat = json.loads(answer())["result"]
    for entry in flat:
        entry["mark_iv"] = 45.0
    command(harness, "quotes", name="btc.json", result=flat)
    assert fair(harness).fair == pytest.approx(0.5, abs=1e-3)
    command(harness, "reload", name="btc.json")
    assert fair(harness).fair == pytest.approx(before.fair)


@pytest.mark.parametrize(
    ("ordered", "document", "fault"),
    [
        ("reload", {"name": "other.json"}, "not in use"),
        ("quotes", {"name": "other.json", "result": []}, "no bot"),
        ("quotes", {"name": "btc.json", "result": []}, "creation_timestamp"),
        ("quotes", {"name": "btc.json", "colour": 1}, "colour"),
        ("reload", {}, "name: must name the file"),
    ],
)
def test_a_command_that_cannot_be_followed_says_why_and_changes_nothing(
    ordered: str, document: dict[str, Any], fault: str
) -> None:
    harness, _ = priced(Library({"btc.json": answer()}.__getitem__))
    before = fair(harness)
    with pytest.raises(ValueError, match=fault):
        command(harness, ordered, **document)
    assert fair(harness).fair == before.fair


def test_f1_a_contract_that_lives_for_days_takes_its_level_from_the_options_too() -> None:
    harness, _ = priced(Library({"btc.json": answer()}.__getitem__), volatility_prior=1.0, volatility_prior_s=86_400)
    harness.market(expiry_ns=T0_NS + 300 * NS_PER_S)
    assert fair(harness).volatility == pytest.approx(1.0)
    harness.market(expiry_ns=T0_NS + 2 * 86_400 * NS_PER_S)
    assert fair(harness).volatility == pytest.approx(0.455, abs=0.01)
    harness.market(expiry_ns=T0_NS + 64_800 * NS_PER_S)
    assert 0.5 < fair(harness).volatility < 0.95
