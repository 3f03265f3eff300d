"""The very first start: an admin nobody else knows, and the bots of the file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from common.bots import KINDS
from common.errors import BusUnavailable, ConfigError
from common.events import User
from common.testing.spot import BTCJPY, EXCHANGES
from gateway.auth.passwords import Passwords
from gateway.changes.first_start import BotsFile, create_admin, seed_bots
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


def test_our_own_bots_file_is_good_and_runs_only_in_its_profiles() -> None:
    file = BotsFile(BOTS_FILE)
    demo, spot = file.first_bots("demo", 1, EXCHANGES), file.first_bots("spot", 1, EXCHANGES)
    assert [(bot.kind, bot.running) for bot in demo] == [("binary", True), ("fixed", True)]
    assert [bot.running for bot in spot] == [False, False]
    assert demo[0].revision == 1
    assert demo[0].sections["risk_limits"]["max_daily_loss"] == "1000"


async def test_bots_are_seeded_once_by_whichever_replica_comes_first(context: Context, bus: FakeBus) -> None:
    bots = BotsFile(BOTS_FILE).first_bots("demo", 1, EXCHANGES)
    assert await seed_bots(context, bots) == len(bots) == 2
    assert await seed_bots(context, bots) == 0
    assert len(bus.published) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bots = 3", "bots"),
        ("not toml", "bots.toml"),
        ('[[bots]]\nkind = "binary"\nsections = {}', "algo_id"),
        ('[[bots]]\nalgo_id = "x"\nkind = "binary"\nsections = {}', "number of 1 to 9 digits"),
        ('[[bots]]\nalgo_id = "1"\nkind = "odd"\nsections = {}', f"kind: must be one of {', '.join(KINDS)}, is 'odd'"),
        ('[[bots]]\nalgo_id = "1"\nkind = "binary"\nsurprise = 1\nsections = {}', "surprise"),
        ('[[bots]]\nalgo_id = "1"\nkind = "binary"\nsections = {}', "sections.instrument"),
    ],
)
def test_a_bad_bots_file_names_the_file_the_field_and_the_rule(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bots.toml"
    path.write_text(text)
    file = BotsFile(path)
    with pytest.raises(ConfigError) as error:
        file.first_bots("demo", 1, EXCHANGES)
    assert "bots.toml" in str(error.value)
    assert said in str(error.value)


def test_a_file_that_cannot_be_read_stops_nobody_who_has_his_bots_already(tmp_path: Path) -> None:
    file = BotsFile(tmp_path / "bots.toml")
    file.refuse_unknown("whichever")
    with pytest.raises(ConfigError, match=r"bots\.toml: .*No such file"):
        file.first_bots("demo", 1, EXCHANGES)


def test_the_bots_are_those_of_the_file_as_its_profile_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "bots.toml"
    path.write_text(BOTS_FILE.read_text())
    file = BotsFile(path)
    file.refuse_unknown("demo")
    path.write_text("bots = 3")
    assert [bot.algo_id for bot in file.first_bots("demo", 1, EXCHANGES)] == ["1", "2"]


def test_a_spot_bot_of_the_file_is_looked_at_as_a_persons_change_is(tmp_path: Path) -> None:
    path = tmp_path / "bots.toml"
    bot = '[[bots]]\nalgo_id = "3"\nkind = "spot"\n'
    for section, fields in BTCJPY.items():
        lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
        bot += f"[bots.sections.{section}]\n" + "\n".join(lines) + "\n"
    path.write_text(bot)
    (config,) = BotsFile(path).first_bots("demo", 1, EXCHANGES)
    assert config.sections == BTCJPY, "as it was written"
    path.write_text(bot.replace("DLTXMM", "MTGOX"))
    with pytest.raises(ConfigError, match=r"bots\.toml: sections\.instrument\.exchange: must be .*MTGOX"):
        BotsFile(path).first_bots("demo", 1, EXCHANGES)
