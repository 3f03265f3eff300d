"""The token endpoint as clients see it: RFC 6749's words, whatever is sent."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from common.clock import NS_PER_S, ManualClock
from gateway.auth.clients import OAuthClients
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import REFRESH_LIFE_S
from gateway.context import Context
from gateway.testing.platform import Story
from pydantic import SecretStr

PASSWORD = "correct horse battery"
LOGIN = {"grant_type": "password", "username": "tess", "password": PASSWORD}


@pytest_asyncio.fixture(autouse=True)
async def users(story: Story, passwords: Passwords) -> AsyncIterator[None]:
    story.user("tess", "trader", password_hash=await passwords.hash(PASSWORD))
    story.user("dora", "trader", password_hash=await passwords.hash(PASSWORD), disabled=True)
    story.user("robot", "trader", password_hash="")
    yield


async def test_c2_a5_a_login_gives_a_pair_in_the_known_shape_and_is_not_cached(client: httpx.AsyncClient) -> None:
    answer = await client.post("/oauth/token", data=LOGIN)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "refresh_token", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 300, "public")
    assert answer.headers["cache-control"] == "no-store"
    me = await client.get("/api/me", headers={"authorization": f"bearer {body['access_token']}"})
    assert me.json() == {"id": "tess", "name": "Tess", "roles": ["trader", "viewer"]}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_a_client_with_its_secret_may_send_its_refresh_token_again(
    client: httpx.AsyncClient, context: Context
) -> None:
    context.clients.know(SecretStr("made at the first start"))
    ours = basic("api", "made at the first start")
    grant = (await client.post("/oauth/token", data={**LOGIN, "scope": "public"}, headers=ours)).json()
    form = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    answers = [(await client.post("/oauth/token", data=form, headers=ours)).json() for _ in range(3)]
    assert {answer["refresh_token"] for answer in answers} == {grant["refresh_token"]}
    tokens = [grant["access_token"], *(answer["access_token"] for answer in answers)]
    assert len(set(tokens)) == 4
    for token in tokens:
        assert (await client.get("/api/me", headers={"authorization": f"Bearer {token}"})).status_code == 200
    # By its form, too, and by nobody else.
    named = {"client_id": "api", "client_secret": "made at the first start"}
    assert (await client.post("/oauth/token", data=form | named)).status_code == 200
    stolen = await client.post("/oauth/token", data=form)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")


async def test_c2_a1_a_refresh_does_not_extend_a_login(
    client: httpx.AsyncClient, context: Context, clock: ManualClock
) -> None:
    context.clients.know(SecretStr("made at the first start"))
    ours = basic("api", "made at the first start")
    grant = (await client.post("/oauth/token", data=LOGIN, headers=ours)).json()
    form = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    clock.advance_to(clock.now_ns() + (REFRESH_LIFE_S - 10) * NS_PER_S)
    assert (await client.post("/oauth/token", data=form, headers=ours)).json()["expires_in"] == 10
    clock.advance_to(clock.now_ns() + 11 * NS_PER_S)
    assert (await client.post("/oauth/token", data=form, headers=ours)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("header", [basic("mmwebui", "mm"), basic("api", ""), basic("api", "guess"), basic("", "")])
async def test_there_is_no_client_with_a_secret_that_everybody_knows(
    client: httpx.AsyncClient, header: dict[str, str]
) -> None:
    answer = await client.post("/oauth/token", data=LOGIN, headers=header)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_the_vendors_own_page_can_be_let_in(client: httpx.AsyncClient, context: Context) -> None:
    context.clients = OAuthClients(vendor=True)
    assert (await client.post("/oauth/token", data=LOGIN, headers=basic("mmwebui", "mm"))).status_code == 200


async def test_a_token_can_be_checked(client: httpx.AsyncClient, clock: ManualClock) -> None:
    token = (await client.post("/oauth/token", data=LOGIN)).json()["access_token"]
    answer = await client.post("/oauth/check_token", data={"token": token})
    assert answer.json() == {
        "user_name": "tess",
        "scope": ["public"],
        "exp": clock.now_ns() // NS_PER_S + 300,
        "authorities": ["MM_READ", "MM_WRITE"],
        "client_id": "page",
        "active": True,
    }
    unknown = await client.post("/oauth/check_token", data={"token": "0e5d4f0e"})
    assert (unknown.status_code, unknown.json()["error"]) == (400, "invalid_token")


async def test_a_logout_ends_both_tokens(client: httpx.AsyncClient) -> None:
    grant = (await client.post("/oauth/token", data=LOGIN)).json()
    bearer = {"authorization": f"Bearer {grant['access_token']}"}
    assert (await client.delete("/oauth/token", headers=bearer)).status_code == 200
    assert (await client.get("/api/me", headers=bearer)).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    assert (await client.post("/oauth/token", data=form)).json()["error"] == "invalid_grant"
    assert (await client.delete("/oauth/token")).status_code == 401


@pytest.mark.parametrize("credentials", ["", "!!!", base64.b64encode(b"nocolon").decode(), "/w=="])
async def test_a_malformed_basic_header_is_an_invalid_client(client: httpx.AsyncClient, credentials: str) -> None:
    answer = await client.post("/oauth/token", data=LOGIN, headers={"authorization": f"Basic {credentials}"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_wrong_names_and_wrong_passwords_are_refused_in_the_same_words(client: httpx.AsyncClient) -> None:
    answers = [
        await client.post("/oauth/token", data={**LOGIN, "username": name, "password": password})
        for name, password in (("tess", "wrong"), ("nobody", PASSWORD), ("dora", PASSWORD), ("robot", PASSWORD))
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (400, '{"error":"invalid_grant","error_description":"username or password is wrong"}')
    }


async def test_the_user_name_is_taken_in_any_case(client: httpx.AsyncClient) -> None:
    assert (await client.post("/oauth/token", data={**LOGIN, "username": "Tess"})).status_code == 200


@pytest.mark.parametrize(
    ("form", "error", "said"),
    [
        ({}, "invalid_request", "grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type", "grant_type"),
        ({"grant_type": "password", "username": "tess"}, "invalid_request", "password"),
        ({"grant_type": "password", "password": "x"}, "invalid_request", "username"),
        ({**LOGIN, "password": "x" * 500}, "invalid_request", "password"),
        ({**LOGIN, "scope": "everything"}, "invalid_scope", "scope"),
        ({"grant_type": "refresh_token"}, "invalid_request", "refresh_token"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant", "refresh token"),
    ],
)
async def test_a_bad_form_names_the_field_and_the_rule(
    client: httpx.AsyncClient, form: dict[str, str], error: str, said: str
) -> None:
    answer = await client.post("/oauth/token", data=form, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert said in answer.json()["error_description"]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"grant_type=password&grant_type=password", b"&".join(b"a%d=1" % n for n in range(50))]
)
async def test_a_body_that_is_no_form_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await client.post("/oauth/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    json_body = await client.post("/oauth/token", json=LOGIN)
    assert (json_body.status_code, json_body.json()["error"]) == (400, "invalid_request")


async def test_r78_guessing_is_slowed_and_the_right_password_waits_seconds_at_most(
    client: httpx.AsyncClient, story: Story
) -> None:
    for _ in range(4):
        assert (await client.post("/oauth/token", data={**LOGIN, "password": "wrong"})).status_code == 400
    slowed = await client.post("/oauth/token", data=LOGIN)
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "2"
    assert "try again in 2 s" in slowed.json()["error_description"]
    story.later(2)
    assert (await client.post("/oauth/token", data=LOGIN)).status_code == 200
    assert dict(story.view.logins) == {"refused": 4, "throttled": 1, "done": 1}


async def test_a_refresh_token_works_once_over_http_and_reuse_ends_the_session(client: httpx.AsyncClient) -> None:
    first = (await client.post("/oauth/token", data=LOGIN)).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await client.post("/oauth/token", data=form)).json()
    again = await client.post("/oauth/token", data=form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    refused = await client.get("/api/me", headers={"authorization": f"Bearer {second['access_token']}"})
    assert refused.status_code == 401


async def test_revoking_answers_200_for_any_token_and_ends_the_session(client: httpx.AsyncClient) -> None:
    grant = (await client.post("/oauth/token", data=LOGIN)).json()
    assert (await client.post("/oauth/revoke", data={"token": "unknown"})).status_code == 200
    assert (await client.post("/oauth/revoke", data={"token": grant["refresh_token"]})).status_code == 200
    headers = {"authorization": f"Bearer {grant['access_token']}"}
    assert (await client.get("/api/me", headers=headers)).status_code == 401
    assert (await client.post("/oauth/revoke", data={"other": "x"})).status_code == 400
