"""Who may do what: API keys with scopes, the tokens they buy, and the rate each key may use."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from exchange.market.markets import NS_PER_S
from exchange.market.refusals import Refusal

SCOPES: Final = ("read", "trade", "cancel", "transfer", "admin")
LIFETIME_MIN_S: Final = 60
LIFETIME_MAX_S: Final = 86_400
LIFETIME_DEFAULT_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class Key:
    """An API key of an account; the secret is known only by its hash."""

    account: str
    name: str
    api_key: str
    secret_sha256: bytes
    scopes: tuple[str, ...]

    @classmethod
    def of(cls, account: str, name: str, api_key: str, api_secret: str, scopes: tuple[str, ...]) -> Key:
        return cls(account, name, api_key, hashlib.sha256(api_secret.encode()).digest(), scopes)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token allows, and until when."""

    key: Key
    expires_ns: int

    def may(self, *scopes: str) -> bool:
        return any(scope in self.key.scopes for scope in scopes)

    def need(self, *scopes: str) -> None:
        if not self.may(*scopes):
            raise Refusal("scope_missing", f"needs scope {' or '.join(scopes)}")


class Keyring:
    """All keys, and the JWTs (HS256) made for them; tokens of another run are worthless."""

    def __init__(self, keys: list[Key], signing_secret: bytes) -> None:
        self._keys = {key.api_key: key for key in keys}
        self._signing_secret = signing_secret
        self._tokens_made = 0

    def login(self, api_key: object, api_secret: object, lifetime_s: int, now_ns: int) -> tuple[str, Grant]:
        """A token for a key, and what it grants."""
        key = self._keys.get(api_key) if isinstance(api_key, str) else None
        given = hashlib.sha256(api_secret.encode() if isinstance(api_secret, str) else b"").digest()
        known = key.secret_sha256 if key is not None else bytes(32)
        if not hmac.compare_digest(given, known) or key is None:
            raise Refusal("bad_credentials", "api_key or api_secret is wrong")
        self._tokens_made += 1
        issued_s = now_ns // NS_PER_S
        claims = {
            "sub": key.account,
            "name": key.name,
            "key": key.api_key,
            "scopes": list(key.scopes),
            "iat": issued_s,
            "exp": issued_s + lifetime_s,
            "jti": str(self._tokens_made),
        }
        return self._sign(claims), Grant(key, (issued_s + lifetime_s) * NS_PER_S)

    def grant(self, token: object, now_ns: int) -> Grant:
        """What a token allows; refused when it was not made here or is over."""
        claims = self._verified(token) if isinstance(token, str) else None
        key = self._keys.get(str(claims["key"])) if claims is not None else None
        if claims is None or key is None:
            raise Refusal("not_logged_in", "the token is not one of this venue's", "token")
        expires_ns = int(claims["exp"]) * NS_PER_S
        if now_ns >= expires_ns:
            raise Refusal("token_expired", "the token's time is over: log in again", "token")
        return Grant(key, expires_ns)

    def _sign(self, claims: dict[str, Any]) -> str:
        signed = f"{_HEAD}.{_base64url(msgspec.json.encode(claims))}"
        return f"{signed}.{_base64url(self._mac(signed))}"

    def _verified(self, token: str) -> dict[str, Any] | None:
        parts = token.split(".")
        if len(parts) != 3 or not token.isascii():
            return None
        # The signature is made over our own header only, so a token cannot choose its algorithm.
        expected = _base64url(self._mac(f"{_HEAD}.{parts[1]}"))
        if not hmac.compare_digest(expected, parts[2]):
            return None
        claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return claims

    def _mac(self, signed: str) -> bytes:
        return hmac.new(self._signing_secret, signed.encode(), hashlib.sha256).digest()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_HEAD: Final = _base64url(b'{"alg":"HS256","typ":"JWT"}')


@dataclass(slots=True)
class Bucket:
    """A token bucket: `per_s` requests a second, `burst` at once."""

    per_s: int
    burst: int
    level: float = field(default=0.0)
    filled_ns: int | None = None

    def spend(self, count: int, now_ns: int) -> int:
        """Take `count` tokens and return 0, or take none and return how many ms to wait."""
        if self.filled_ns is None:
            self.level = float(self.burst)
        else:
            self.level = min(self.burst, self.level + (now_ns - self.filled_ns) * self.per_s / NS_PER_S)
        self.filled_ns = now_ns
        if self.level >= count:
            self.level -= count
            return 0
        return max(1, -(-int((count - self.level) * 1_000) // self.per_s))


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second and at once, for each key."""

    orders_per_s: int = 2_000
    orders_burst: int = 4_000
    cancels_per_s: int = 4_000
    cancels_burst: int = 8_000
    reads_per_s: int = 200
    reads_burst: int = 400


class Budgets:
    """One bucket per key and kind; cancels have their own, so a spent order budget never blocks them."""

    def __init__(self, rates: Rates) -> None:
        self._sizes = {
            "orders": (rates.orders_per_s, rates.orders_burst),
            "cancels": (rates.cancels_per_s, rates.cancels_burst),
            "reads": (rates.reads_per_s, rates.reads_burst),
        }
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def spend(self, key: Key, kind: str, count: int, now_ns: int) -> None:
        bucket = self._buckets.get((key.api_key, kind))
        if bucket is None:
            bucket = self._buckets[key.api_key, kind] = Bucket(*self._sizes[kind])
        if wait_ms := bucket.spend(count, now_ns):
            raise Refusal("rate_limited", f"budget of {kind} is spent", retry_after_ms=wait_ms)
