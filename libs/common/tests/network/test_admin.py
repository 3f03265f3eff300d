"""The admin port: health and readiness by status, figures, a picture of the state, and commands for who may."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from common.network.admin import COMMAND_BYTES_MAX, admin_app, serving
from fastapi import FastAPI
from pydantic import SecretStr

TOKEN = "right-token"


class FakeService:
    """What the admin port looks into, settable."""

    def __init__(self) -> None:
        self.unhealthy: list[str] = []
        self.unready: list[str] = []
        self.ran: list[tuple[str, Mapping[str, Any]]] = []
        self.threads: set[int] = set()

    def state(self) -> dict[str, Any]:
        self.threads.add(threading.get_ident())
        return {"stage": "running"}

    def metrics(self, private: bool) -> bytes:
        self.threads.add(threading.get_ident())
        return b"mm_up 1\nmm_position_yes 7\n" if private else b"mm_up 1\n"

    def ready(self) -> list[str]:
        self.threads.add(threading.get_ident())
        return self.unready

    def explain(self, query: Mapping[str, str]) -> dict[str, Any] | None:
        if "order" not in query:
            raise ValueError("order: is missing")
        return {"asked": query["order"]} if query["order"] == "7" else None

    async def run(self, command: str, document: Mapping[str, Any]) -> dict[str, Any]:
        if document.get("scope") == "":
            raise ValueError("scope: must not be empty")
        self.ran.append((command, document))
        return {"accepted": command}

    def app(self, token: str | None = TOKEN) -> FastAPI:
        return admin_app(
            "quoter",
            health=lambda: self.unhealthy,
            ready=self.ready,
            metrics=self.metrics,
            state=self.state,
            explain=self.explain,
            commands=lambda: ["cancel-all", "halt"],
            run=self.run,
            token=SecretStr(token) if token else None,
        )


@pytest.fixture
def service() -> FakeService:
    return FakeService()


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin")


@pytest.fixture
async def admin(service: FakeService) -> AsyncIterator[httpx.AsyncClient]:
    async with client(service.app()) as caller:
        yield caller


AUTHORISED = {"authorization": f"Bearer {TOKEN}"}


async def test_health_and_readiness_are_different_questions(service: FakeService, admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/health")).json() == {"service": "quoter", "ok": True, "faults": []}
    service.unready = ["RiskState: 3 s old"]
    assert (await admin.get("/health")).status_code == 200
    answer = await admin.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"service": "quoter", "ok": False, "faults": ["RiskState: 3 s old"]}
    service.unhealthy = ["not connected to the broker"]
    assert (await admin.get("/health")).status_code == 503
    assert (await admin.get("/ready")).json()["faults"] == ["not connected to the broker", "RiskState: 3 s old"]


async def test_figures_and_state_are_served_as_they_are(admin: httpx.AsyncClient) -> None:
    metrics = await admin.get("/metrics")
    assert metrics.content == b"mm_up 1\n"
    assert (await admin.get("/metrics", headers=AUTHORISED)).content == b"mm_up 1\nmm_position_yes 7\n"
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (await admin.get("/state", headers=AUTHORISED)).json() == {"service": "quoter", "stage": "running"}


async def test_why_something_is_as_it_is_can_be_asked(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/explain?order=7", headers=AUTHORISED)).json() == {"asked": "7"}
    missing = await admin.get("/explain?order=8", headers=AUTHORISED)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown")
    nonsense = await admin.get("/explain", headers=AUTHORISED)
    assert (nonsense.status_code, nonsense.json()["error"]["message"]) == (422, "order: is missing")


async def test_the_core_is_looked_into_only_between_its_turns(service: FakeService, admin: httpx.AsyncClient) -> None:
    for path in ("/state", "/metrics", "/ready"):
        await admin.get(path, headers=AUTHORISED)
    assert service.threads == {threading.get_ident()}, "another thread would see a turn half done"


@pytest.mark.parametrize("path", ["/state", "/explain?order=7"])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
async def test_r79_what_a_service_knows_is_told_only_with_the_token(
    admin: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    answer = await admin.get(path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorised")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_r79_there_are_no_pages_that_load_scripts_from_strangers(admin: httpx.AsyncClient, path: str) -> None:
    assert (await admin.get(path, headers=AUTHORISED)).status_code in (404, 405)


async def test_a_command_with_the_token_is_carried_out(service: FakeService, admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/halt", json={"scope": "global"}, headers=AUTHORISED)
    assert (answer.status_code, answer.json()) == (202, {"accepted": "halt"})
    assert (await admin.post("/cancel-all", headers=AUTHORISED)).status_code == 202
    assert service.ran == [("halt", {"scope": "global"}), ("cancel-all", {})]


@pytest.mark.parametrize("header", [None, "", TOKEN, f"Basic {TOKEN}", "Bearer ", "Bearer wrong", "Bearer ähem"])
async def test_a_command_without_the_token_is_refused(
    service: FakeService, admin: httpx.AsyncClient, header: str | None
) -> None:
    headers = [] if header is None else [(b"authorization", header.encode())]
    answer = await admin.post("/halt", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorised"
    assert service.ran == []


async def test_without_a_token_file_nobody_may_command(service: FakeService) -> None:
    async with client(service.app(token=None)) as caller:
        for header in ("", "Bearer ", "Bearer None"):
            assert (await caller.post("/halt", headers={"authorization": header})).status_code == 401


@pytest.mark.parametrize(
    ("command", "body", "status", "code", "words"),
    [
        ("fly", b"{}", 404, "unknown_command", "quoter knows cancel-all, halt"),
        ("halt", b"{", 422, "malformed", "body: "),
        ("halt", b"[1]", 422, "malformed", "body: Expected `object`, got `array`"),
        ("halt", b'{"scope": ""}', 422, "invalid", "scope: must not be empty"),
        ("halt", b" " * (COMMAND_BYTES_MAX + 1), 413, "too_large", f"at most {COMMAND_BYTES_MAX} bytes"),
    ],
)
async def test_a_bad_command_gets_an_error_that_names_what_is_wrong(
    service: FakeService, admin: httpx.AsyncClient, command: str, body: bytes, status: int, code: str, words: str
) -> None:
    answer = await admin.post(f"/{command}", content=body, headers=AUTHORISED)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert words in answer.json()["error"]["message"]
    assert service.ran == []


async def test_a_body_without_end_is_cut_off_at_the_bound(service: FakeService, admin: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * COMMAND_BYTES_MAX:
            sent += 16_384
            yield b" " * 16_384
            await asyncio.sleep(0)

    answer = await admin.post("/halt", content=endless(), headers=AUTHORISED)
    assert answer.status_code == 413
    assert sent <= 2 * COMMAND_BYTES_MAX


async def test_it_serves_on_a_free_port_and_says_which_and_lets_go_of_it(service: FakeService) -> None:
    async with serving(service.app(), "127.0.0.1", 0) as port, httpx.AsyncClient(trust_env=False) as caller:
        assert (await caller.get(f"http://127.0.0.1:{port}/health")).status_code == 200
    socket.create_server(("127.0.0.1", port)).close()


async def test_a_taken_port_is_an_os_error_and_not_the_end_of_the_process(service: FakeService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with serving(service.app(), "127.0.0.1", taken.getsockname()[1]):
            pytest.fail("served on a taken port")
