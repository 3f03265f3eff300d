"""Stop trading from the command line, whatever still answers: the gateway, else the quoter, else the watchdog."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from common.emptying import rows_of
from common.halts import check_reason, check_scope

from toolkit.operating.gateway_client import NoAnswerError, NotLetInError, PlatformClient, RefusedError
from toolkit.ports import Ports

Report = Callable[[str], None]
Way = tuple[str, str, Callable[[], Any]]
"""Who is asked, its address, and how."""


def halt(
    scope: str, reason: str, ports: Ports, report: Report, client: PlatformClient, *, keep_resting: bool = False
) -> int:
    """Cancel what rests in a scope and refuse new orders there; return the exit code."""
    _checked("scope", check_scope, scope)
    _checked("reason", check_reason, reason)
    body = {"scope": scope, "reason": reason, "detail": "halted from the command line", "keep_resting": keep_resting}
    door = {**body, "actor": "owner"}
    ways = [
        _by_gateway(ports, client, lambda url, token: client.post(f"{url}/api/halts", token, body)),
        _by_door("quoter", ports.quoter_admin, client, "/halt", door),
        _by_door("watchdog", ports.watchdog_admin, client, "/halt", door),
    ]
    return first_to_do(f"halt {scope}", ways, report, client)


def lift(scope: str, reason: str, ports: Ports, report: Report, client: PlatformClient) -> int:
    """Take back one reason of a halt, however it is written; only the gateway can, since a person answers for it."""
    path = f"/api/halts/{quote(scope, safe='')}/{quote(reason, safe='')}"
    ways = [_by_gateway(ports, client, lambda url, token: client.delete(f"{url}{path}", token))]
    return first_to_do(f"lift {scope} {reason}", ways, report, client)


def cancel_all(ports: Ports, report: Report, client: PlatformClient) -> int:
    """Cancel every order of ours and have the venue confirm that none remains open; return the exit code."""
    body = {"actor": "owner"}
    ways = [
        _by_gateway(ports, client, lambda url, token: client.post(f"{url}/api/cancel-all", token, {})),
        _by_door("quoter", ports.quoter_admin, client, "/cancel-all", body),
        _by_door("watchdog", ports.watchdog_admin, client, "/cancel-all", body),
    ]
    return first_to_do("cancel-all", ways, report, client)


def first_to_do(what: str, ways: Sequence[Way], report: Report, client: PlatformClient) -> int:
    """Try one way after the other; a refusal is an answer and ends it, silence goes on to the next.

    Where there is a next way, a process that stands still is passed by soon: orders rest until somebody cancels them.
    Returns 0 when it was done and, where orders are cancelled, confirmed by the venue; else 1, having said why.
    """
    for who, url, way in ways:
        try:
            if who != ways[-1][0]:
                client.knock(url)
            answer = way()
        except RefusedError as error:
            report(f"{what}: refused by the {who}: {error}")
            return 1
        except NoAnswerError as error:
            report(f"{who} could not: {error}")
            continue
        report(f"{what}: done by the {who}")
        rows = rows_of(answer)
        for row in rows:
            report(f"  {row['said']}")
        services = answer.get("services", []) if isinstance(answer, dict) else []
        others = [each for each in services if each.get("outcome") != "done"]
        for each in others:
            report(f"  {each['service']} {each['outcome']}: {each['detail']}")
        nobody = bool(services) and len(others) == len(services)
        return 0 if all(row.get("confirmed") for row in rows) and not nobody else 1
    report(f"{what}: NOT DONE, none of {', '.join(who for who, _, _ in ways)} did it")
    return 1


def _checked(field: str, check: Callable[[object], str], value: str) -> None:
    try:
        check(value)
    except ValueError as error:
        raise ValueError(f"{field} {value!r}: {error}") from None


def _by_gateway(ports: Ports, client: PlatformClient, ask: Callable[[str, str], Any]) -> Way:
    url = f"http://127.0.0.1:{ports.gateway}"

    def way() -> Any:
        """As the machine's owner; where the gateway does not know his token, with the password of its first start."""
        token = client.owner_token()
        if token is not None:
            try:
                return ask(url, token)
            except NotLetInError:
                pass
        return ask(url, client.login(url))

    return ("gateway", url, way)


def _by_door(who: str, port: int, client: PlatformClient, path: str, body: Mapping[str, Any]) -> Way:
    """At the admin port of a service, which takes commands with the admin token."""
    url = f"http://127.0.0.1:{port}"
    return (who, url, lambda: client.post(f"{url}{path}", client.admin_token(), body))
