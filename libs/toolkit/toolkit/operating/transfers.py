"""Send money from one of our accounts to another, at another venue of the simulated exchange.

The key that may do so lies in a folder of its own, which no service of ours reads: whoever can may send.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from toolkit.layout import exchange_dir
from toolkit.operating.gateway_client import NoAnswerError

OWN_VENUE = "degen"
"""What the exchange calls itself among its venues."""
TIMEOUT_S = 10.0


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


def send(
    data_dir: Path,
    exchange_url: str,
    accounts: tuple[str, str],
    amount: tuple[str, str],
    number: int,
    report: Callable[[str], None],
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
