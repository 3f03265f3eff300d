"""Where everything lies inside a data directory: secrets, server configuration, state, logs."""

from pathlib import Path


def secrets_dir(data_dir: Path) -> Path:
    return data_dir / "secrets"


def nats_password_file(data_dir: Path, user: str) -> Path:
    return secrets_dir(data_dir) / f"nats-{user}"


def redis_password_file(data_dir: Path) -> Path:
    return secrets_dir(data_dir) / "redis"


def admin_token_file(data_dir: Path) -> Path:
    """The bearer token of the admin ports' commands (halt, cancel-all)."""
    return secrets_dir(data_dir) / "admin-token"


def admin_password_file(data_dir: Path) -> Path:
    """Written by the gateway on its first start, with the password of the user `admin`."""
    return data_dir / "gateway" / "admin-password"


def venue_keys_dir(data_dir: Path) -> Path:
    """Where the simulated exchange leaves the keys of the accounts it opens on its first start."""
    return data_dir / "exchange" / "keys"


def platform_id_file(data_dir: Path) -> Path:
    return data_dir / "platform-id"


def nats_config_file(data_dir: Path) -> Path:
    return data_dir / "nats" / "nats.conf"


def nats_store_dir(data_dir: Path) -> Path:
    return data_dir / "nats" / "store"


def redis_config_file(data_dir: Path) -> Path:
    return data_dir / "redis" / "redis.conf"


def redis_store_dir(data_dir: Path) -> Path:
    return data_dir / "redis" / "store"
