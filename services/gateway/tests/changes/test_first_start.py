"""The very first start: an admin nobody else knows, and the bots of the file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from common.errors import BusUnavailable, ConfigError
from common.events import User
from common.testing.spot import EXCHANGES
from gateway.auth.passwords import Passwords
from gateway.changes.bots_file import BotsFile
from gateway.changes.first_start import create_admin, seed
from gateway.context import Context
from gateway.testing.fakes import FakeBus

BOTS_FILE = Path(__file__).parents[4] / "config" / "bots.toml"


async def test_the_admin_gets_a_generated_password_only_we_can_read(
    context: Context, bus: FakeBus, passwords: Passwords, tmp_path: Path
) -> None:
    path = tmp_path / "gateway" / "admin-password"
    assert await create_admin(context, passwords, path)
    password = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (user,) = bus.of(User)
    assert (user.id, user.roles, user.revision) == ("admin", ["admin"], 1)
    assert await passwords.matches(user.password_hash, password)
    assert password not in repr(user)


async def test_a_second_first_start_changes_nothing(
    context: Context, bus: FakeBus, passwords: Passwords, tmp_path: Path
) -> None:
    path = tmp_path / "admin-password"
    await create_admin(context, passwords, path)
    before = path.read_text()
    assert not await create_admin(context, passwords, path)
    assert path.read_text() == before
    assert len(bus.of(User)) == 1


async def test_a_crash_between_file_and_user_is_made_good_by_the_next_start(
    context: Context, bus: FakeBus, passwords: Passwords, tmp_path: Path
) -> None:
    path = tmp_path / "admin-password"
    bus.connected = False
    with pytest.raises(BusUnavailable):
        await create_admin(context, passwords, path)
    written = path.read_text().strip()
    bus.connected = True
    assert await create_admin(context, passwords, path)
    assert await passwords.matches(bus.of(User)[0].password_hash, written)


async def test_the_loser_of_two_replicas_leaves_no_wrong_password_behind(
    context: Context, bus: FakeBus, passwords: Passwords, tmp_path: Path
) -> None:
    assert await create_admin(context, passwords, tmp_path / "one" / "admin-password")
    assert not await create_admin(context, passwords, tmp_path / "two" / "admin-password")
    assert not (tmp_path / "two" / "admin-password").exists()


async def test_an_empty_password_file_is_named_not_used(context: Context, passwords: Passwords, tmp_path: Path) -> None:
    path = tmp_path / "admin-password"
    path.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        await create_admin(context, passwords, path)


async def test_bots_are_seeded_once_by_whichever_replica_comes_first(context: Context, bus: FakeBus) -> None:
    bots = BotsFile(BOTS_FILE).first_bots("demo", 1, EXCHANGES)
    assert await seed(context, bots) == len(bots) == 2
    assert await seed(context, bots) == 0
    assert len(bus.published) == 2
