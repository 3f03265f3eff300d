"""The very first start: an admin with a generated password, and the bots of config/bots.toml."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from common.bots import Known, faults_of
from common.errors import ConfigError, PublishRefused
from common.events import BotConfig, User
from common.instruments import CurrencyPairs
from common.venues import Exchanges
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.auth.passwords import Passwords, generate_password
from gateway.auth.roles import Role
from gateway.changes.configuration import check_algo_id, revise
from gateway.context import Context

ADMIN = "admin"
DEFAULT_PROFILE = "demo"
"""It exists even where no bot of the file runs in it."""
ACTOR = "first-start"
BOTS_MAX = 1_000


class _FirstBot(BaseModel):
    """A bot as config/bots.toml describes it."""

    model_config = ConfigDict(extra="forbid")

    algo_id: Annotated[str, Field(max_length=16)]
    kind: str
    running: bool = False
    run_in: list[str] = []
    """Profiles in which it runs from the first moment."""
    sections: dict[str, Any]


class _FirstBots(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bots: list[_FirstBot] = Field(default=[], max_length=BOTS_MAX)


class BotsFile:
    """What the file of the first bots held when it was read.

    What is wrong with it concerns nobody but the very first start: it is kept until its bots are asked for.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._bots: list[_FirstBot] = []
        self._faults: list[str] = []
        try:
            self._bots = _FirstBots.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).bots
        except ValidationError as error:
            self._faults = faults_of(error)
        except (OSError, ValueError) as error:
            self._faults = [str(error)]

    def refuse_unknown(self, profile: str) -> None:
        """Raise ConfigError with the profiles that exist, where no bot runs in the one that was asked for.

        A misspelt one would start every bot stopped, without a word.
        """
        profiles = sorted({name for bot in self._bots for name in bot.run_in} | {DEFAULT_PROFILE})
        if profile not in profiles and not self._faults:
            known = ", ".join(profiles)
            raise ConfigError([f"MM_PROFILE: no bot of {self._name} runs in {profile!r}; there is {known}"])

    def first_bots(self, profile: str, now_ns: int, exchanges: Exchanges) -> list[BotConfig]:
        """Return the bots, ready to publish; ConfigError names the file, the field and the rule.

        No market is known yet: of currencies only their letters are looked at.
        """
        known = Known(exchanges, CurrencyPairs(), [bot.algo_id for bot in self._bots])
        try:
            if self._faults:
                raise ConfigError(self._faults)
            return [self._revised(bot, profile, now_ns, known) for bot in self._bots]
        except ConfigError as error:
            raise ConfigError([f"{self._name}: {fault}" for fault in error.faults]) from None
        except ValueError as error:
            raise ConfigError([f"{self._name}: {error}"]) from None

    def _revised(self, bot: _FirstBot, profile: str, now_ns: int, known: Known) -> BotConfig:
        return revise(
            None,
            algo_id=check_algo_id(bot.algo_id),
            kind=bot.kind,
            running=bot.running or profile in bot.run_in,
            sections=bot.sections,
            revision=0,
            actor=ACTOR,
            reason=f"from {self._name}",
            now_ns=now_ns,
            known=known,
        )


async def seed_bots(context: Context, bots: list[BotConfig]) -> int:
    """Publish bots that do not exist yet and return how many; another replica may have been first."""
    seeded = 0
    for bot in bots:
        try:
            await context.publish(bot, expected_last_sequence=0)
            seeded += 1
        except PublishRefused:
            continue
    return seeded


async def create_admin(context: Context, passwords: Passwords, path: Path) -> bool:
    """Create the user admin with a generated password in a file only we can read; False when he exists already.

    The password is in its file before the user exists: a crash in between loses nothing, and the next start uses
    the file again.
    """
    password, written = _password_in(path)
    user = User(
        id=ADMIN,
        name="Admin",
        password_hash=await passwords.hash(password),
        roles=[Role.ADMIN.value],
        revision=1,
        actor=ACTOR,
        ts_ns=context.now_ns(),
    )
    try:
        await context.publish(user, expected_last_sequence=0)
    except PublishRefused:
        # Another replica made him meanwhile. With a data directory of its own, our file tells a wrong password.
        if written:
            path.unlink(missing_ok=True)
        return False
    return True


def _password_in(path: Path) -> tuple[str, bool]:
    """Return the password in the file and whether we wrote it just now."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = generate_password()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = path.read_text(encoding="utf-8").strip()
        if not kept:
            raise ConfigError([f"{path}: is empty; remove it, a new password is then generated"]) from None
        return kept, False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
    return password, True
