import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from common.emptying import Emptied
from toolkit.keys.private_files import write_private
from toolkit.layout import admin_password_file, admin_token_file, owner_token_file
from toolkit.operating import halts as operate
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient
from toolkit.ports import port_map

PORTS = port_map(None)

Answers = dict[str, tuple[int, object]]


class Platform:
    """Answers of the ports that listen; every other connection is refused."""

    def __init__(self) -> None:
        self.answers: Answers = {}
        self.asked: list[httpx.Request] = []
        self.frozen: set[int] = set()
        """Ports whose process stands still: it takes connections and answers nothing."""
        self.waited_s = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.port in self.frozen:
            self.waited_s += request.extensions["timeout"]["read"]
            raise httpx.ReadTimeout("timed out", request=request)
        if request.url.path == "/health":
            return httpx.Response(200)
        self.asked.append(request)
        key = f"{request.method} {request.url.port}{request.url.path}"
        if key not in self.answers:
            raise httpx.ConnectError("connection refused", request=request)
        code, body = self.answers[key]
        return httpx.Response(code, json=body)

    def called(self) -> list[str]:
        return [f"{request.method} {request.url.port}{request.url.path}" for request in self.asked]


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def client(platform: Platform, tmp_path: Path) -> Iterator[PlatformClient]:
    write_private(admin_password_file(tmp_path), "the password\n")
    write_private(admin_token_file(tmp_path), "the token")
    with PlatformClient(tmp_path, httpx.MockTransport(platform)) as client:
        yield client


@pytest.fixture
def said() -> list[str]:
    return []


LOGIN: Answers = {"POST 8080/oauth/token": (200, {"access_token": "t1"})}
EMPTIED = Emptied("bot-1:news", "mm1", 24, 0, 24, 1_795_701_723 * 10**9)
UNKNOWN = {"error": {"code": "unknown_scope", "message": "there is no bot-99; there are bot-1, global"}}


@pytest.mark.parametrize("command", ["halt", "cancel-all"])
def test_r72_a_frozen_gateway_and_quoter_are_passed_by_within_seconds(
    platform: Platform, client: PlatformClient, said: list[str], command: str
) -> None:
    platform.frozen = {PORTS.gateway, PORTS.quoter_admin}
    platform.answers = {f"POST {PORTS.watchdog_admin}/{command}": (200, {"accounts": [EMPTIED.document()]})}
    done = (
        operate.halt("bot-1", "news", PORTS, said.append, client)
        if command == "halt"
        else operate.cancel_all(PORTS, said.append, client)
    )
    assert done == 0
    assert platform.waited_s <= 5.0, "orders rest meanwhile"
    assert "done by the watchdog" in said[2]


def test_a_slow_last_door_is_waited_for(platform: Platform, client: PlatformClient, said: list[str]) -> None:
    platform.frozen = {PORTS.gateway}
    assert operate.lift("bot-1", "news", PORTS, said.append, client) == 1
    assert platform.waited_s >= 5.0, "nobody else lifts"


