"""Which accounts a process has, at which venues, and where the folders of their keys are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from quoter.venues import DEFAULT_VENUE

ACCOUNT = "[A-Za-z0-9_-]{1,64}"
VENUE = "[A-Za-z0-9_-]{1,40}"
ACCOUNTS_MAX = 32
"""Of one process: all of them take turns in it."""


class Place(NamedTuple):
    """An account, and the venue where it is."""

    account: str
    venue: str


class AccountSettings(BaseModel):
    """The settings that a quoter and its watchdog share."""

    account: str = Field(default="mm1", pattern=f"^{ACCOUNT}$")
    venue: str = Field(default=DEFAULT_VENUE, pattern=f"^{VENUE}$")
    """A contract that is spoken, or a table of venues.toml where bots quote."""
    accounts: Annotated[tuple[Place, ...], NoDecode] = ()
    """Several accounts, `mm1@degen,mm2@degen`, instead of `account` and `venue`. An account has one venue."""
    exchange_url: str = Field(default="http://127.0.0.1:9000", pattern="^https?://[^/@]+$")
    venue_keys_dir: Path = Path(".mm/exchange/keys")
    spot_keys_dir: Path = Path(".mm/exchange/venues")
    """The folders of the exchange's named spot venues: NAME/keys is that of one."""
    transfers: bool = False
    """Send money where somebody asks for it, with the keys of the folders `transfer-keys` beside those of `keys`."""

    @field_validator("accounts", mode="before")
    @classmethod
    def _places(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(_place(part.strip()) for part in value.split(",") if part.strip())

    @field_validator("accounts")
    @classmethod
    def _each_once(cls, places: tuple[Place, ...]) -> tuple[Place, ...]:
        names = [place.account for place in places]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]} is named twice; an account is at one venue")
        if len(places) > ACCOUNTS_MAX:
            raise ValueError(f"must be {ACCOUNTS_MAX} accounts or fewer, are {len(places)}")
        return places

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.accounts and (given := {"account", "venue"} & self.model_fields_set):
            raise ValueError(f"{min(given)}: says the same as accounts, which is given too; leave one of them out")
        return self

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the accounts there are, in their order."""
        return self.accounts or (Place(self.account, self.venue),)


def _place(text: str) -> Place:
    account, _, venue = text.partition("@")
    if not re.fullmatch(ACCOUNT, account) or not re.fullmatch(VENUE, venue or DEFAULT_VENUE):
        raise ValueError(f"{text!r} must be ACCOUNT@VENUE, such as mm1@{DEFAULT_VENUE}")
    return Place(account, venue or DEFAULT_VENUE)
