"""Every route is guarded, and opens exactly for the roles it names."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from gateway.api.access import Needs
from gateway.api.app import ROUTERS, SOCKETS
from gateway.auth.roles import Role, granted
from gateway.testing.platform import Story
from starlette.routing import Route

LogIn = Callable[..., Awaitable[dict[str, str]]]

OPEN_TO_ALL = {
    ("POST", "/oauth/token"),
    ("POST", "/oauth/revoke"),
    ("POST", "/oauth/check_token"),
    ("DELETE", "/oauth/token"),
    ("GET", "/"),
    ("GET", "/api/docs"),
    ("GET", "/api/asyncapi.json"),
    ("GET", "/web/{name}"),
}
# Who may call what, written down a second time on purpose: a route's guard changes only together with this page.
NEEDED: dict[tuple[str, str], set[Role]] = {
    ("GET", "/api/status"): {Role.VIEWER},
    ("GET", "/api/health"): {Role.VIEWER},
    ("GET", "/api/positions"): {Role.VIEWER},
    ("GET", "/api/orders"): {Role.VIEWER},
    ("GET", "/api/fills"): {Role.VIEWER},
    ("GET", "/api/explain"): {Role.VIEWER},
    ("GET", "/api/markets"): {Role.VIEWER},
    ("GET", "/api/alerts"): {Role.VIEWER},
    ("GET", "/api/bots"): {Role.VIEWER},
    ("GET", "/api/bots/{algo_id}"): {Role.VIEWER},
    ("PUT", "/api/bots/{algo_id}"): {Role.TRADER, Role.RISK},
    ("PATCH", "/api/bots/{algo_id}"): {Role.TRADER, Role.RISK},
    ("GET", "/api/bots/{algo_id}/history"): {Role.VIEWER},
    ("POST", "/api/bots/{algo_id}/start"): {Role.TRADER},
    ("POST", "/api/bots/{algo_id}/stop"): {Role.TRADER, Role.RISK},
    ("GET", "/api/documents"): {Role.VIEWER},
    ("PUT", "/api/documents/{type}/{id}"): {Role.TRADER, Role.RISK},
    ("DELETE", "/api/documents/{type}/{id}"): {Role.TRADER, Role.RISK},
    ("GET", "/api/documents/{type}/{id}/history"): {Role.VIEWER},
    ("GET", "/api/halts"): {Role.VIEWER},
    ("POST", "/api/halts"): {Role.TRADER, Role.RISK},
    ("GET", "/api/transfers"): {Role.VIEWER},
    ("POST", "/api/transfers"): {Role.TRADER, Role.RISK},
    ("GET", "/api/adjustments"): {Role.VIEWER},
    ("POST", "/api/adjustments"): {Role.TRADER, Role.RISK},
    ("POST", "/api/adjustments/{adjustment_id}/approve"): {Role.RISK},
    ("POST", "/api/adjustments/{adjustment_id}/reject"): {Role.TRADER, Role.RISK},
    ("DELETE", "/api/halts/{scope}/{reason}"): {Role.RISK},
    ("POST", "/api/cancel-all"): {Role.TRADER, Role.RISK},
    ("GET", "/api/v0/config/algorithms"): {Role.VIEWER},
    ("GET", "/api/v0/config/algorithm/{algo_key}"): {Role.VIEWER},
    ("GET", "/api/v0/config/instrument/get/{algo_id}"): {Role.VIEWER},
    ("POST", "/api/v0/config/instrument/save"): {Role.TRADER},
    ("POST", "/api/v0/config/pricer/save"): {Role.TRADER, Role.RISK},
    ("POST", "/api/v0/config/hedger/save"): {Role.TRADER, Role.RISK},
    ("POST", "/api/v0/config/riskLimits/save"): {Role.TRADER, Role.RISK},
    ("POST", "/api/v0/config/{part}/start/{algo_id}"): {Role.TRADER},
    ("POST", "/api/v0/config/{part}/stop/{algo_id}"): {Role.TRADER, Role.RISK},
    ("DELETE", "/api/v0/config/instrument/delete/{algo_id}"): {Role.TRADER},
    ("GET", "/api/v0/config/risks"): {Role.VIEWER},
    ("GET", "/api/v0/config/risks/{algo_key}"): {Role.VIEWER},
    ("POST", "/api/v0/config/risks/save"): {Role.RISK},
    ("POST", "/api/v0/config/risks/currency/save"): {Role.RISK},
    ("POST", "/api/v0/config/risks/currency/limits/save"): {Role.RISK},
    ("POST", "/api/v0/config/risks/hedger/save"): {Role.TRADER},
    ("POST", "/api/v0/config/risks/strategy/save"): {Role.TRADER},
    ("POST", "/api/v0/config/risks/currency/start/{currency_id}"): {Role.TRADER},
    ("POST", "/api/v0/config/risks/currency/stop/{currency_id}"): {Role.TRADER},
    ("DELETE", "/api/v0/config/risks/currency/delete/{currency_id}"): {Role.TRADER, Role.RISK},
    ("GET", "/api/v0/statistics/trading"): {Role.VIEWER},
    ("GET", "/api/v0/statistics/risk"): {Role.VIEWER},
    ("GET", "/api/v0/alerts"): {Role.VIEWER},
    ("GET", "/api/v0/orders/{algo_id}"): {Role.VIEWER},
    ("GET", "/api/v0/trades/{algo_id}"): {Role.VIEWER},
    ("GET", "/api/v0/balances"): {Role.VIEWER},
    ("GET", "/api/me"): {Role.VIEWER},
    ("PUT", "/api/me/password"): {Role.VIEWER},
    ("GET", "/api/users"): {Role.ADMIN},
    ("PUT", "/api/users/{user_id}"): {Role.ADMIN},
}


def routes() -> Iterator[tuple[tuple[str, str], APIRoute]]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute), f"{route} is a door without a guard"
            yield from (((method, route.path), route) for method in sorted(route.methods or ()))


def guards(route: APIRoute) -> list[frozenset[Role]]:
    return [each.call.roles for each in route.dependant.dependencies if isinstance(each.call, Needs)]


def test_every_route_is_on_this_page_and_guarded_by_the_roles_named_here(app: FastAPI) -> None:
    found = dict(routes())
    assert set(found) == OPEN_TO_ALL | set(NEEDED)
    for key, route in found.items():
        assert guards(route) == ([] if key in OPEN_TO_ALL else [frozenset(NEEDED[key])]), key
    own = [route.path for route in app.routes if isinstance(route, Route)]
    assert own == ["/api/openapi.json"]
    assert len(app.routes) == len(own) + len(ROUTERS) + len(SOCKETS), "a route was added past the routers"


@pytest.mark.parametrize(("method", "path"), sorted(NEEDED))
async def test_without_a_token_every_guarded_route_answers_401(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    for headers in (
        {},
        {"authorization": "Bearer made-up"},
        {"authorization": "Basic abc"},
        {"authorization": "x" * 900},
    ):
        answer = await client.request(method, concrete(path), headers=headers)
        assert answer.status_code == 401, (method, path, headers)
        body = answer.json()
        assert (body["name"] if path.startswith("/api/v0/") else body["error"]["code"]) == "invalid_token"
        assert "Bearer" in answer.headers["www-authenticate"]


def concrete(path: str) -> str:
    names = {"algo_id": "1", "scope": "bot-1", "reason": "manual", "user_id": "someone", "adjustment_id": "a1"}
    names |= {"type": "risk_currency", "id": "3", "algo_key": "MM", "part": "pricer", "currency_id": "3"}
    return path.format(**names)


COMBINATIONS = [roles for count in range(3) for roles in itertools.combinations(Role, count)]


@pytest.mark.parametrize(("method", "path"), sorted(NEEDED))
async def test_a_route_opens_for_its_roles_and_for_no_other(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, method: str, path: str
) -> None:
    story.quoting()
    for roles in COMBINATIONS:
        headers = await log_in(*roles)
        answer = await client.request(method, concrete(path), headers=headers, json={} if method == "PUT" else None)
        allowed = bool(NEEDED[method, path] & granted(roles))
        # An empty body is refused as well, but as a body: the guard had let it in.
        assert (answer.status_code not in (401, 403)) == allowed, (method, path, roles, answer.text)


async def test_a_flood_of_one_user_is_slowed_and_does_not_slow_another(
    client: httpx.AsyncClient, log_in: LogIn
) -> None:
    flood, calm = await log_in("viewer", user_id="flood"), await log_in("viewer", user_id="calm")
    statuses = [(await client.get("/api/me", headers=flood)).status_code for _ in range(250)]
    assert statuses.count(200) == 200
    assert statuses.count(429) == 50
    assert (await client.get("/api/me", headers=calm)).status_code == 200
