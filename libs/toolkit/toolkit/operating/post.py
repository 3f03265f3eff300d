"""Correct the books from the command line: propose an adjustment, and as another person approve or reject it."""

import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from toolkit.operating.gateway_client import ADMIN, NoAnswerError, PlatformClient

PASSWORD_BYTES_MAX = 1_024

Report = Callable[[str], None]


def token_of(client: PlatformClient, url: str, user: str, password_file: Path | None) -> str:
    """Log a person in and return the token: the password is read from a file or asked on the terminal, never given.

    Without a file `admin` is logged in with the generated password, as by the other commands.
    """
    if password_file is not None:
        return client.login_as(url, user, _password_in(password_file))
    if user == ADMIN:
        return client.login(url)
    return client.login_as(url, user, getpass.getpass(f"password of {user}: "))


def propose(client: PlatformClient, url: str, token: str, proposal: Mapping[str, str], report: Report) -> None:
    """Propose an adjustment; say what it is and who may approve it."""
    made = client.post(f"{url}/api/adjustments", token, proposal)["adjustment"]
    report(line(made))
    report(f"another user with the role risk approves it: ./mm post approve {made['adjustment_id']} --user NAME")


def decide(client: PlatformClient, url: str, token: str, adjustment_id: str, verb: str, report: Report) -> None:
    """Approve or reject a proposal."""
    path = f"/api/adjustments/{quote(adjustment_id, safe='')}/{verb}"
    report(line(client.post(f"{url}{path}", token, {})["adjustment"]))


def listed(client: PlatformClient, url: str, token: str, report: Report) -> None:
    """List the newest adjustments."""
    found = client.get(f"{url}/api/adjustments", token)["adjustments"]
    for adjustment in found:
        report(line(adjustment))
    if not found:
        report("no adjustment was ever proposed")


def line(adjustment: Mapping[str, Any]) -> str:
    """Return an adjustment as one line."""
    moved = f"{adjustment['cash']} {adjustment['currency']}"
    for outcome in ("yes", "no"):
        lots = adjustment[f"{outcome}_lots"]
        moved += f", {lots:+d} {outcome.upper()} of {adjustment['symbol']}" if lots else ""
    if lots := adjustment.get("lots"):
        moved += f", {lots:+d} lots of {adjustment['symbol']}"
    people = f"proposed by {adjustment['proposed_by']}"
    people += f", {adjustment['state']} by {adjustment['decided_by']}" if adjustment["decided_by"] else ""
    return (
        f"{adjustment['adjustment_id']}  {adjustment['state']:8}  {adjustment['account']}: {moved}, bot "
        f"{adjustment['algo_id']} ({adjustment['reason']}); {people}"
    )


def _password_in(path: Path) -> str:
    try:
        return path.read_text()[:PASSWORD_BYTES_MAX].strip()
    except OSError as error:
        raise NoAnswerError(f"{path}: {error.strerror}") from error
