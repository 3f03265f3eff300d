"""Stop trading from the command line, whatever still answers: the gateway, else the quoter, else the watchdog."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from toolkit.gateway_client import NoAnswerError, PlatformClient
from toolkit.ports import Ports

SCOPE_PATTERN = re.compile(r"global|venue-[A-Za-z0-9_-]+|account-[A-Za-z0-9_-]+|bot-[0-9]+|currency-[A-Za-z0-9_-]+")
REASON_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")

SCOPE_RULE = "must be global, venue-X, account-X, bot-N or currency-C"
REASON_RULE = "must be 1 to 64 letters, digits, - or _"

# The reason of a halt that a person gives without naming one.
DEFAULT_REASON = "person"

Report = Callable[[str], None]
Way = tuple[str, Callable[[], Any]]


def halt(scope: str, reason: str, ports: Ports, report: Report, client: PlatformClient) -> int:
    """Refuse new and amended orders in a scope; return the exit code."""
    check_scope(scope)
    check_reason(reason)
    body = {"scope": scope, "reason": reason, "detail": "halted from the command line"}
    ways = [
        _by_gateway(ports, client, lambda url, token: client.post(f"{url}/api/halts", token, body)),
        ("quoter", lambda: client.post(f"{_admin(ports.quoter_admin)}/halt", client.admin_token(), body)),
    ]
    return first_to_do(f"halt {scope}", ways, report)


def lift(scope: str, reason: str, ports: Ports, report: Report, client: PlatformClient) -> int:
    """Take back one reason of a halt; only the gateway can, since a person answers for it."""
    check_scope(scope)
    check_reason(reason)
    path = f"/api/halts/{quote(scope, safe='')}/{quote(reason, safe='')}"
    ways = [_by_gateway(ports, client, lambda url, token: client.delete(f"{url}{path}", token))]
    return first_to_do(f"lift {scope} {reason}", ways, report)


def cancel_all(ports: Ports, report: Report, client: PlatformClient) -> int:
    """Cancel every order of ours and have the venue asked that none rests; return the exit code."""
    ways = [
        _by_gateway(ports, client, lambda url, token: client.post(f"{url}/api/cancel-all", token, {})),
        ("quoter", lambda: client.post(f"{_admin(ports.quoter_admin)}/cancel-all", client.admin_token(), {})),
        ("watchdog", lambda: client.post(f"{_admin(ports.watchdog_admin)}/cancel-all", client.admin_token(), {})),
    ]
    return first_to_do("cancel-all", ways, report)


def first_to_do(what: str, ways: Sequence[Way], report: Report) -> int:
    """Try one way after the other; return 0 when one did it, 1 when none could, having said why each could not."""
    for who, way in ways:
        try:
            answer = way()
        except NoAnswerError as error:
            report(f"{who} could not: {error}")
            continue
        report(f"{what}: done by the {who}{_shown(answer)}")
        return 0
    report(f"{what}: NOT DONE, nobody could be reached")
    return 1


def check_scope(scope: str) -> None:
    if SCOPE_PATTERN.fullmatch(scope) is None:
        raise ValueError(f"scope {scope!r}: {SCOPE_RULE}")


def check_reason(reason: str) -> None:
    if REASON_PATTERN.fullmatch(reason) is None:
        raise ValueError(f"reason {reason!r}: {REASON_RULE}")


def _by_gateway(ports: Ports, client: PlatformClient, ask: Callable[[str, str], Any]) -> Way:
    url = f"http://127.0.0.1:{ports.gateway}"
    return ("gateway", lambda: ask(url, client.login(url)))


def _admin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _shown(answer: Any) -> str:
    return f" {json.dumps(answer)}" if answer else ""