def test_a_halt_goes_through_the_gateway_while_it_answers_and_says_what_each_account_made_of_it(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    others = [
        {"service": "quoter", "outcome": "done", "detail": "…"},
        {"service": "quoter-2", "outcome": "refused", "detail": "scope: there is no bot-1"},
    ]
    answer = {"halt": {}, "accounts": [EMPTIED.document()], "services": others}
    platform.answers = LOGIN | {"POST 8080/api/halts": (201, answer)}
    assert operate.halt("bot-1", "news", PORTS, said.append, client) == 0
    assert said == [
        "halt bot-1: done by the gateway",
        "  bot-1:news, account mm1: 24 cancelled, 0 of 24 left, confirmed by the venue at 14:02:03 UTC",
        "  quoter-2 refused: scope: there is no bot-1",
    ]
    login, halt = platform.asked
    assert b"password=the+password" in login.content
    assert halt.headers["authorization"] == "Bearer t1"
    assert json.loads(halt.content) == {
        "scope": "bot-1",
        "reason": "news",
        "detail": "halted from the command line",
        "keep_resting": False,
    }


def test_r13_what_the_venue_has_not_confirmed_is_said_and_fails(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    row = Emptied("bot-1:news", "mm1", 20, 4, 24, 0, "the venue did not answer within 5 s").document()
    platform.answers = LOGIN | {"POST 8080/api/halts": (201, {"accounts": [row]})}
    assert operate.halt("bot-1", "news", PORTS, said.append, client) == 1
    assert "NOT CONFIRMED, the venue did not answer within 5 s (20 cancelled, 4 of 24 left)" in said[-1]


def test_r13_a_halt_that_no_quoter_and_no_watchdog_answered_is_not_said_to_have_emptied_anything(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    silent = [{"service": "quoter", "outcome": "unreachable", "detail": "ConnectError"}]
    platform.answers = LOGIN | {"POST 8080/api/halts": (201, {"accounts": [], "services": silent})}
    assert operate.halt("bot-1", "news", PORTS, said.append, client) == 1
    assert said[-1] == "  quoter unreachable: ConnectError"


def test_r13_new_orders_alone_are_halted_when_that_is_asked_for(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {"POST 8080/api/halts": (201, {"accounts": []})}
    assert operate.halt("bot-1", "news", PORTS, said.append, client, keep_resting=True) == 0
    assert json.loads(platform.asked[-1].content)["keep_resting"] is True


def test_r78_the_owner_of_the_machine_needs_no_password(
    platform: Platform, client: PlatformClient, said: list[str], tmp_path: Path
) -> None:
    write_private(owner_token_file(tmp_path), "owner-secret\n")
    platform.answers = {
        "POST 8080/api/halts": (201, {}),
        "DELETE 8080/api/halts/bot-1/news": (200, {}),
        "POST 8080/api/cancel-all": (200, {}),
    }
    assert operate.halt("bot-1", "news", PORTS, said.append, client) == 0
    assert operate.lift("bot-1", "news", PORTS, said.append, client) == 0
    assert operate.cancel_all(PORTS, said.append, client) == 0
    assert {request.headers["authorization"] for request in platform.asked} == {"Bearer owner-secret"}


def test_r78_a_gateway_that_does_not_know_the_owners_token_is_asked_with_the_password(
    platform: Platform, client: PlatformClient, said: list[str], tmp_path: Path
) -> None:
    write_private(owner_token_file(tmp_path), "owner-of-another\n")

    class Choosy(Platform):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if request.headers.get("authorization") == "Bearer owner-of-another":
                return httpx.Response(401, json={"error": {"code": "invalid_token", "message": "no"}})
            return super().__call__(request)

    choosy = Choosy()
    choosy.answers = LOGIN | {"POST 8080/api/cancel-all": (200, {})}
    with PlatformClient(tmp_path, httpx.MockTransport(choosy)) as other:
        assert operate.cancel_all(PORTS, said.append, other) == 0


def test_r9_a_refusal_is_an_answer_and_nobody_else_is_asked(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {"POST 8080/api/halts": (404, UNKNOWN), "POST 8103/halt": (202, {})}
    assert operate.halt("bot-99", "news", PORTS, said.append, client) == 1
    assert said == ["halt bot-99: refused by the gateway: there is no bot-99; there are bot-1, global"]
    assert platform.called() == ["POST 8080/oauth/token", "POST 8080/api/halts"]


def test_r52_a_lift_of_what_is_not_in_force_says_what_is(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    error = {
        "code": "unknown_halt",
        "message": "no halt bot-1:wrong is in force; in force for bot-1: news",
        "fields": [{"field": "reason", "rule": "must be in force"}],
    }
    platform.answers = LOGIN | {"DELETE 8080/api/halts/bot-1/wrong": (404, {"error": error})}
    assert operate.lift("bot-1", "wrong", PORTS, said.append, client) == 1
    assert said == [
        "lift bot-1 wrong: refused by the gateway: no halt bot-1:wrong is in force; in force for bot-1: news"
    ]


def test_another_program_on_the_gateways_port_is_no_answer(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = {"POST 8080/oauth/token": (404, "<html>"), "POST 8103/halt": (202, {})}
    assert operate.halt("global", "fire", PORTS, said.append, client) == 0
    assert said[-1] == "halt global: done by the quoter"


@pytest.mark.parametrize(("port", "who"), [(8103, "quoter"), (8110, "watchdog")])
def test_r13_a_halt_goes_to_the_quoter_and_past_it_to_the_watchdog(
    platform: Platform, client: PlatformClient, said: list[str], port: int, who: str
) -> None:
    platform.answers = {f"POST {port}/halt": (202, {"accounts": [EMPTIED.document()]})}
    assert operate.halt("global", "fire", PORTS, said.append, client) == 0
    assert said[-2:] == [f"halt global: done by the {who}", f"  {EMPTIED.said()}"]
    assert platform.asked[-1].headers["authorization"] == "Bearer the token"
    assert json.loads(platform.asked[-1].content)["actor"] == "owner"


def test_a_gateway_that_fails_is_passed_over_and_its_reason_said(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {
        "POST 8080/api/cancel-all": (503, {"error": {"message": "bus away"}}),
        "POST 8103/cancel-all": (202, {}),
    }
    assert operate.cancel_all(PORTS, said.append, client) == 0
    assert "503 bus away" in said[0]
    assert said[1] == "cancel-all: done by the quoter"


def test_cancel_all_goes_to_the_watchdog_when_gateway_and_quoter_are_dead(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = {"POST 8110/cancel-all": (202, {})}
    assert operate.cancel_all(PORTS, said.append, client) == 0
    assert platform.called() == ["POST 8080/oauth/token", "POST 8103/cancel-all", "POST 8110/cancel-all"]


def test_what_nobody_did_is_said_loudly_and_fails(client: PlatformClient, said: list[str]) -> None:
    assert operate.cancel_all(PORTS, said.append, client) == 1
    assert said[-1] == "cancel-all: NOT DONE, none of gateway, quoter, watchdog did it"


def test_a_lift_goes_through_the_gateway_and_nowhere_else(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {"DELETE 8080/api/halts/account-mm1/news": (200, {})}
    assert operate.lift("account-mm1", "news", PORTS, said.append, client) == 0
    platform.answers = {}
    assert operate.lift("account-mm1", "news", PORTS, said.append, client) == 1
    assert not any(":8103" in str(request.url) for request in platform.asked)


def test_r9_a_halt_written_as_no_door_takes_it_today_can_be_lifted(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {"DELETE 8080/api/halts/bot-1/Manual": (200, {})}
    assert operate.lift("bot-1", "Manual", PORTS, said.append, client) == 0


@pytest.mark.parametrize(
    "scope", ["", "all", "bot-", "bot-x", "bot-0", "venue-a.b", "account-", "global ", "currency-usd"]
)
def test_r9_a_scope_that_does_not_exist_is_refused_with_its_rule(client: PlatformClient, scope: str) -> None:
    with pytest.raises(ValueError, match="must be global, venue-X, account-X, bot-N or currency-C"):
        operate.halt(scope, "fire", PORTS, print, client)


@pytest.mark.parametrize("reason", ["", "a b", "a.b", "Manual", "x" * 65])
def test_r9_a_reason_that_no_door_takes_is_refused_with_its_rule(client: PlatformClient, reason: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 64 of a-z"):
        operate.halt("global", reason, PORTS, print, client)


def test_a_login_without_token_is_an_answer_nobody_can_use(platform: Platform, client: PlatformClient) -> None:
    platform.answers = {"POST 8080/oauth/token": (200, {"unexpected": 1})}
    with pytest.raises(NoAnswerError, match="holds no access_token"):
        client.login("http://127.0.0.1:8080")


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    with PlatformClient(tmp_path) as client, pytest.raises(NoAnswerError, match="admin-password: No such file"):
        client.login("http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("code", "body", "wanted"),
    [
        (
            422,
            {"error": {"message": "cash: must not be 0", "fields": [{"field": "cash", "rule": "must not be 0"}]}},
            "cash: must not be 0",
        ),
        (
            422,
            {"error": {"message": "1 field(s) break a rule", "fields": [{"field": "cash", "rule": "a number"}]}},
            "1 field(s) break a rule (cash: a number)",
        ),
        (400, {"error": "invalid_grant", "error_description": "username or password is wrong"}, "is wrong"),
    ],
)
def test_r52_a_refusal_is_said_once_and_in_words(
    platform: Platform, client: PlatformClient, code: int, body: dict[str, object], wanted: str
) -> None:
    platform.answers = {"POST 8080/api/adjustments": (code, body)}
    with pytest.raises(NoAnswerError, match=f"{re.escape(wanted)}$"):
        client.post("http://127.0.0.1:8080/api/adjustments", "t1", {})
