"""Transfers over deaths of processes, lost requests and lost answers: each is sent once, or known not to be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from common.clock import NS_PER_S
from common.core import Effect, HttpRequest, HttpResponse, Receipt
from common.events import Alert, TransferCommand, TransferState, TransferUpdate
from common.venues import Exchanges
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.transfers.transfers import ASKED_AGAIN_NS, KEPT_NS, Sender, Transfers
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.transfers.session import DegenTransferSession

MS = 1_000_000
START_NS = 1_795_222_810 * NS_PER_S
DELAY_NS = 5 * NS_PER_S
LIFE_NS = 60 * NS_PER_S
EXCHANGES = Exchanges({"DLTXMM": "dltxmm_spot", "KRAKEN": "kraken_spot"})


def a_command(number: int = 7, **changed: Any) -> TransferCommand:
    told: dict[str, Any] = {
        "account": "mm1-kraken",
        "number": number,
        "venue": "kraken_spot",
        "to_account": "mm1-dltxmm",
        "to_venue": "dltxmm_spot",
        "currency": "BTC",
        "amount": Decimal("0.50000000"),
        "actor": "tess",
        "reason": "funds for the quotes",
        "expires_at_ns": START_NS + LIFE_NS,
        "ts_ns": START_NS,
    }
    return TransferCommand(**(told | changed))


@dataclass
class TinyVenue:
    """Takes each number once, as the exchange does, and has so much of the currency."""

    free: Decimal = Decimal(2)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    fate: str = ""
    """Of the next request: 'lost' on its way, 'unanswered', or 'refused' for the rate."""

    def on_ask(self, ask: HttpRequest, now_ns: int) -> HttpResponse:
        fate, self.fate = self.fate, ""
        if fate == "lost":
            return HttpResponse(ask.request_id, 0, b"", {})
        if fate == "refused":
            return HttpResponse(ask.request_id, 429, b"{}", {})
        status, document = self._answer(ask, now_ns)
        return HttpResponse(ask.request_id, 0 if fate else status, b"" if fate else json.dumps(document).encode(), {})

    def _answer(self, ask: HttpRequest, now_ns: int) -> tuple[int, dict[str, Any]]:
        path = ask.url.removeprefix("http://venue")
        if path == "/auth/login":
            return 200, {
                "token": "t",
                "expires_ns": now_ns * 2,
                "account": "mm1-kraken",
                "scopes": ["read", "transfer"],
            }
        if path == "/symbols":
            return 200, {"symbols": []}
        for row in self.sent.values():
            row["status"] = "arrived" if now_ns >= row["due_ns"] else "sent"
        if ask.method == "GET" and path.startswith("/transfers?"):
            return 200, {"transfers": list(self.sent.values()), "next_after": 1, "has_more": False}
        if ask.method == "GET":
            return 200, {"transfer": next(row for row in self.sent.values() if path.endswith(row["transfer_id"]))}
        body = json.loads(ask.body)
        self.asked.append(body)
        number, amount = body["client_transfer_id"], Decimal(body["amount"])
        if number in self.sent:
            error = {"code": "duplicate_client_transfer_id", "message": "used", "field": "client_transfer_id"}
            return 409, {"error": error, "transfer": self.sent[number]}
        if amount > self.free:
            return 409, {
                "error": {"code": "insufficient_funds", "message": f"{amount} BTC needed, {self.free} available"}
            }
        self.free -= amount
        self.sent[number] = {
            "transfer_id": f"KRAKEN-DLTXMM-{len(self.sent) + 1}",
            "client_transfer_id": number,
            "status": "sent",
            "account_sequence": 6,
            "due_ns": now_ns + DELAY_NS,
        }
        return 201, {"transfer": self.sent[number]}


class Platform:
    """The broker's TRANSFER stream, and whoever holds the account now."""

    def __init__(self, *commands: TransferCommand, keys: bool = True) -> None:
        self.venue, self.keys = TinyVenue(), keys
        self.commands = list(commands)
        self.stored: list[TransferUpdate] = []
        self.alerts: list[Alert] = []
        self.halted = ""
        self.now_ns, self.epoch = START_NS, 0
        self.takes = True
        self.held: list[HttpResponse] | None = None
        """Answers on their way; None where they come at once."""
        self.restart()

    def restart(self) -> None:
        """Let another process take the account over: what was not stored is gone."""
        self.epoch += 1
        self.held = None if self.held is None else []
        session = DegenTransferSession(ApiKey("transfer", "key", "secret", ("read", "transfer")), venue="kraken_spot")
        sender = Sender(session, "http://venue") if self.keys else None
        self.core = Transfers("mm1-kraken", sender, EXCHANGES, lambda: self.halted)
        for update in self.stored:
            self.core.remember(update)
        for command in self.commands:
            assert not list(self.core.on_command(command, Receipt(self.now_ns)))
        self.core.begin(self.epoch)

    def ask(self, command: TransferCommand) -> None:
        self.commands.append(command)
        self.carry(self.core.on_command(command, Receipt(self.now_ns)))

    def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            if isinstance(effect, TransferUpdate):
                if self.takes:
                    self.stored.append(effect)
                    self.core.on_published(effect)
                else:
                    self.core.on_refused(effect, self.now_ns)
            elif isinstance(effect, Alert):
                self.alerts.append(effect)
            else:
                assert isinstance(effect, HttpRequest)
                answer = self.venue.on_ask(effect, self.now_ns)
                if self.held is None:
                    self.carry(self.core.on_answer(answer, Receipt(self.now_ns)))
                else:
                    self.held.append(answer)

    def wait(self, ms: int = 50) -> None:
        for _ in range(ms // 50):
            self.now_ns += 50 * MS
            self.carry(self.core.on_timer(self.now_ns))

    def states(self, number: int = 7) -> list[TransferState]:
        return [each.state for each in self.stored if each.number == number]


def test_a_transfer_is_said_before_it_is_sent_and_until_it_has_arrived() -> None:
    platform = Platform(a_command())
    platform.wait(10_000)
    assert platform.states() == [TransferState.SENDING, TransferState.UNDER_WAY, TransferState.DONE]
    assert platform.venue.asked == [
        {
            "client_transfer_id": "7",
            "currency": "BTC",
            "amount": "0.50000000",
            "to_venue": "DLTXMM",
            "to_account": "mm1-dltxmm",
        }
    ]
    last = platform.stored[-1]
    assert (last.transfer_id, last.account_sequence) == ("KRAKEN-DLTXMM-1", 6)
    assert platform.core.state() == []


def test_the_venue_is_asked_nothing_while_the_broker_has_not_stored_that_it_will_be() -> None:
    platform = Platform(a_command())
    platform.takes = False
    platform.wait(5_000)
    assert platform.venue.asked == []
    assert platform.core.state()[0]["state"] == "sending"
    platform.takes = True
    platform.wait(5_000)
    assert len(platform.venue.sent) == 1


def test_a_refusal_says_why() -> None:
    platform = Platform(a_command(amount=Decimal(3)))
    platform.wait(500)
    assert platform.states() == [TransferState.SENDING, TransferState.REFUSED]
    assert platform.stored[-1].reason == "3 BTC needed, 2 available"
    assert [each.kind for each in platform.alerts] == ["transfer_refused"]
    assert platform.alerts[0].text == "3 BTC from mm1-kraken to mm1-dltxmm is not sent: 3 BTC needed, 2 available"


def test_what_was_sent_before_a_refusal_is_found() -> None:
    """The first request was carried out and nobody heard; then the currency is no longer one that the venue sends."""
    platform = Platform(a_command())
    platform.venue.fate = "unanswered"
    platform.wait(50)
    platform.venue.fate = "unanswered"
    ordinary, refused = platform.venue._answer, {"error": {"code": "invalid_field", "message": "currency must be …"}}

    def no_more(ask: HttpRequest, now_ns: int) -> tuple[int, dict[str, Any]]:
        return (
            (422, refused)
            if ask.method == "POST" and ask.url.endswith("/transfers") and platform.venue.sent
            else (ordinary(ask, now_ns))
        )

    platform.wait(1_000)
    sent_before = len(platform.venue.sent)
    platform.venue._answer = no_more  # type: ignore[method-assign]
    platform.restart()
    platform.wait(10_000)
    assert (sent_before, len(platform.venue.sent)) == (1, 1)
    assert platform.states()[-1] is TransferState.DONE


@pytest.mark.parametrize(
    "unreadable", [{"error": {"code": "internal"}}, {"transfers": [{}]}, {"transfers": [], "has_more": True}]
)
def test_what_may_have_been_sent_is_not_called_refused_because_the_list_cannot_be_read(
    unreadable: dict[str, Any],
) -> None:
    platform = Platform(a_command())
    ordinary, readable = platform.venue._answer, False

    def refusing(ask: HttpRequest, now_ns: int) -> tuple[int, dict[str, Any]]:
        if ask.method == "POST" and ask.url.endswith("/transfers"):
            if platform.venue.sent:
                return 422, {"error": {"code": "invalid_field", "message": "currency must be …"}}
            ordinary(ask, now_ns)
            return 0, {}
        if "/transfers?" in ask.url and not readable:
            return 200, {"next_after": 0, "has_more": False} | unreadable
        return ordinary(ask, now_ns)

    platform.venue._answer = refusing  # type: ignore[method-assign]
    platform.wait(5_000)
    assert platform.states() == [TransferState.SENDING]
    readable = True
    platform.wait(10_000)
    assert platform.states()[-1] is TransferState.DONE
    assert [each.kind for each in platform.alerts] == ["bad_answer"]


@pytest.mark.parametrize(
    ("command", "halted", "keys", "why"),
    [
        (a_command(expires_at_ns=START_NS), "", True, "its time was over before the venue could be asked"),
        (
            a_command(actor="rebalancer:1"),
            "account-mm1-kraken:manual",
            True,
            "the account is halted: account-mm1-kraken:manual",
        ),
        (a_command(), "", False, "account mm1-kraken has no key to send money with"),
    ],
)
def test_what_must_not_be_sent_is_refused_without_asking(
    command: TransferCommand, halted: str, keys: bool, why: str
) -> None:
    platform = Platform(command, keys=keys)
    platform.halted = halted
    platform.wait(500)
    assert platform.states() == [TransferState.REFUSED]
    assert platform.stored[-1].reason == why
    assert platform.venue.asked == []


def test_what_a_risk_decides_that_was_followed_by_another_is_refused() -> None:
    platform = Platform(a_command(7, actor="rebalancer:1", epoch=2), a_command(8, actor="rebalancer:1", epoch=1))
    platform.wait(500)
    assert platform.states(8) == [TransferState.REFUSED]
    assert list(platform.venue.sent) == ["7"]


def test_a_core_that_follows_another_sends_nothing_before_the_word_on_it_is_stored() -> None:
    platform = Platform(a_command())
    platform.takes = False
    platform.wait(500)
    before = platform.core
    platform.commands.clear()
    platform.restart()
    platform.core.inherit(before)
    platform.core.begin(platform.epoch)
    platform.wait(500)
    assert platform.venue.asked == []
    platform.takes = True
    platform.wait(10_000)
    assert len(platform.venue.sent) == 1
    assert platform.states() == [TransferState.SENDING, TransferState.UNDER_WAY, TransferState.DONE]


def test_a_person_may_move_money_out_of_a_halted_account() -> None:
    platform = Platform(a_command())
    platform.halted = "account-mm1-kraken:manual"
    platform.wait(500)
    assert len(platform.venue.sent) == 1


@pytest.mark.parametrize("dies", [True, False])
def test_what_nobody_has_answered_for_a_day_is_left_to_people(dies: bool) -> None:
    platform = Platform(a_command())
    platform.held = []
    platform.wait(100)
    unanswered, platform.held = platform.held, None
    platform.now_ns += LIFE_NS + ASKED_AGAIN_NS + NS_PER_S
    if dies:
        platform.restart()
    else:
        platform.wait(50)
        for each in unanswered:
            platform.carry(platform.core.on_answer(HttpResponse(each.request_id, 0, b"", {}), Receipt(platform.now_ns)))
    asked = len(platform.venue.asked)
    platform.wait(1_000)
    assert len(platform.venue.asked) == asked
    assert [each.kind for each in platform.alerts] == ["transfer_unknown"]


def test_what_has_left_and_is_not_said_to_arrive_is_told_to_people_once() -> None:
    platform = Platform(a_command())
    platform.wait(1_000)
    platform.venue._answer = lambda ask, now_ns: (404, {"error": {"code": "unknown"}})  # type: ignore[method-assign]
    platform.wait(10_000)
    assert platform.alerts == []
    platform.now_ns += ASKED_AGAIN_NS
    platform.wait(5_000)
    assert [each.kind for each in platform.alerts] == ["transfer_unknown"]
    assert platform.states()[-1] is TransferState.UNDER_WAY


def test_what_the_stream_has_forgotten_is_forgotten() -> None:
    platform = Platform(a_command())
    platform.wait(10_000)
    platform.now_ns += KEPT_NS + LIFE_NS
    platform.ask(a_command(8, expires_at_ns=platform.now_ns + LIFE_NS))
    platform.wait(10_000)
    assert platform.states(8)[-1] is TransferState.DONE
    platform.ask(a_command())
    platform.wait(500)
    assert platform.stored[-1].reason == "its time was over before the venue could be asked"
    assert list(platform.venue.sent) == ["7", "8"]


STEPS = st.sampled_from(
    ["wait", "kill", "lost", "unanswered", "refused", "broker away", "broker back", "hold", "let go"]
)


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=25), amounts=st.lists(st.sampled_from(["0.5", "1.2", "1.9"]), min_size=1, max_size=3)
)
def test_whoever_dies_and_whatever_is_lost_each_is_sent_once_or_known_not_to_be(
    steps: list[str], amounts: list[str]
) -> None:
    platform = Platform()
    for number, amount in enumerate(amounts, start=1):
        platform.ask(a_command(number, amount=Decimal(amount)))
    for step in steps:
        if step == "wait":
            platform.wait(400)
        elif step == "kill":
            platform.restart()
        elif step.startswith("broker"):
            platform.takes = step == "broker back"
        elif step == "hold":
            platform.held = platform.held or []
        elif step == "let go":
            held, platform.held = platform.held or [], None
            for answer in held:
                platform.carry(platform.core.on_answer(answer, Receipt(platform.now_ns)))
        else:
            platform.venue.fate = step
        platform.wait()
    platform.takes, platform.held = True, None
    platform.restart()
    platform.wait(30_000)
    for number in range(1, len(amounts) + 1):
        last = platform.states(number)[-1]
        assert last is (TransferState.DONE if str(number) in platform.venue.sent else TransferState.REFUSED)
        ended = [state for state in platform.states(number) if state.ended]
        assert len(ended) == 1, "what has ended is not said again"
    assert platform.venue.free == 2 - sum(
        (Decimal(amounts[int(number) - 1]) for number in platform.venue.sent), Decimal(0)
    )
