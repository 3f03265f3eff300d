"""Where a service finds its surroundings: environment variables beginning with MM_, checked once at start."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from common.errors import ConfigError
from common.leases.lease import TTL_MS_MAX

PREFIX = "MM_"


def _redis_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if parts.password or parts.query:
        raise ValueError("must be an address only: the password comes from MM_REDIS_PASSWORD_FILE")
    return url


RedisAddress = Annotated[str, AfterValidator(_redis_address)]
"""Where a Redis server listens; its password is a file of its own."""


class ServiceSettings(BaseSettings):
    """What every service needs to know; services add their own fields in a subclass."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    nats_url: str = Field(default="nats://127.0.0.1:4222", pattern=r"^(nats|tls)://[^/@\s]+$")
    """Host and port, without a login: that comes from `nats_user` and its password file."""
    nats_user: str = ""
    """Empty: the service's own name."""
    nats_password_file: Path | None = None
    admin_host: str = "127.0.0.1"
    admin_port: int = Field(default=0, ge=0, le=65_535)
    """0 picks a free port."""
    admin_token_file: Path | None = None
    """Bearer token for state, explanations and commands on the admin port; without it they are refused."""
    signing_key_file: Path | None = None
    """This process's own private key, mode 600; every service needs one."""
    public_keys_file: Path | None = None
    """Everybody's public keys, in the list the set-up signs."""
    root_key_file: Path | None = None
    """The public half of the key that signs that list."""
    allowed_hosts: str = ""
    """Names, separated by commas, under which its ports may be asked besides loopback's and the service's own."""
    data_dir: Path = Path(".mm")
    config_dir: Path = Path("config")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    platform_id: str = ""
    """Shared by the keys, the streams, Redis and the data directory of one installation; the set-up makes it."""
    platform_id_file: Path | None = None
    """Where the set-up wrote it, instead of `platform_id`."""
    instance: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    """Names this process in leases. A supervisor gives a restarted process the name of its predecessor."""
    lease_ttl_ms: int = Field(default=2_000, ge=300, le=TTL_MS_MAX)
    replicas: int = Field(default=1, ge=1, le=5)
    """Copies of each stream in the NATS cluster."""
    count_objects: bool = False
    """Tell in /metrics how many objects of each type live: a look takes tens of milliseconds, so for soak runs only."""

    @model_validator(mode="before")
    @classmethod
    def _read_platform_id(cls, values: Any) -> Any:
        file = values.get("platform_id_file")
        if file and not values.get("platform_id"):
            try:
                values = values | {"platform_id": Path(file).read_text(encoding="utf-8").strip()}
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"platform_id_file: cannot read {file}: {type(error).__name__}") from None
        return values

    def nats_password(self) -> SecretStr | None:
        return read_secret(self.nats_password_file, "MM_NATS_PASSWORD_FILE")

    def admin_token(self) -> SecretStr | None:
        return read_secret(self.admin_token_file, "MM_ADMIN_TOKEN_FILE")


S = TypeVar("S", bound=ServiceSettings)


def load_settings(cls: type[S], service: str) -> S:
    """Read the environment; ConfigError lists every unknown name and every bad value at once."""
    known = {f"{PREFIX}{name.upper()}" for name in cls.model_fields}
    faults = [
        f"{name}: not a setting of {service}; it knows {', '.join(sorted(known))}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    ]
    try:
        settings = cls()
    except ValidationError as error:
        faults += [
            f"{PREFIX}{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise ConfigError(faults) from None
    except SettingsError as error:
        # A list or mapping that is not JSON: 'error parsing value for field "symbols" from source ...'.
        raise ConfigError([*faults, f"{PREFIX}*: {error}"]) from None
    if faults:
        raise ConfigError(faults)
    return settings


def read_secret(path: Path | None, name: str) -> SecretStr | None:
    """Read a secret from its file; ConfigError names the setting, never the content."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{name}: cannot read {path}: {type(error).__name__}"]) from None
    if not text:
        raise ConfigError([f"{name}: {path} is empty"])
    return SecretStr(text)
