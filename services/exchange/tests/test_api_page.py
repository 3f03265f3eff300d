"""The API page is the contract, so its golden frames are played against the venue."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.entry.faults import KINDS
from exchange.entry.session import Output, Send
from exchange.market.refusals import HTTP_STATUS
from exchange.rest.routes import ROUTES
from exchange.testing.spot_venues import file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client, config, opened
from exchange.venue import Exchange

PAGE = Path(__file__).parents[3] / "docs" / "degen-terminal-api.md"
NAMED_VENUES = "## 15. Named spot venues"
_BLOCK = re.compile(r"^```json (send|recv|request|response)([^\n]*)\n(.*?)^```", re.M | re.S)
_REQUEST = re.compile(r" (GET|POST|PUT|PATCH|DELETE) (\S+)(?: as (\w+))?(?: after (\d+) s)?\Z")


@dataclass(frozen=True)
class Block:
    """One fenced block: what kind it is, what its opening line says, and its text."""

    kind: str
    line: int
    title: str
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    def waited_s(self) -> int:
        """How long after the block before it is asked."""
        match = _REQUEST.match(self.title)
        return int(match[4] or 0) if match is not None else 0

    def request(self) -> tuple[str, str, dict[str, str], str]:
        """Method, path, query and who asks."""
        match = _REQUEST.match(self.title)
        assert match is not None, f"line {self.line}: request needs a method and a path"
        path, _, query = match[2].partition("?")
        return match[1], path, dict(part.split("=") for part in query.split("&") if part), match[3] or "mm1"


def blocks(text: str) -> list[Block]:
    return [
        Block(match[1], text.count("\n", 0, match.start()) + 1, match[2].rstrip(), match[3])
        for match in _BLOCK.finditer(text)
    ]


def without_volatile(value: Any) -> Any:
    """The same JSON with tokens and times replaced by their type."""
    if isinstance(value, dict):
        return {
            name: type(item).__name__ if name == "token" or name.endswith("_ns") else without_volatile(item)
            for name, item in value.items()
        }
    return [without_volatile(item) for item in value] if isinstance(value, list) else value


CONNECTION = 1


def _token(venue: Exchange, account: str) -> str:
    name = "admin" if account == "admin" else "trade"
    body = {"api_key": f"{account}-{name}", "api_secret": f"secret-of-{account}-{name}"}
    return str(
        json.loads(venue.on_request("POST", "/auth/login", {}, {}, json.dumps(body).encode(), NOW_NS).body)["token"]
    )


def _frames(outputs: list[Output]) -> list[object]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send) and out.connection == CONNECTION]


def test_every_golden_frame_of_the_page_is_what_the_venue_says() -> None:
    venue = opened(config(spot=("BTC",)))
    tokens = {account: _token(venue, account) for account in ("mm1", "taker1", "admin")}
    venue.on_connect(CONNECTION, NOW_NS)
    waiting: list[object] = []
    answer: tuple[int, object] | None = None
    played = 0
    for block in blocks(PAGE.read_text().partition(NAMED_VENUES)[0]):
        where = f"line {block.line} of {PAGE.name}"
        if block.kind in ("send", "request"):
            assert not waiting, f"before {where} the venue also sent {waiting[0]}"
        if block.kind == "send":
            frame = block.text.replace("$token", tokens["mm1"]).encode()
            waiting = _frames(venue.on_frame(CONNECTION, frame, NOW_NS))
        elif block.kind == "recv":
            assert waiting, f"{where}: the venue sent nothing"
            assert without_volatile(waiting.pop(0)) == without_volatile(block.body), where
        elif block.kind == "request":
            method, path, query, account = block.request()
            headers = {"authorization": f"Bearer {tokens[account]}"}
            response = venue.on_request(method, path, query, headers, block.text.encode(), NOW_NS)
            answer = response.status, json.loads(response.body)
            waiting = _frames(response.outputs)
        else:
            assert answer is not None, where
            assert answer[0] == int(block.title), where
            assert without_volatile(answer[1]) == without_volatile(block.body), where
        played += 1
    assert not waiting
    assert played > 110


def test_every_golden_frame_of_the_named_venues_is_what_they_say() -> None:
    token_fees = {"fee_currency": "BNB", "maker_fee_ppm": 750, "taker_fee_ppm": 750}
    slow: dict[str, Any] = {"transfer_delay_s": 60}
    # Driven by prices that never come, so that no maker shows anything.
    file, unpriced = file_of(KRAKEN=slow, BITTREX=slow, BINANCE=token_fees), ("BTC", "ETH", "BNB", "JPY")
    venues = spot_venues(file, driven=unpriced).by_name
    now_ns, waiting, answer = NOW_NS, list[object](), None
    for venue in venues.values():
        venue.start(now_ns)
    tokens = {name: Client(venue, "mm1", "transfer").token for name, venue in venues.items()}
    kraken = venues["KRAKEN"]
    kraken.on_connect(CONNECTION, now_ns)
    for frame in ({"op": "login", "token": tokens["KRAKEN"]}, {"op": "subscribe", "channels": ["account"]}):
        kraken.on_frame(CONNECTION, json.dumps(frame).encode(), now_ns)
    played = 0
    for block in blocks(PAGE.read_text().partition(NAMED_VENUES)[2]):
        where = f"block {block.line} of section 15 of {PAGE.name}"
        if block.kind == "request":
            assert not waiting, f"before {where} KRAKEN also sent {waiting[0]}"
            for _ in range(10 * block.waited_s()):
                now_ns += 100_000_000
                for venue in venues.values():
                    venue.on_timer(now_ns)
            method, path, query, _ = block.request()
            _, _, name, rest = path.split("/", 3)
            headers = {"authorization": f"Bearer {tokens[name.upper()]}"}
            response = venues[name.upper()].on_request(method, f"/{rest}", query, headers, block.text.encode(), now_ns)
            answer = response.status, json.loads(response.body)
            waiting = _frames(response.outputs)
        elif block.kind == "recv":
            assert waiting, f"{where}: KRAKEN sent nothing"
            assert without_volatile(waiting.pop(0)) == without_volatile(block.body), where
        else:
            assert answer is not None, where
            assert answer[0] == int(block.title), where
            assert without_volatile(answer[1]) == without_volatile(block.body), where
        played += 1
    assert not waiting
    assert played > 12


def test_the_page_lists_exactly_the_codes_faults_and_paths_of_the_venue() -> None:
    text = PAGE.read_text()
    section = text.split("## 10. Errors")[1].split("## 11.")[0]
    listed = {
        code: int(status)
        for codes, status in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d+) \|", section, re.M)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert listed == HTTP_STATUS
    faults = text.split("**Faults on demand.**")[1].split("Members:")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", faults, re.M)[1:]) == KINDS
    for route in ROUTES:
        stem = route.path.replace("{market}", "{id}")
        assert stem in text, f"{route.method} {route.path} is not on the page"
