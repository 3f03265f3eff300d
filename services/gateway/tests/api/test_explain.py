"""Why a quote is as it is, over REST: the quoters are asked, callers need to be logged in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from gateway.testing.fakes import AdminPortsSeen

LogIn = Callable[..., Awaitable[dict[str, str]]]


async def test_the_quoter_is_asked_and_its_answer_handed_on(
    client: httpx.AsyncClient, log_in: LogIn, admin_ports: AdminPortsSeen
) -> None:
    rows = [{"account": "mm1", "passes": []}, {"account": "mm2", "passes": []}]
    admin_ports.documents["/explain"] = {"explanations": rows}
    admin_ports.answers["quoter.test"] = 200
    answer = await client.get("/api/explain?order=17", headers=await log_in("viewer"))
    assert answer.status_code == 200
    assert answer.json() == {"explanations": [{"service": "quoter", **row} for row in rows]}, "an account a row"
    (request,) = admin_ports.requests
    assert (request.url.path, dict(request.url.params)) == ("/explain", {"order": "17"})


async def test_without_a_login_nothing_is_explained(client: httpx.AsyncClient, admin_ports: AdminPortsSeen) -> None:
    assert (await client.get("/api/explain?order=17")).status_code == 401
    assert admin_ports.requests == []


@pytest.mark.parametrize(
    ("said", "status", "code"), [(404, 404, "unknown"), (0, 503, "not_answered"), (500, 503, "not_answered")]
)
async def test_what_nobody_knows_and_nobody_answering_are_different(
    client: httpx.AsyncClient, log_in: LogIn, admin_ports: AdminPortsSeen, said: int, status: int, code: str
) -> None:
    admin_ports.answers["quoter.test"] = said
    answer = await client.get("/api/explain?market=BTC-5M-1", headers=await log_in("viewer"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_an_order_id_that_is_none_is_refused_before_anybody_is_asked(
    client: httpx.AsyncClient, log_in: LogIn, admin_ports: AdminPortsSeen
) -> None:
    answer = await client.get("/api/explain?order=x1", headers=await log_in("viewer"))
    assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (422, "query.order")
    assert admin_ports.requests == []
