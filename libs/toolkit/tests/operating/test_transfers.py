"""`./mm transfer`: what is asked of the exchange, as whom, and what a person is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from toolkit.operating.gateway_client import NoAnswerError
from toolkit.operating.transfers import send

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
