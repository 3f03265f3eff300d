from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from toolkit.keys.private_files import write_private
from toolkit.layout import admin_password_file, admin_token_file
from toolkit.operating.explain import explain, lines
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient
from toolkit.ports import port_map

PORTS = port_map(None)
PASS: dict[str, Any] = {
    "ago_ms": 350,
    "state": "quoting",
    "reason": "",
    "waiting_for": "halted",
    "phase": "lean",
    "seconds_left": 294.1,
    "inputs": {
        "fair_value": {"fair": 0.521, "age_ms": 40},
        "book": {"bid": 0.5, "ask": None, "age_ms": 12},
        "limits": {"age_ms": 120, "revision": 2},
        "feed": {"age_ms": 600},
        "position": {"yes": 120, "no": 100},
        "free_cash": 99310.5,
    },
    "parts": {"floor": 0.02, "staleness": 0.0},
    "skew": 0.0004,
    "signals": {"bid_toxicity": 0.01, "frozen": ""},
    "bids": [[0.5, 100]],
    "asks": [],
    "cancelled": ["6"],
    "placed": [
        {
            "order_id": "7",
            "side": "buy",
            "outcome": "no",
            "price": 0.46,
            "size": 9,
            "takes": True,
            "passed": ["halted", "size"],
        }
    ],
    "refused": [
        {
            "order_id": "8",
            "side": "buy",
            "outcome": "yes",
            "price": 0.5,
            "size": 9,
            "check": "size",
            "detail": "limit 5",
        }
    ],
}
ORDER = {"order_id": "7", "side": "buy", "outcome": "no", "price": 0.46, "size": 9, "filled": 2, "state": "live"} | {
    "reason": "",
    "age_ms": 350,
}


class Platform:
    """Answers by port; a port without one refuses the connection."""

    def __init__(self) -> None:
        self.answers: dict[int, tuple[int, Any]] = {}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token" and PORTS.gateway in self.answers:
            return httpx.Response(200, json={"access_token": "t1"})
        self.asked.append(f"{request.url.port}{request.url.raw_path.decode()}")
        if request.url.port not in self.answers:
            raise httpx.ConnectError("refused", request=request)
        code, body = self.answers[request.url.port]
        return httpx.Response(code, json=body)


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def client(platform: Platform, tmp_path: Path) -> Iterator[PlatformClient]:
    write_private(admin_password_file(tmp_path), "the password\n")
    write_private(admin_token_file(tmp_path), "the token\n")
    with PlatformClient(tmp_path, httpx.MockTransport(platform)) as made:
        yield made


def test_digits_ask_for_an_order_and_anything_else_for_a_market(platform: Platform, client: PlatformClient) -> None:
    platform.answers[PORTS.gateway] = (200, {"explanations": [{"account": "mm1"}]})
    assert explain("4611686018427387905", PORTS, client) == [{"account": "mm1"}]
    explain("BTC-5M-1", PORTS, client)
    explain("", PORTS, client)
    gateway = PORTS.gateway
    assert platform.asked == [
        f"{gateway}/api/explain?order=4611686018427387905",
        f"{gateway}/api/explain?market=BTC-5M-1",
        f"{gateway}/api/explain",
    ]


def test_without_a_gateway_the_quoter_is_asked_itself(platform: Platform, client: PlatformClient) -> None:
    platform.answers[PORTS.quoter_admin] = (200, {"explanations": [{"account": "mm1", "markets": []}]})
    assert explain("", PORTS, client) == [{"account": "mm1", "markets": []}]


def test_nobody_to_ask_is_said_with_both_reasons(platform: Platform, client: PlatformClient) -> None:
    with pytest.raises(NoAnswerError, match=r"refused.*refused"):
        explain("7", PORTS, client)


def test_what_no_quoter_knows_is_said_in_one_sentence(platform: Platform, client: PlatformClient) -> None:
    platform.answers[PORTS.gateway] = (404, {"error": {"code": "unknown", "message": "no quoter knows it"}})
    with pytest.raises(NoAnswerError, match=r"^order '7': no quoter knows it$"):
        explain("7", PORTS, client)
    assert platform.asked == [f"{PORTS.gateway}/api/explain?order=7"], "that was an answer, nobody else is asked"
    with pytest.raises(NoAnswerError, match=r"^market 'a{80}': no quoter knows it$"):
        explain("a" * 2_000, PORTS, client)


def test_a_market_in_words() -> None:
    told = {
        "account": "mm1",
        "market": "M",
        "bots": [{"algo_id": "1", "now": PASS | {"orders": [ORDER]}, "passes": [PASS] * 7}],
    }
    text = "\n".join(lines(told))
    for part in (
        "M, bot 1, account mm1",
        "new orders wait: halted",
        "fair 0.5210 (40 ms old)",
        "book 0.5 / None",
        "floor 0.0200, skew",
        "bid_toxicity 0.0100",
        "bids 100@0.5  asks none",
        "placed 7: buy 9 no at 0.46, immediate or cancel, passed 2 checks",
        "cancelled 6",
        "refused 8: buy 9 yes at 0.5, size: limit 5",
        "live, 2 filled, sent 0.350 s ago",
        "(and 2 more; --json shows them)",
    ):
        assert part in text


