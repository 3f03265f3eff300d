"""The machine's owner: whoever can read a file of mode 600 may halt, lift and cancel all, from this machine alone.

It is the way that needs no password, no Redis and no patience, for the moment when one of them is what is broken.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
from pathlib import Path

from common.errors import ConfigError
from pydantic import SecretStr

from gateway.auth.roles import Role
from gateway.auth.users import Caller

OWNER = "@owner"
"""The actor in halts and audits; no user can be called so."""
OWNER_PREFIX = "owner-"
FOREVER_NS = 2**62


def read_or_make(path: Path) -> SecretStr:
    """Return the token of the file, made on the first start; ConfigError when others can read it or it is empty."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    token = OWNER_PREFIX + secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    return SecretStr(token)


def _read(path: Path) -> SecretStr:
    if path.stat().st_mode & 0o077:
        raise ConfigError([f"{path}: others may read it; chmod 600, or remove it and a new one is made"])
    token = path.read_text(encoding="utf-8").strip()
    if not token.startswith(OWNER_PREFIX):
        raise ConfigError([f"{path}: holds no owner's token; remove it and a new one is made"])
    return SecretStr(token)


def owner(token: str, address: str, expected: SecretStr | None) -> Caller | None:
    """Return the owner when the token is right and comes from this machine, else None."""
    if expected is None or not _is_loopback(address):
        return None
    if not hmac.compare_digest(token.encode(), expected.get_secret_value().encode()):
        return None
    return Caller(OWNER, "the machine's owner", frozenset(Role), FOREVER_NS)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
