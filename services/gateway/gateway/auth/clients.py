"""The programs through which people log in: our page, which says nothing of itself, and those that show a secret.

The page's refresh tokens are good once: one that is shown twice was stolen from a browser. Programs of C2 may send
theirs again as often as they like until the login ends.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from common.errors import ConfigError
from pydantic import SecretStr

API = "api"
"""The client whose secret the first start makes."""
VENDOR, VENDOR_SECRET = "mmwebui", "mm"
"""The client of the vendor's own web page."""


class OAuthClient(NamedTuple):
    """A program that asks for tokens."""

    id: str
    rotates: bool
    """Its refresh tokens are good once."""


PAGE = OAuthClient("page", rotates=True)


class UnknownClient(Exception):
    """What a program says of itself is malformed, unknown or wrong; the text names the rule."""


class OAuthClients:
    """Who may ask for tokens beside the page."""

    def __init__(self, api_secret: SecretStr | None = None, *, vendor: bool = False) -> None:
        self._secrets: dict[str, SecretStr] = {}
        if api_secret is not None:
            self._secrets[API] = api_secret
        if vendor:
            self._secrets[VENDOR] = SecretStr(VENDOR_SECRET)

    def know(self, api_secret: SecretStr) -> None:
        """Let the API's client in by its secret."""
        self._secrets[API] = api_secret

    def identify(self, authorization: str, form: dict[str, str]) -> OAuthClient:
        """Return the client that a request is from, by HTTP Basic or by its form, as RFC 6749 has it.

        Without either it is the page. UnknownClient names what is wrong.
        """
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "basic":
            name, secret = _decoded(credentials)
        elif "client_id" in form and form["client_id"] != PAGE.id:
            name, secret = form["client_id"], form.get("client_secret", "")
        else:
            return PAGE
        known = self._secrets.get(name)
        right = (known or SecretStr(secrets.token_urlsafe())).get_secret_value()
        if not hmac.compare_digest(right.encode(), secret.encode()) or known is None:
            raise UnknownClient("client: unknown, or its secret is wrong")
        return OAuthClient(name, rotates=False)


def _decoded(credentials: str) -> tuple[str, str]:
    try:
        name, colon, secret = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise UnknownClient("authorization: Basic must hold base64 of client:secret")
    return name, secret


def read_or_make_secret(path: Path) -> SecretStr:
    """Return the secret of the API's client from its file, made where there is none; ConfigError where it is empty."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = path.read_text(encoding="utf-8").strip()
        if not kept:
            raise ConfigError([f"{path}: is empty; remove it, a new secret is then generated"]) from None
        return SecretStr(kept)
    made = secrets.token_urlsafe(24)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    return SecretStr(made)
