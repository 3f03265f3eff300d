"""Where everything lies inside a data directory: secrets, server configuration, state, logs."""

from pathlib import Path

ROOT_KEY = "root-key"
SIGNING_KEY = "signing-key"


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


def owner_token_file(data_dir: Path) -> Path:
    """Written by the gateway on its first start: opens halt, lift and cancel-all for whoever can read it."""
    return data_dir / "gateway" / "owner-token"


def venue_keys_dir(data_dir: Path) -> Path:
    """Where the simulated exchange leaves the keys of the accounts it opens on its first start."""
    return data_dir / "exchange" / "keys"


def exchange_dir(data_dir: Path) -> Path:
    """Where the simulated exchange keeps what it has, keys that may send money among it."""
    return data_dir / "exchange"


def spot_keys_dir(data_dir: Path) -> Path:
    """Where its named spot venues leave theirs, each in a folder of its own: NAME/keys."""
    return data_dir / "exchange" / "venues"


def root_private_file(data_dir: Path) -> Path:
    """The private half of the key that signs the list of public keys; it belongs to the set-up, to no service."""
    return secrets_dir(data_dir) / ROOT_KEY


def root_key_file(data_dir: Path) -> Path:
    return data_dir / "keys" / "root-key.public"


def public_keys_file(data_dir: Path) -> Path:
    return data_dir / "keys" / "public-keys"


def unsealed_file(data_dir: Path) -> Path:
    """There while the streams hold what is older than the keys and nobody has answered for it."""
    return data_dir / "keys" / "unsealed"


def signing_key_file(data_dir: Path, service: str) -> Path:
    """A service's private key, among what is the service's own."""
    return data_dir / service / SIGNING_KEY


def form_file(data_dir: Path) -> Path:
    """Says which builds can read what lies here."""
    return data_dir / "form.json"


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
