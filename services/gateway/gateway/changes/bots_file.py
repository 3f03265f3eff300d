"""The bots and platform documents of the very first start, as config/bots.toml describes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from common.bots import Known, faults_of
from common.errors import ConfigError
from common.events import BotConfig, PlatformConfig
from common.instruments import CurrencyPairs
from common.venues import Exchanges
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.changes.configuration import RevisionConflict, check_algo_id, revise
from gateway.changes.documents import revise_document

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
    """Profiles in which it is there, and runs from the first moment; without any it is there in all."""
    sections: dict[str, Any]


class _FirstDocument(BaseModel):
    """A platform document as the file describes it."""

    model_config = ConfigDict(extra="forbid")

    type: str
    id: str
    run_in: list[str] = []
    """Profiles in which it is there; without any, in all."""
    document: dict[str, Any]


class _FirstBots(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bots: list[_FirstBot] = Field(default=[], max_length=BOTS_MAX)
    documents: list[_FirstDocument] = Field(default=[], max_length=BOTS_MAX)


class BotsFile:
    """What the file of the first bots held when it was read.

    What is wrong with it concerns nobody but the very first start: it is kept until its bots are asked for.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._held = _FirstBots()
        self._faults: list[str] = []
        try:
            self._held = _FirstBots.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            self._faults = faults_of(error)
        except (OSError, ValueError) as error:
            self._faults = [str(error)]

    def refuse_unknown(self, profile: str) -> None:
        """Raise ConfigError with the profiles that exist, where no bot runs in the one that was asked for.

        A misspelt one would start every bot stopped, without a word.
        """
        profiles = sorted({name for bot in self._held.bots for name in bot.run_in} | {DEFAULT_PROFILE})
        if profile not in profiles and not self._faults:
            known = ", ".join(profiles)
            raise ConfigError([f"MM_PROFILE: no bot of {self._name} runs in {profile!r}; there is {known}"])

    def first_bots(self, profile: str, now_ns: int, exchanges: Exchanges) -> list[BotConfig]:
        """Return the bots of a profile, ready to publish; ConfigError names the file, the field and the rule.

        Those of other profiles are looked at as well. No market is known yet: of currencies only their letters are.
        """
        with self._named():
            bots = [(bot, self._revised(bot, profile, now_ns, self._known(exchanges))) for bot in self._held.bots]
        return [config for bot, config in bots if bot.running or not bot.run_in or profile in bot.run_in]

    def first_documents(self, profile: str, now_ns: int, exchanges: Exchanges) -> list[PlatformConfig]:
        """Return the platform documents of a profile, ready to publish in this order; ConfigError as above."""
        found: dict[tuple[str, str], PlatformConfig] = {}
        with self._named():
            for each in self._held.documents:
                try:
                    found[each.type, each.id] = revise_document(
                        found,
                        self._known(exchanges),
                        kind=each.type,
                        document_id=each.id,
                        document=each.document,
                        revision=0,
                        actor=ACTOR,
                        reason=f"from {self._name}",
                        now_ns=now_ns,
                    )
                except RevisionConflict:
                    raise ConfigError([f"documents: {each.type} {each.id} is there twice"]) from None
                except ConfigError as error:
                    raise ConfigError([f"{each.type} {each.id}: {fault}" for fault in error.faults]) from None
        return [found[each.type, each.id] for each in self._held.documents if not each.run_in or profile in each.run_in]

    def _known(self, exchanges: Exchanges) -> Known:
        return Known(exchanges, CurrencyPairs(), [bot.algo_id for bot in self._held.bots])

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Have every fault name the file."""
        try:
            if self._faults:
                raise ConfigError(self._faults)
            yield
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
