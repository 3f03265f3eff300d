import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from toolkit import operate
from toolkit.gateway_client import NoAnswerError, PlatformClient
from toolkit.layout import admin_password_file, admin_token_file
from toolkit.ports import port_map
from toolkit.private_files import write_private

PORTS = port_map(None)

Answers = dict[str, tuple[int, object]]


class Platform:
    """Answers of the ports that listen; every other connection is refused."""

    def __init__(self) -> None:
        self.answers: Answers = {}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
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


def test_a_halt_goes_through_the_gateway_while_it_answers(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {"POST 8080/api/halts": (202, {"id": "h1"})}
    assert operate.halt("bot-1", "news", PORTS, said.append, client) == 0
    assert said == ['halt bot-1: done by the gateway {"id": "h1"}']
    login, halt = platform.asked
    assert b"password=the+password" in login.content
    assert halt.headers["authorization"] == "Bearer t1"
    assert json.loads(halt.content) == {"scope": "bot-1", "reason": "news", "detail": "halted from the command line"}


def test_a_halt_goes_to_the_quoter_when_the_gateway_is_dead(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = {"POST 8103/halt": (202, {})}
    assert operate.halt("global", "person", PORTS, said.append, client) == 0
    assert said[-1] == "halt global: done by the quoter"
    assert platform.asked[-1].headers["authorization"] == "Bearer the token"


def test_a_gateway_that_fails_is_passed_over_and_its_reason_said(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {
        "POST 8080/api/cancel-all": (503, {"error": "bus away"}),
        "POST 8103/cancel-all": (202, {"open": 0}),
    }
    assert operate.cancel_all(PORTS, said.append, client) == 0
    assert "503" in said[0]
    assert "bus away" in said[0]
    assert said[1] == 'cancel-all: done by the quoter {"open": 0}'


def test_cancel_all_goes_to_the_watchdog_when_gateway_and_quoter_are_dead(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = {"POST 8110/cancel-all": (202, {})}
    assert operate.cancel_all(PORTS, said.append, client) == 0
    assert platform.called() == ["POST 8080/oauth/token", "POST 8103/cancel-all", "POST 8110/cancel-all"]


@pytest.mark.parametrize("command", [operate.cancel_all])
def test_what_nobody_did_is_said_loudly_and_fails(
    client: PlatformClient, said: list[str], command: Callable[..., int]
) -> None:
    assert command(PORTS, said.append, client) == 1
    assert said[-1] == "cancel-all: NOT DONE, nobody could be reached"


def test_a_lift_goes_through_the_gateway_and_nowhere_else(
    platform: Platform, client: PlatformClient, said: list[str]
) -> None:
    platform.answers = LOGIN | {"DELETE 8080/api/halts/account-mm1/news": (200, {})}
    assert operate.lift("account-mm1", "news", PORTS, said.append, client) == 0
    platform.answers = {}
    assert operate.lift("account-mm1", "news", PORTS, said.append, client) == 1
    assert not any(":8103" in str(request.url) for request in platform.asked)


@pytest.mark.parametrize("scope", ["", "all", "bot-", "bot-x", "venue-a.b", "account-", "global "])
def test_a_scope_that_does_not_exist_is_refused_with_its_rule(client: PlatformClient, scope: str) -> None:
    with pytest.raises(ValueError, match="must be global, venue-X, account-X, bot-N or currency-C"):
        operate.halt(scope, "person", PORTS, print, client)


@pytest.mark.parametrize("reason", ["", "a b", "a.b", "x" * 65])
def test_a_reason_that_cannot_be_a_subject_is_refused_with_its_rule(client: PlatformClient, reason: str) -> None:
    with pytest.raises(ValueError, match="must be 1 to 64 letters"):
        operate.lift("global", reason, PORTS, print, client)


def test_a_login_without_token_is_an_answer_nobody_can_use(platform: Platform, client: PlatformClient) -> None:
    platform.answers = {"POST 8080/oauth/token": (200, {"unexpected": 1})}
    with pytest.raises(NoAnswerError, match="holds no access_token"):
        client.login("http://127.0.0.1:8080")


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    with PlatformClient(tmp_path) as client, pytest.raises(NoAnswerError, match="admin-password: No such file"):
        client.login("http://127.0.0.1:8080")
