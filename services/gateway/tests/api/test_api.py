"""REST as its users meet it: what is answered, what is refused and in which words, what is published."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from common.events import Halt, InstrumentKey, MarketStatus, OpenOrder
from common.instruments import InstrumentKind, Outcome, Side
from fastapi import FastAPI
from gateway.api.examples import EXAMPLES
from gateway.api.protection import BODY_BYTES_MAX
from gateway.auth.passwords import Passwords
from gateway.context import Context
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import SYMBOL, Story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]


def members(document: Any, path: str = "") -> set[str]:
    """Every member's path in a document; rows of a list count once."""
    if isinstance(document, dict):
        own = {f"{path}.{name}" for name in document}
        return own.union(*[members(value, f"{path}.{name}") for name, value in document.items()])
    if isinstance(document, list) and document and not isinstance(document[0], list):
        return members(document[0], f"{path}[]")
    return set()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/status", "status"),
        ("/api/health", "health"),
        ("/api/positions", "positions"),
        ("/api/orders", "orders"),
        ("/api/fills", "fills"),
        ("/api/markets", "markets"),
        ("/api/alerts", "alerts"),
        ("/api/bots", "bots"),
        ("/api/bots/1", "bot"),
        ("/api/halts", "halts"),
        ("/api/me", "me"),
        ("/api/users", "users"),
    ],
)
async def test_real_answers_have_the_members_of_the_examples(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, path: str, name: str
) -> None:
    story.quoting()
    story.fill("9", 46, 40)
    story.alert("look here")
    story.tell(story.view.on_halt, Halt(scope="bot-2", reason="manual", actor="t", halt_id="1", ts_ns=story.now_ns))
    story.emptied("bot-2:manual, account mm1: 6 cancelled, 0 of 6 left, confirmed by the venue at 14:02:03 UTC")
    headers = await log_in("admin")
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200
    # Services and sections are named by their content, not by the contract.
    loose = (".services", ".sections", "[].sections", ".bots[].sections")
    for got, wanted in ((answer.json(), EXAMPLES[name]),):
        assert {m for m in members(got) if not any(part in m for part in loose)} == {
            m for m in members(wanted) if not any(part in m for part in loose)
        }


async def test_status_has_the_shape_other_tools_rely_on(client: httpx.AsyncClient, log_in: LogIn, story: Story) -> None:
    story.quoting()
    shown = (await client.get("/api/status", headers=await log_in("viewer"))).json()
    assert set(shown) == {"provenance", "services", "bots", "halts", "accounts", "streams"}
    assert {"state", "age_ms"} <= set(shown["services"]["quoter"])
    (bot,) = shown["bots"]
    assert bot["algo_id"] == "1"
    assert bot["symbol"] == SYMBOL
    assert bot["bids"] == [[0.5, 100], [0.49, 100]]
    assert bot["asks"] == [[0.54, 100], [0.55, 100]]
    assert bot["position"] == 20
    assert bot["pnl"] == pytest.approx(1.20)


async def test_money_and_ids_are_exact_text(client: httpx.AsyncClient, log_in: LogIn, story: Story) -> None:
    story.quoting()
    story.order(4_611_686_018_427_387_905, 48)
    story.fill("9", 46, 40)
    headers = await log_in("viewer")
    orders = (await client.get("/api/orders?limit=1", headers=headers)).json()
    assert orders["orders"][0]["order_id"] == "4611686018427387905"
    assert orders["total"] == 5
    assert (await client.get("/api/fills", headers=headers)).json()["fills"][0]["price"] == "0.46"
    assert (await client.get("/api/positions", headers=headers)).json()["positions"][0]["lines"][0]["cost"] == "109.20"


async def test_profit_at_an_unknown_rate_is_null_and_names_the_currency(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    held = story.position(120, 100, "109.20", realized="12.50")
    story.tell(story.view.on_position, replace(held, fill_sequence=2, unrated=["EUR"]))
    (row,) = (await client.get("/api/positions", headers=await log_in("viewer"))).json()["positions"]
    assert (row["realized"], row["fees"], row["unrated"]) == (None, None, ["EUR"])


async def test_a_coin_is_held_net_and_a_share_by_outcome(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    held = story.position(120, 100, "109.20")
    coin = replace(held.lines[0], instrument=InstrumentKey("degen", "BTCUSD"), lots=-50)
    story.tell(story.view.on_position, replace(held, lines=[*held.lines, coin], fill_sequence=2))
    (row,) = (await client.get("/api/positions", headers=await log_in("viewer"))).json()["positions"]
    shares, coins = row["lines"]
    assert (shares["yes"], shares["no"], shares["net"]) == (120, 100, 20)
    assert coins["net"] == -50
    assert not {"yes", "no"} & coins.keys()


async def test_lists_are_narrowed_by_bot_market_sequence_and_length(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    story.quoting()
    for number in range(5):
        story.fill(str(number), 40 + number, 10)
    headers = await log_in("viewer")

    async def fills(query: str) -> list[str]:
        answer = await client.get(f"/api/fills?{query}", headers=headers)
        return [fill["venue_trade_id"] for fill in answer.json()["fills"]]

    everything = (await client.get("/api/fills", headers=headers)).json()["fills"]
    assert await fills("") == ["4", "3", "2", "1", "0"]
    assert await fills("limit=2") == ["4", "3"]
    assert await fills(f"after_sequence={everything[1]['sequence']}") == ["4"]
    assert await fills("algo_id=2") == []
    assert await fills("symbol=other") == []
    open_orders = (await client.get("/api/orders?algo_id=1", headers=headers)).json()
    assert open_orders["total"] == 4
    assert (await client.get("/api/orders?state=finished", headers=headers)).json()["orders"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/fills?limit=0", "query.limit"),
        ("/api/fills?limit=1001", "query.limit"),
        ("/api/fills?after_sequence=-1", "query.after_sequence"),
        ("/api/orders?state=odd", "query.state"),
        ("/api/markets?status=odd", "query.status"),
        ("/api/alerts?limit=many", "query.limit"),
    ],
)
async def test_a_bad_query_names_its_field(client: httpx.AsyncClient, log_in: LogIn, path: str, field: str) -> None:
    answer = await client.get(path, headers=await log_in("viewer"))
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["error"]["fields"]] == [field]


async def test_a_change_while_the_bus_is_away_says_that_its_outcome_is_unknown(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, context: Context
) -> None:
    story.bot()
    headers = await log_in("admin")
    bus.connected = False
    answers = [await client.post("/api/bots/1/stop", headers=headers)]
    context.bus = None
    answers.append(await client.post("/api/bots/1/stop", headers=headers))
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "bus_unavailable")
    assert (await client.get("/api/status", headers=headers)).status_code == 200


