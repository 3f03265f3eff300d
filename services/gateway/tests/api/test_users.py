"""Users over REST: made by an admin, known by their own password only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from common.events import User
from gateway.testing.fakes import FakeBus

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]


async def test_an_admin_makes_a_user_who_then_logs_in_and_changes_his_password(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    admin = await log_in("admin", user_id="admin")
    body = {"name": "Tess", "roles": ["trader"], "password": "first pass phrase", "revision": 0}
    made = await client.put("/api/users/tess", json=body, headers=admin)
    assert made.status_code == 200
    assert made.json()["user"] == {
        "id": "tess",
        "name": "Tess",
        "roles": ["trader"],
        "bots": [],
        "disabled": False,
        "revision": 1,
    }
    form = {"grant_type": "password", "username": "tess", "password": "first pass phrase"}
    token = (await client.post("/oauth/token", data=form)).json()["access_token"]
    tess = {"authorization": f"Bearer {token}"}
    wrong = await client.put("/api/me/password", json={"current": "guess", "new": "second pass phrase"}, headers=tess)
    assert (wrong.status_code, wrong.json()["error"]["fields"][0]["field"]) == (422, "current")
    right = {"current": "first pass phrase", "new": "second pass phrase"}
    assert (await client.put("/api/me/password", json=right, headers=tess)).status_code == 200
    assert (await client.get("/api/me", headers=tess)).status_code == 401, "every session of the old password is over"
    assert (await client.post("/oauth/token", data=form)).status_code == 400
    assert (await client.post("/oauth/token", data={**form, "password": "second pass phrase"})).status_code == 200
    assert all(user.password_hash.startswith("$argon2id$") for user in bus.of(User))
    for event in bus.published:
        assert "pass phrase" not in repr(event)


@pytest.mark.parametrize(
    ("user_id", "changes", "status", "field"),
    [
        ("new", {"password": None}, 422, "password"),
        ("new", {"password": "short"}, 422, "password"),
        ("new", {"roles": ["king"]}, 422, "roles.0"),
        ("new", {"name": ""}, 422, "name"),
        ("new", {"revision": 1}, 409, "revision"),
        ("NEW", {}, 422, "user_id"),
        ("-x", {}, 422, "user_id"),
        ("admin", {"revision": 1, "roles": ["viewer"]}, 422, "roles"),
        ("admin", {"revision": 1, "roles": ["admin"], "disabled": True}, 422, "roles"),
        ("new", {"password_hash": "x"}, 422, "password_hash"),
    ],
)
async def test_a_bad_user_names_the_field_and_never_repeats_the_password(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, user_id: str, changes: JSON, status: int, field: str
) -> None:
    admin = await log_in("admin", user_id="admin")
    body = {"name": "New", "roles": ["viewer"], "password": "a long pass phrase", "revision": 0, **changes}
    answer = await client.put(f"/api/users/{user_id}", json=body, headers=admin)
    assert answer.status_code == status
    assert [each["field"] for each in answer.json()["error"]["fields"]] == [field]
    assert "pass phrase" not in answer.text
    assert '"short"' not in answer.text
    assert bus.published == []