SPOT_PASS: dict[str, Any] = {
    **{name: PASS[name] for name in ("ago_ms", "state", "reason", "cancelled")},
    "waiting_for": "",
    "seconds_left": None,
    "lot": 0.0001,
    "base": "BTC",
    "fx": {"symbol": "USDJPY", "bid": 149.29, "ask": 149.306, "inverse": False},
    "quotes": [
        {"side": "buy", "size": 0.004, "in_source": 59976.8, "base": 8954476.2632, "spread": 0.0, "factor": 0.0}
        | {"margin": -3581.79050528, "rounding": -0.472694721, "price": 8950894.0, "shown": 0.004},
        {"side": "sell", "size": 0.008, "price": None, "reason": "KRAKEN shows too little"},
    ],
    "bounds": {"max_bid": None, "min_ask": 8000000.0},
    "gives_way": {"max_bid": 8950000.0, "min_ask": None},
    "inputs": {
        "source_price": {"bid": 8954476.2632, "ask": 8960826.1635, "age_ms": 4},
        "limits": {"age_ms": 120, "revision": 2},
        "feed": {"age_ms": 600},
        "position": {"net": -90},
        "free_cash": None,
    },
    "parts": {"bid_gives_way": 0.0},
    "skew": 0.0,
    "bids": [[8950894.0, 40]],
    "asks": [],
    "placed": [{"order_id": "7", "side": "buy", "outcome": "none", "price": 8950894.0, "size": 40, "passed": []}],
    "refused": [],
}


def test_a_spot_bots_quotes_are_told_as_the_sums_they_are_and_in_coins() -> None:
    order = {**ORDER, "outcome": "none", "price": 8950894.0, "size": 40, "filled": 15}
    bot = {"algo_id": "3", "now": SPOT_PASS | {"orders": [order]}, "passes": [SPOT_PASS]}
    text = list(lines({"account": "mm1-dltxmm", "market": "BTCJPY", "bots": [bot]}))
    assert text[2:14] == [
        "  quoting",
        "  inputs: source 8954476.3 / 8960826.2 (4 ms old), limits of revision 2 (120 ms), feed (600 ms), "
        "position -0.009 BTC",
        "  converted by USDJPY 149.29 / 149.306",
        "    buy 0.004 BTC: source 59976.8, base 8954476.2632 margin -3581.7905 rounding -0.47269472 = 8950894, "
        "0.004 shown there",
        "    sell 0.008 BTC: no price: KRAKEN shows too little",
        "  min_ask 8000000, configured",
        "  max_bid 8950000, gives way to a hedge",
        "  bids 0.004@8950894  asks none",
        "    placed 7: buy 0.004 BTC at 8950894, passed 0 checks",
        "    cancelled 6",
        "    buy 0.004 BTC at 8950894: live, 0.0015 BTC filled, sent 0.350 s ago",
        "0.350 s ago:",
    ]
    told = {"account": "mm1", "order_id": "7", "algo_id": "3", "market": "BTCJPY", "order": order, "passes": []}
    counted = {"lot": 0.0001, "base": "BTC"}
    assert "  BTCJPY: buy 0.004 BTC at 8950894: live, 0.0015 BTC filled" in list(lines(told | counted))[1]


@pytest.mark.parametrize(("price", "shown"), [(0.00017284, "0.00017284"), (1e-7, "0.0000001"), (8950894.0, "8950894")])
def test_no_price_is_told_with_an_exponent(price: float, shown: str) -> None:
    quote = {**SPOT_PASS["quotes"][0], "margin": -1.3848497e-07}
    now = {**SPOT_PASS, "bids": [[price, 40]], "orders": [], "quotes": [quote]}
    text = list(lines({"account": "a", "market": "M", "bots": [{"algo_id": "3", "now": now, "passes": []}]}))
    assert f"  bids 0.004@{shown}  asks none" in text
    assert any(" margin -0.00000013848497 " in line for line in text)


def test_an_order_and_a_list_in_words() -> None:
    order = {"account": "mm1", "order_id": "7", "algo_id": "1", "market": "M", "order": ORDER, "passes": [PASS]}
    assert list(lines(order))[:2] == [
        "order 7, bot 1, account mm1",
        "  M: buy 9 no at 0.46: live, 2 filled, sent 0.350 s ago",
    ]
    rows = [{"market": "M", "algo_id": "1", "state": "pulled", "reason": "fair_stale"}]
    assert list(lines({"markets": rows})) == ["M  bot 1  pulled  fair_stale"]
    assert list(lines({"markets": []})) == ["nothing is on record yet"]