async def test_a_full_stream_is_said_in_words(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.bot()
    headers = await log_in("admin")
    bus.full = True
    answer = await client.post("/api/bots/1/stop", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "bus_refused")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{" * 10_000, b'{"scope": "global", "scope": 1}']
)
async def test_a_malformed_body_is_refused_with_field_and_rule_and_the_gateway_lives_on(
    client: httpx.AsyncClient, log_in: LogIn, body: bytes
) -> None:
    headers = {**await log_in("trader"), "content-type": "application/json"}
    answer = await client.post("/api/halts", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["fields"][0]["field"]
    assert answer.json()["error"]["fields"][0]["rule"]
    assert (await client.get("/api/me", headers=headers)).status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ),
    path=st.sampled_from(["/api/halts", "/api/cancel-all", "/api/bots/1", "/api/users/x", "/api/me/password"]),
)
async def test_no_document_whatever_makes_the_gateway_fail(
    client: httpx.AsyncClient, log_in: LogIn, document: Any, path: str
) -> None:
    headers = {**await log_in("admin", user_id="admin"), "content-type": "application/json"}
    method = "POST" if path in ("/api/halts", "/api/cancel-all") else "PUT"
    answer = await client.request(method, path, content=json.dumps(document), headers=headers)
    assert answer.status_code < 500, answer.text


async def test_a_body_beyond_its_bound_is_refused(client: httpx.AsyncClient, log_in: LogIn) -> None:
    headers = {**await log_in("trader"), "content-type": "application/json"}
    answer = await client.post("/api/halts", content=b" " * (BODY_BYTES_MAX + 1), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "comments", [rb"\ud83d", rb"\ude00\ud83d", b"\xed\xa0\x80"], ids=["first half", "wrong order", "in bytes"]
)
@pytest.mark.parametrize("path", ["/api/v0/config/instrument/save", "/api/bots/1"])
async def test_half_a_character_is_refused_wherever_it_stands(
    client: httpx.AsyncClient, log_in: LogIn, path: str, comments: bytes
) -> None:
    headers = {**await log_in("admin", user_id="admin"), "content-type": "application/json"}
    body = b'{"algo_id": "1", "kind": "spot", "running": false, "revision": 1, "comments": "' + comments
    body += b'", "sections": {"instrument": {"' + comments + b'": 1}}}'
    answer = await client.request("PUT" if path.endswith("/1") else "POST", path, content=body, headers=headers)
    assert answer.status_code == 422
    assert "half of a character" in answer.text


async def test_a_body_beyond_its_bound_is_refused_in_the_shape_of_its_api(
    client: httpx.AsyncClient, log_in: LogIn
) -> None:
    headers = {**await log_in("trader"), "content-type": "application/json"}
    content = b" " * (BODY_BYTES_MAX + 1)
    answer = await client.post("/api/v0/config/pricer/save", content=content, headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (413, "body")


async def test_unknown_paths_and_methods_have_the_one_shape_and_the_headers(client: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/api/status", 405), ("GET", "/web/../x", 404)):
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message", "fields"}
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["index.html", "style.css", "page.js", "show.js", "chart.js", "session.js", "docs.js"])
async def test_files_of_the_page_are_served_under_a_strict_policy(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/web/{name}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_the_api_describes_every_guarded_route_with_an_example(app: FastAPI) -> None:
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/oauth/revoke"):
                continue
            answers = [each.get("content", {}) for each in operation["responses"].values()]
            assert any("example" in each.get("application/json", {}) for each in answers), (method, path)
            if path.startswith("/api"):
                assert operation["security"], (method, path)
            assert operation["description"]


async def test_an_account_picture_alone_already_shows_orders(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    story.account(OpenOrder(5, "5", SYMBOL, Outcome.NO, Side.BUY, 40, 5))
    orders = (await client.get("/api/orders", headers=await log_in("viewer"))).json()["orders"]
    assert [(order["order_id"], order["algo_id"], order["price"]) for order in orders] == [("5", "", None)]


async def test_passwords_are_checked_off_the_event_loop(passwords: Passwords) -> None:
    kept = await passwords.hash("a long pass phrase")
    assert await passwords.matches(kept, "a long pass phrase")


async def test_markets_without_an_end_stand_after_those_that_expire(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    story.market("BTCUSD", kind=InstrumentKind.SPOT, expiry_ns=0, open_ns=0, base="BTC", series="")
    story.market("M1")
    story.market("M0", status=MarketStatus.RESOLVED, result="yes")
    rows = (await client.get("/api/markets", headers=await log_in("viewer"))).json()["markets"]
    assert [row["symbol"] for row in rows] == ["M1", "BTCUSD", "M0"]
