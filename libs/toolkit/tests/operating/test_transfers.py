"""`./mm transfer`: what is asked of the exchange, as whom, and what a person is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient
from toolkit.operating.transfers import ask, send

SENT = {
    "transfer_id": "KRAKEN-DLTXMM-1",
    "from_account": "mm1-kraken",
    "from_venue": "KRAKEN",
    "to_account": "mm1-dltxmm",
    "to_venue": "DLTXMM",
    "amount": "0.50000000",
    "currency": "BTC",
    "sent_ns": 5_000_000_000,
    "due_ns": 65_000_000_000,
}


def a_platform(folder: Path) -> Path:
    for place, account in {"venues/kraken": "mm1-kraken", "venues/dltxmm": "mm1-dltxmm", ".": "mm1"}.items():
        keys = folder / "exchange" / place / "transfer-keys"
        keys.mkdir(parents=True)
        row = {"name": "transfer", "api_key": f"{account}-key", "api_secret": "very-secret", "scopes": ["transfer"]}
        (keys / f"{account}.json").write_text(json.dumps([row]))
    return folder


class Exchange:
    """Takes what is asked and answers as told."""

    def __init__(self, status: int = 201, **document: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._status, self._document = status, document or {"transfer": SENT}

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content)))
        if request.url.path.endswith("/auth/login"):
            return httpx.Response(200, json={"token": "t"})
        assert request.headers["authorization"] == "Bearer t"
        return httpx.Response(self._status, json=self._document)

    def send(self, folder: Path, source: str = "mm1-kraken", target: str = "mm1-dltxmm") -> list[str]:
        said: list[str] = []
        transport = httpx.MockTransport(self.handle)
        send(folder, "http://exchange", (source, target), ("0.5", "BTC"), 7, said.append, transport)
        return said


def test_money_goes_from_the_venue_of_one_account_to_that_of_the_other(tmp_path: Path) -> None:
    exchange = Exchange()
    said = exchange.send(a_platform(tmp_path))
    assert said == [
        "KRAKEN-DLTXMM-1: 0.50000000 BTC from mm1-kraken at KRAKEN to mm1-dltxmm at DLTXMM, there after 60 s"
    ]
    body = {"client_transfer_id": "7", "amount": "0.5", "currency": "BTC", "to_venue": "DLTXMM"}
    login = {"api_key": "mm1-kraken-key", "api_secret": "very-secret"}
    assert exchange.asked == [
        ("/venues/kraken/auth/login", login),
        ("/venues/kraken/transfers", body | {"to_account": "mm1-dltxmm"}),
    ]


def test_the_exchange_itself_is_one_of_its_venues(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.send(a_platform(tmp_path), "mm1-kraken", "mm1")
    assert exchange.asked[1][1]["to_venue"] == "degen"


def test_one_that_was_sent_before_is_told_again(tmp_path: Path) -> None:
    known = Exchange(409, error={"code": "duplicate_client_transfer_id", "message": "used"}, transfer=SENT)
    assert known.send(a_platform(tmp_path))[0].startswith("KRAKEN-DLTXMM-1: ")


def test_a_refusal_says_why_and_an_account_that_is_nowhere_is_named(tmp_path: Path) -> None:
    folder = a_platform(tmp_path)
    poor = Exchange(409, error={"code": "insufficient_funds", "message": "0.5 BTC needed, 0.1 available"})
    with pytest.raises(NoAnswerError, match=r"not sent: 0\.5 BTC needed, 0\.1 available"):
        poor.send(folder)
    with pytest.raises(NoAnswerError, match="account mm9 is at none of the venues"):
        Exchange().send(folder, target="mm9")


def test_what_nobody_answered_can_be_repeated_without_sending_twice(tmp_path: Path) -> None:
    class Gone(Exchange):
        def handle(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("gone", request=request)

    with pytest.raises(NoAnswerError, match="--number 7 sends it once"):
        Gone().send(a_platform(tmp_path))


class Gateway:
    """Takes what is asked; the transfer is in the next of these states whenever it is asked after."""

    def __init__(self, *states: str, status: int = 201) -> None:
        self.states, self.status = list(states), status
        self.asked: list[Any] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(200)
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t"})
        if request.method == "POST":
            self.asked.append(json.loads(request.content))
            error = {"code": "invalid", "message": "amount: must be at most 0.1", "fields": []}
            if self.status != 201:
                return httpx.Response(self.status, json={"error": error})
            return httpx.Response(201, json={"outcome": "asked", "transfer": self.row("asked")})
        return httpx.Response(200, json={"transfers": [self.row(self.states.pop(0))]})

    def row(self, state: str) -> dict[str, Any]:
        return {
            "account": "mm1-kraken",
            "client_transfer_id": "7",
            "state": state,
            "venue": "kraken_spot",
            "to_account": "mm1-dltxmm",
            "to_venue": "dltxmm_spot",
            "currency": "BTC",
            "amount": "0.50000000",
            "transfer_id": "KRAKEN-DLTXMM-1" if state in ("under_way", "done") else "",
            "due_ns": 65_000_000_000,
            "changed_ns": 5_000_000_000,
            "refused": "0.5 BTC needed, 0.1 available" if state == "refused" else "",
        }

    def ask(self, folder: Path, wait_s: float = 15.0) -> list[str]:
        said: list[str] = []
        (folder / "gateway").mkdir(exist_ok=True)
        (folder / "gateway" / "admin-password").write_text("secret")
        accounts, money = ("mm1-kraken", "mm1-dltxmm"), ("0.5", "BTC")
        with PlatformClient(folder, httpx.MockTransport(self.handle)) as client:
            assert ask(client, "http://gateway", accounts, money, 7, "funds for quotes", said.append, wait_s)
        return said


def test_the_gateway_is_told_why_and_the_answer_is_what_became_of_it(tmp_path: Path) -> None:
    gateway = Gateway("sending", "under_way")
    assert gateway.ask(tmp_path) == [
        "KRAKEN-DLTXMM-1: 0.50000000 BTC from mm1-kraken at kraken_spot to mm1-dltxmm at dltxmm_spot, there in 60 s"
    ]
    assert gateway.asked == [
        {
            "account": "mm1-kraken",
            "to_account": "mm1-dltxmm",
            "amount": "0.5",
            "currency": "BTC",
            "reason": "funds for quotes",
            "client_transfer_id": "7",
        }
    ]


def test_a_refusal_of_the_gateway_or_the_venue_is_said_and_nothing_is_sent_another_way(tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError, match=r"not sent: 0\.5 BTC needed, 0\.1 available"):
        Gateway("refused").ask(tmp_path)
    with pytest.raises(NoAnswerError, match=r"amount: must be at most 0\.1"):
        Gateway(status=422).ask(tmp_path)
    with pytest.raises(NoAnswerError, match=r"asked, and mm1-kraken has not paid yet; .* --number 7 sends it once"):
        Gateway("sending").ask(tmp_path, wait_s=-1)


def test_without_a_gateway_it_says_so(tmp_path: Path) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone", request=request)

    with PlatformClient(tmp_path, httpx.MockTransport(gone)) as client:
        assert not ask(client, "http://gateway", ("a", "b"), ("1", "BTC"), 7, "", print)
