"""Send money from one of our accounts to another, at another venue of the simulated exchange.

The gateway takes it, with who and why on record. Where none answers, whoever can read the keys sends it himself: under
the same number, so that what the gateway may have taken is not sent a second time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from toolkit.layout import exchange_dir
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient

OWN_VENUE = "degen"
"""What the exchange calls itself among its venues."""
TIMEOUT_S = 10.0
WAIT_S = 15.0
"""How long it is waited for the money to leave the account."""
LOOK_S = 0.25
LEFT = ("under_way", "done")
"""The states in which it has left the account that pays."""
Report = Callable[[str], None]


class Place(NamedTuple):
    """Where an account is: the venue's name, its part of the exchange's address, and the key that may send."""

    venue: str
    path: str
    key: dict[str, Any]


def place_of(data_dir: Path, account: str) -> Place:
    """Return where an account is; NoAnswerError where no venue of this platform has it, or several have."""
    own = exchange_dir(data_dir)
    found = [
        (path, folder)
        for path, folder in [("", own), *((f"/venues/{each.name}", each) for each in sorted(own.glob("venues/*")))]
        if (folder / "transfer-keys" / f"{account}.json").is_file()
    ]
    if len(found) != 1:
        raise NoAnswerError(f"account {account} is at {len(found) or 'none'} of the venues that can send money")
    path, folder = found[0]
    try:
        (key,) = json.loads((folder / "transfer-keys" / f"{account}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoAnswerError(f"the transfer key of {account} cannot be read: {type(error).__name__}") from error
    return Place(folder.name.upper() if path else OWN_VENUE, path, key)


def ask(
    client: PlatformClient,
    gateway_url: str,
    accounts: tuple[str, str],
    amount: tuple[str, str],
    number: int,
    why: str,
    report: Report,
    wait_s: float = WAIT_S,
) -> bool:
    """Ask the gateway for a transfer and say what it has come to; False where no gateway answers at all.

    NoAnswerError says why it was refused, or that nobody knows yet.
    """
    try:
        client.knock(gateway_url)
    except NoAnswerError:
        return False
    again = f"the same command with --number {number} sends it once"
    body = {
        "account": accounts[0],
        "to_account": accounts[1],
        "amount": amount[0],
        "currency": amount[1],
        "reason": why,
        "client_transfer_id": str(number),
    }
    token = client.login(gateway_url)
    row: Mapping[str, Any] = client.post(f"{gateway_url}/api/transfers", token, body)["transfer"]
    until = time.monotonic() + wait_s
    while row["state"] not in LEFT:
        if row["state"] == "refused":
            raise NoAnswerError(f"not sent: {row['refused']}")
        if time.monotonic() > until:
            raise NoAnswerError(f"{row['state']}, and {accounts[0]} has not paid yet; {again}")
        time.sleep(LOOK_S)
        row = _listed(client, gateway_url, token, accounts[0], number) or row
    sent = f"{row['amount']} {row['currency']} from {row['account']} at {row['venue']}"
    report(f"{row['transfer_id']}: {sent} to {row['to_account']} at {row['to_venue']}, {_arrival(row)}")
    return True


def _listed(
    client: PlatformClient, gateway_url: str, token: str, account: str, number: int
) -> Mapping[str, Any] | None:
    rows: list[Mapping[str, Any]] = client.get(f"{gateway_url}/api/transfers", token)["transfers"]
    wanted = (account, str(number))
    return next((row for row in rows if (row["account"], row["client_transfer_id"]) == wanted), None)


def _arrival(row: Mapping[str, Any]) -> str:
    if row["state"] == "done":
        return "arrived"
    return f"there in {max(0, row['due_ns'] - row['changed_ns']) // 1_000_000_000} s"


def send(
    data_dir: Path,
    exchange_url: str,
    accounts: tuple[str, str],
    amount: tuple[str, str],
    number: int,
    report: Report,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Send an amount and its currency from the first account to the second; say under which id and when it arrives.

    A `number` that was used before sends nothing more, and is answered with what was sent. NoAnswerError says why
    nothing was sent, or that nobody knows.
    """
    source, target = (place_of(data_dir, account) for account in accounts)
    with httpx.Client(
        base_url=exchange_url + source.path, timeout=TIMEOUT_S, trust_env=False, transport=transport
    ) as http:
        try:
            login = http.post("/auth/login", json={name: source.key[name] for name in ("api_key", "api_secret")})
            headers = {"Authorization": f"Bearer {login.raise_for_status().json()['token']}"}
            body = {
                "client_transfer_id": str(number),
                "amount": amount[0],
                "currency": amount[1],
                "to_venue": target.venue,
                "to_account": accounts[1],
            }
            answer = http.post("/transfers", json=body, headers=headers)
            document = answer.json()
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise NoAnswerError(
                f"the exchange does not answer ({type(error).__name__}); the same command with --number {number} "
                "sends it once"
            ) from error
    sent = document.get("transfer")
    if sent is None:
        raise NoAnswerError(f"not sent: {document.get('error', {}).get('message', answer.status_code)}")
    wait_s = max(0, sent["due_ns"] - sent["sent_ns"]) // 1_000_000_000
    report(
        f"{sent['transfer_id']}: {sent['amount']} {sent['currency']} from {sent['from_account']} at "
        f"{sent['from_venue']} to {sent['to_account']} at {sent['to_venue']}, there after {wait_s} s"
    )
