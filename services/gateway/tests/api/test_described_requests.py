"""Requests made of the API's own description, right ones and wrong ones: no 5xx, and answers as they are described."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import httpx
import pytest
import schemathesis
from common.clock import NS_PER_S, ManualClock
from common.testing.spot import EXCHANGES
from fastapi import FastAPI
from gateway.api.examples import EXAMPLES
from gateway.auth.passwords import Passwords
from gateway.auth.sessions import Sessions
from gateway.state.view import View
from gateway.testing.fakes import AdminPortsSeen
from gateway.testing.platform import START_NS, URLS
from gateway.testing.spot import SpotStory
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup

Case: TypeAlias = schemathesis.Case[Any]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
PASSWORD = "correct horse battery"
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
REQUESTS = 6
"""Of each path and method, each right and wrong."""
ENDLESS = "/api/stream"
"""It answers for as long as it is read."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


@pytest.fixture
def story(clock: ManualClock) -> SpotStory:
    told = SpotStory(View(admin_urls=URLS, quoted_venues=["dltxmm_spot"], exchanges=EXCHANGES), clock)
    told.spot_day()
    return told


def asked(operation: Operation, mode: GenerationMode, ask: Callable[[Case], None]) -> None:
    """Make some requests of one path and method, the same each time."""

    @seed(1)
    @settings(
        max_examples=REQUESTS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def each(case: Case) -> None:
        ask(case)

    # What takes nothing cannot be asked wrongly.
    with contextlib.suppress(Unsatisfiable):
        each()


async def test_requests_of_the_description_are_answered_as_it_says(
    app: FastAPI, story: SpotStory, clock: ManualClock, passwords: Passwords, admin_ports: AdminPortsSeen
) -> None:
    """One after the other, by an admin who logs in anew for each, since some end logins."""
    admin_ports.documents["/explain"] = EXAMPLES["explained"]
    admin_ports.answers |= {httpx.URL(URLS[name]).host: 200 for name in URLS if name.startswith("quoter")}
    story.user("ada", "admin", password_hash=await passwords.hash(PASSWORD))
    sessions: Sessions = app.state.context.sessions
    answered: Counter[int] = Counter()
    failures: list[str] = []

    def ask(case: Case) -> None:
        clock.advance_to(clock.now_ns() + NS_PER_S)
        user = story.view.users.get("ada")
        assert user is not None
        token = asyncio.run(sessions.open(user.user)).access_token
        try:
            response = case.call(headers={"authorization": f"Bearer {token}"})
            answered[response.status_code // 100] += 1
            case.validate_response(response, checks=list(CHECKS))
        except FailureGroup as group:
            failures.extend(f"{case.method} {case.path}: {each} {response.text[:200]}" for each in group.exceptions)

    def ask_all() -> None:
        schema = schemathesis.openapi.from_asgi("/api/openapi.json", app).exclude(path=ENDLESS)
        for operation in schema.get_all_operations():
            for mode in GenerationMode:
                asked(operation.ok(), mode, ask)  # type: ignore[union-attr]

    await asyncio.to_thread(ask_all)
    assert failures == []
    assert answered[2] > 50 and answered[4] > 50
