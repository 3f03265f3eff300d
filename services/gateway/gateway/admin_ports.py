"""Orders to the services' own admin ports, which work without bus, ledger and everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import msgspec
from pydantic import SecretStr

COMMAND_TIMEOUT_S = 5.0
DETAIL_CHARS_MAX = 300


class Outcome(NamedTuple):
    """What one service made of a command."""

    service: str
    outcome: str
    """done, refused or unreachable."""
    detail: str


class Answer(NamedTuple):
    """What one service said to a question; status 0 when it said nothing."""

    service: str
    status: int
    document: dict[str, Any]


class AdminPorts:
    """The admin ports of the services, by name, and the token that opens their commands."""

    def __init__(self, urls: Mapping[str, str], token: SecretStr | None, client: httpx.AsyncClient) -> None:
        self._urls = {name: url.rstrip("/") for name, url in urls.items()}
        self._token, self._client = token, client

    def named(self, role: str) -> list[str]:
        """Return the services of a role: 'quoter' and, where there are several, 'quoter-…'."""
        return [name for name in self._urls if name == role or name.startswith(f"{role}-")]

    async def order(self, service: str, command: str, document: Mapping[str, Any]) -> Outcome:
        """Send one command and return what came of it; silence is 'unreachable', never an error."""
        headers = {"content-type": "application/json"}
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.get_secret_value()}"
        try:
            answer = await self._client.post(
                f"{self._urls[service]}/{command}",
                content=msgspec.json.encode(document),
                headers=headers,
                timeout=COMMAND_TIMEOUT_S,
            )
        except httpx.HTTPError as error:
            return Outcome(service, "unreachable", type(error).__name__)
        outcome = "done" if answer.is_success else "refused"
        return Outcome(service, outcome, answer.text[:DETAIL_CHARS_MAX])

    async def ask(self, service: str, page: str, query: Mapping[str, str]) -> Answer:
        """Return what a service answers on one of its pages; silence and nonsense are status 0, never an error."""
        try:
            answer = await self._client.get(
                f"{self._urls[service]}/{page}", params=dict(query), timeout=COMMAND_TIMEOUT_S
            )
            return Answer(service, answer.status_code, msgspec.json.decode(answer.content, type=dict[str, Any]))
        except (httpx.HTTPError, msgspec.DecodeError):
            return Answer(service, 0, {})
