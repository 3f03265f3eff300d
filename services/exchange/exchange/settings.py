"""What the venue is told by its environment: where to listen, what drives prices, who trades besides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from common.settings import ServiceSettings
from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from exchange.market.accounts import ORDERS_KEPT
from exchange.market.lifecycle import MARKETS_KEPT
from exchange.prices.replay import SPEED_MAX


class ExchangeSettings(ServiceSettings):
    """Names in the environment are these in capitals with MM_ before them."""

    exchange_host: str = "127.0.0.1"
    exchange_port: int = Field(default=9000, ge=0, le=65_535)
    """0 picks a free port."""
    source: Literal["live", "model", "replay"] = "model"
    replay_files: Annotated[tuple[Path, ...], NoDecode] = ()
    """Comma separated."""
    replay_speed: float = Field(default=1.0, gt=0, le=SPEED_MAX)
    seed: int = Field(default=1, ge=0)
    series_length_s: int = Field(default=300, ge=5, le=86_400)
    series_assets: Annotated[tuple[str, ...], NoDecode] = ("BTC", "ETH", "SOL")
    """Comma separated."""
    series_listed_ahead: int = Field(default=1, ge=1, le=20)
    series_tie: Literal["strictly_above", "at_or_above"] = "strictly_above"
    makers: Annotated[tuple[str, ...], NoDecode] = ("mm1",)
    """Comma separated: the market makers' accounts that are opened, with keys of their own, where they are new.

    One with a named spot venue behind it, as mm1-kraken@KRAKEN, is opened there, in place of the file's `accounts`.
    """
    deposit: int = Field(default=100_000, ge=0, le=1_000_000_000)
    """Dollars a market maker's account is given when it is new."""
    taker_fee_ppm: int = Field(default=72_000, ge=0, le=500_000)
    maker_rebate_ppm: int = Field(default=200_000, ge=0, le=1_000_000)
    spot_assets: Annotated[tuple[str, ...], NoDecode] = ("BTC", "ETH")
    """Comma separated; each that is also in `series_assets` trades for dollars, as BTCUSD. Empty for no spot symbol."""
    spot_deposit: int = Field(default=50_000, ge=0, le=1_000_000_000)
    """Dollars' worth, at the model's first price, of each base currency that a market maker's account is given once."""
    spot_maker_fee_ppm: int = Field(default=100, ge=-500_000, le=500_000)
    spot_taker_fee_ppm: int = Field(default=500, ge=0, le=500_000)
    spot_venues: Annotated[tuple[str, ...], NoDecode] = ()
    """Comma separated; which named spot venues of exchange.toml are hosted beside this one."""
    takers: bool = True
    taker_noise_per_s: float = Field(default=0.5, ge=0, le=1_000)
    taker_informed_edge_ticks: float = Field(default=3.0, ge=0, le=99)
    taker_informed_lead_ms: float = Field(default=300.0, ge=0, le=10_000)
    rival: bool = True
    """One more maker, who quotes beside the participants."""
    rival_half_spread_ticks: float = Field(default=3.0, ge=0.5, le=49)
    rival_late_ms: int = Field(default=500, ge=0, le=60_000)
    model_ticks_per_s: float = Field(default=10.0, gt=0, le=10_000)
    """Per symbol."""
    orders_per_s: int = Field(default=2_000, ge=1, le=1_000_000)
    """Per key; cancels get twice as many, bursts are two seconds' worth."""
    orders_kept: int = Field(default=ORDERS_KEPT, ge=100, le=10_000_000)
    """Finished orders per account that can be asked for; of fills twice, of entries five times as many are kept."""
    markets_kept: int = Field(default=MARKETS_KEPT, ge=1, le=100_000)
    """Finished markets that can be asked for, for a day at most."""
    live_url: str = "wss://stream.binance.com:9443"
    live_rest_url: str = "https://api.binance.com"

    @field_validator("replay_files", "series_assets", "spot_assets", "spot_venues", "makers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("series_assets", "spot_assets", "spot_venues")
    @classmethod
    def _assets_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(name.isascii() and name.isalnum() and name.isupper() for name in value):
            raise ValueError("must be names like BTC,ETH")
        if len(set(value)) != len(value):
            raise ValueError("must not hold a name twice")
        return value

    @field_validator("makers")
    @classmethod
    def _accounts_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        named = [name.partition("@")[0] for name in value]
        if not value or not all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) and name != "admin" for name in named):
            raise ValueError("must be names of A-Z, a-z, 0-9, _ and -, like mm1,mm2, none of them admin")
        return value

    def makers_at(self, venue: str = "") -> tuple[str, ...]:
        """The accounts that are to be opened at a named spot venue, or here without one."""
        places = [name.partition("@") for name in self.makers]
        return tuple(account for account, _, where in places if where == venue)

    @model_validator(mode="after")
    def _makers_are_at_venues_that_run(self) -> ExchangeSettings:
        places = {where for name in self.makers if (where := name.partition("@")[2])}
        if unknown := sorted(places - set(self.spot_venues)):
            raise ValueError(f"makers must be at venues of MM_SPOT_VENUES, {unknown[0]} is none of them")
        return self

    @field_validator("series_assets")
    @classmethod
    def _some_asset(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("must be names like BTC,ETH")
        return value

    @model_validator(mode="after")
    def _spot_fees_pay_for_rebates(self) -> ExchangeSettings:
        if not -self.spot_taker_fee_ppm <= self.spot_maker_fee_ppm <= self.spot_taker_fee_ppm:
            raise ValueError("spot_maker_fee_ppm must be at most spot_taker_fee_ppm, a rebate no more than it")
        return self

    @model_validator(mode="after")
    def _replay_has_files(self) -> ExchangeSettings:
        if self.source == "replay" and not self.replay_files:
            raise ValueError("replay_files must name at least one file when source is replay")
        return self
