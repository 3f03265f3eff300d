"""Give a data directory what a platform needs before its first start: an identity, passwords, server configuration.

`mm up` calls it for local processes and the container deployment runs it once as `python -m toolkit.setup`. Calling it
again changes nothing but the server configuration, which follows the ports.
"""

import argparse
import os
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.bus.accounts import STREAMS_ACCOUNT, render_server_config
from common.bus.features import OLDEST, Features, features_of
from common.bus.permissions import USERS
from common.signing.roles import ROLES
from common.versions import Version, version_in

from toolkit.keys.keyring import KeyPlaces, Keyring, role_of
from toolkit.keys.private_files import write_private, write_public
from toolkit.layout import (
    ROOT_KEY,
    SIGNING_KEY,
    admin_token_file,
    nats_config_file,
    nats_password_file,
    nats_store_dir,
    platform_id_file,
    redis_config_file,
    redis_password_file,
    redis_store_dir,
    secrets_dir,
    unsealed_file,
)

PASSWORD_BYTES = 24
REDIS_MAX_MEMORY = "256mb"
GLOBAL_ACCOUNT = "$G"
"""Where a broker without accounts keeps streams."""
QUIET_S = 2.0
"""A store in use is written to more often: leases are renewed several times a second."""
STILL_WRITTEN_S = 10.0


@dataclass(frozen=True)
class Addresses:
    """Where the two servers listen."""

    host: str
    nats_port: int
    nats_monitor_port: int
    redis_port: int


def prepare(
    data_dir: Path,
    addresses: Addresses,
    platform_id: str | None = None,
    places: KeyPlaces | None = None,
    *,
    features: Features = OLDEST,
) -> str:
    """Create what is missing, write the server configuration, and return the platform id (generated unless given).

    `places` says where keys lie when the services do not share this data directory. `features` are those of the broker
    that will read the configuration; by itself there is nothing in it that an old one would refuse.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets_dir(data_dir).mkdir(exist_ok=True, mode=0o700)
    for store in (nats_store_dir(data_dir), redis_store_dir(data_dir)):
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
    give_streams_their_account(nats_store_dir(data_dir))
    kept_id = _once(platform_id_file(data_dir), lambda: platform_id or uuid.uuid4().hex)
    if platform_id not in (None, kept_id):
        raise ValueError(f"platform-id {platform_id}: {data_dir} belongs to platform {kept_id}")
    keyring = Keyring(places or KeyPlaces.of(data_dir), kept_id)
    if not keyring.exists() and any(nats_store_dir(data_dir).iterdir()):
        # Before the keys: a set-up that dies in between must not forget it.
        write_public(unsealed_file(data_dir), b"this data directory is older than its keys: ./mm keys seal\n")
    keyring.ensure()
    passwords = {user: _once(nats_password_file(data_dir, user), _password) for user in USERS}
    redis_password = _once(redis_password_file(data_dir), _password)
    _once(admin_token_file(data_dir), _password)
    nats_config = render_server_config(
        passwords,
        store_dir=str(nats_store_dir(data_dir)),
        host=addresses.host,
        port=addresses.nats_port,
        monitor_port=addresses.nats_monitor_port,
        features=features,
    )
    write_private(nats_config_file(data_dir), nats_config)
    write_private(redis_config_file(data_dir), redis_config(addresses, redis_store_dir(data_dir), redis_password))
    return kept_id


def give_streams_their_account(store: Path) -> None:
    """Move streams that a broker without accounts left into the account they have now; ValueError when it still writes.

    The broker keeps an account's streams in a folder of the account's name, so all of them, with their readers'
    positions, move by one rename.
    """
    old, new = (store / "jetstream" / account for account in (GLOBAL_ACCOUNT, STREAMS_ACCOUNT))
    if not old.is_dir() or new.exists():
        return
    deadline_s = time.monotonic() + STILL_WRITTEN_S
    while time.time() - max(path.stat().st_mtime for path in (old, *old.rglob("*"))) < QUIET_S:
        if time.monotonic() > deadline_s:
            raise ValueError(f"{old}: a broker still writes here; stop it before its streams are moved")
        time.sleep(QUIET_S / 4)
    old.rename(new)


def redis_config(addresses: Addresses, store: Path, password: str) -> str:
    """Return the positions store's configuration: every write within a second on disk, never evicting."""
    return f"""\
bind {addresses.host}
port {addresses.redis_port}
daemonize no
requirepass {password}
dir {store}
appendonly yes
appendfsync everysec
save ""
maxmemory {REDIS_MAX_MEMORY}
maxmemory-policy noeviction
"""


def give_to(place: Path, uid: int) -> None:
    """Make a user the owner of a volume: containers run without root, new volumes belong to root."""
    for path in (place, *place.rglob("*")):
        os.chown(path, uid, uid)


def _once(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_private(path, make())
    return path.read_text().strip()


def _password() -> str:
    return secrets.token_hex(PASSWORD_BYTES)


def _places(data_dir: Path, states: Sequence[Path], root_dir: Path | None) -> KeyPlaces:
    """Return where keys lie: a service that has a volume of its own finds its key there and nowhere else."""
    places = KeyPlaces.of(data_dir)
    own = {state.name: state / SIGNING_KEY for state in states if role_of(state.name) in ROLES}
    return replace(
        places,
        root_private=root_dir / ROOT_KEY if root_dir is not None else places.root_private,
        signing_keys=own or places.signing_keys,
    )


def _version(text: str) -> Version:
    found = version_in(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be three numbers such as 2.14.0, is {text!r}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m toolkit.setup", description=prepare.__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="address the servers listen on")
    parser.add_argument("--nats-port", type=int, default=4222)
    parser.add_argument("--nats-monitor-port", type=int, default=8222)
    parser.add_argument("--redis-port", type=int, default=6379)
    parser.add_argument("--nats-version", type=_version, help="of the broker that will read its configuration")
    parser.add_argument("--platform-id", help="name of the installation; generated unless given")
    parser.add_argument("--owner", type=int, metavar="UID", help="give everything to this user (needs root)")
    parser.add_argument("--state", type=Path, action="append", default=[], help="a service's own volume")
    parser.add_argument("--root-key-dir", type=Path, help="folder of the root key, which signs the list of public keys")
    options = parser.parse_args()
    addresses = Addresses(options.host, options.nats_port, options.nats_monitor_port, options.redis_port)
    places = _places(options.data_dir, options.state, options.root_key_dir)
    features = features_of(options.nats_version)
    platform_id = prepare(options.data_dir, addresses, options.platform_id, places, features=features)
    if options.owner is not None:
        roots = [options.root_key_dir] if options.root_key_dir else []
        for place in (options.data_dir, *options.state, *roots):
            give_to(place, options.owner)
    print(f"platform {platform_id} is set up in {options.data_dir}")


if __name__ == "__main__":
    main()
