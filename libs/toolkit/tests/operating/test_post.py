"""`./mm post`: what is sent to the gateway, as whom, and that a password is never an argument."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from toolkit import cli
from toolkit.keys.private_files import write_private
from toolkit.layout import admin_password_file
from toolkit.operating import post_commands
from toolkit.operating.gateway_client import PlatformClient
from toolkit.operating.post import line
from typer.testing import CliRunner

ADJUSTMENT = {
    "adjustment_id": "a1",
    "state": "proposed",
    "account": "mm1",
    "algo_id": "unassigned",
    "currency": "USD",
    "cash": "-12.50",
    "symbol": "",
    "yes_lots": 0,
    "no_lots": 0,
    "reason": "a fee",
    "proposed_by": "admin",
    "decided_by": "",
}


class Gateway:
    """What the commands asked, and as whom."""

    def __init__(self) -> None:
        self.logins: list[tuple[str, str]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.refusal: tuple[int, str] | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            form = httpx.QueryParams(request.content.decode())
            self.logins.append((form["username"], form["password"]))
            return httpx.Response(200, json={"access_token": "t"})
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, request.url.path, body))
        if self.refusal is not None:
            return httpx.Response(self.refusal[0], text=self.refusal[1])
        if request.url.path.endswith("/approve"):
            return httpx.Response(200, json={"adjustment": ADJUSTMENT | {"state": "approved", "decided_by": "rita"}})
        if request.method == "GET":
            return httpx.Response(200, json={"adjustments": [ADJUSTMENT]})
        return httpx.Response(201, json={"adjustment": ADJUSTMENT})


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    asked = Gateway()
    write_private(admin_password_file(tmp_path), "generated")
    monkeypatch.setattr(
        post_commands, "PlatformClient", lambda data_dir: PlatformClient(data_dir, httpx.MockTransport(asked.answer))
    )
    return asked


def run(tmp_path: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, ["post", *arguments, "--data-dir", str(tmp_path)], input=typed)
    return done.exit_code, done.output


def test_r81_a_proposal_names_account_amount_and_reason_and_says_who_may_approve(
    tmp_path: Path, gateway: Gateway
) -> None:
    code, said = run(tmp_path, "cash", "mm1", "-12.50", "--reason", "a fee")
    assert code == 0, said
    assert gateway.logins == [("admin", "generated")]
    wanted = {"account": "mm1", "cash": "-12.50", "algo_id": "unassigned", "reason": "a fee"}
    assert gateway.asked == [("POST", "/api/adjustments", wanted)]
    assert "a1  proposed  mm1: -12.50 USD, bot unassigned (a fee); proposed by admin" in said
    assert "./mm post approve a1 --user NAME" in said


def test_r81_missing_shares_are_proposed_with_the_cash_they_cost(tmp_path: Path, gateway: Gateway) -> None:
    code, said = run(tmp_path, "shares", "mm1", "BTC-5M-1", "-4.00", "--yes", "10", "--bot", "1", "--reason", "a fill")
    assert code == 0, said
    wanted = {"account": "mm1", "cash": "-4.00", "algo_id": "1", "reason": "a fill"}
    wanted |= {"symbol": "BTC-5M-1", "yes_lots": "10", "no_lots": "0"}
    assert gateway.asked[0][2] == wanted


def test_coins_and_their_currency_are_proposed_where_they_are_named(tmp_path: Path, gateway: Gateway) -> None:
    code, said = run(tmp_path, "cash", "mm1", "-0.00000001", "--currency", "BTC", "--reason", "a withdrawal")
    assert code == 0, said
    assert gateway.asked[-1][2]["currency"] == "BTC"
    code, said = run(tmp_path, "shares", "mm1", "BTCUSD", "-600", "--lots", "10", "--bot", "1", "--reason", "a fill")
    assert code == 0, said
    assert {"symbol": "BTCUSD", "lots": "10"}.items() <= gateway.asked[-1][2].items()
    assert line(ADJUSTMENT | {"symbol": "BTCUSD", "lots": 10}).startswith(
        "a1  proposed  mm1: -12.50 USD, +10 lots of BTCUSD"
    )


def test_r81_the_approvers_password_comes_from_the_terminal_or_a_file(
    tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed" if "rita" in prompt else "")
    assert run(tmp_path, "approve", "a1", "--user", "rita")[0] == 0
    (tmp_path / "password").write_text("written\n")
    code, said = run(tmp_path, "approve", "a1", "--user", "rita", "--password-file", str(tmp_path / "password"))
    assert (code, gateway.logins) == (0, [("rita", "typed"), ("rita", "written")])
    assert "approved by rita" in said
    assert run(tmp_path, "approve", "a1")[0] == 2, "an approver says who he is"
    assert run(tmp_path, "approve", "a1", "--user", "rita", "--password", "x")[0] == 2, "a password is no argument"


def test_r52_what_the_gateway_refuses_is_said_as_it_says_it(tmp_path: Path, gateway: Gateway) -> None:
    gateway.refusal = (409, "who proposed it may not approve it")
    code, said = run(tmp_path, "approve", "a1", "--user", "admin")
    assert code == 2
    assert "409 who proposed it may not approve it" in said
    assert "could be reached" not in said


def test_r81_the_list_shows_every_adjustment(tmp_path: Path, gateway: Gateway) -> None:
    assert "a1  proposed" in run(tmp_path, "list")[1]
