"""The document of a rebalancer: how much of a currency each account should have, and how money may be sent for it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import PlainValidator, field_validator, model_validator

from common.bots.section import Section
from common.bots.spot.documents import PlatformDocument
from common.bots.spot.forms import otherwise, read_currency, read_number, read_positive, rule, stripped, whole
from common.bots.spot.sections import Flag

ACCOUNTS_MAX = 20
HUNDRED = Decimal(100)
DAY_S = 86_400
INTERVAL_S = 600
_ACCOUNT = re.compile("[A-Za-z0-9_-]{1,64}")


class Measure(NamedTuple):
    """Units of the currency, or a part of what all accounts of the rebalancer have together."""

    amount: Decimal
    of_sum: bool

    def units(self, total: Decimal) -> Decimal:
        """Return it in units of the currency, `total` being the sum."""
        return self.amount * total / HUNDRED if self.of_sum else self.amount


def read_measure(sent: object) -> Measure:
    """Return what '1.5' or '60 %' says; ValueError for a negative one, or more than 100 %."""
    text = sent.strip() if isinstance(sent, str) else sent
    of_sum = isinstance(text, str) and text.endswith("%")
    amount = read_number(text[:-1].strip() if of_sum and isinstance(text, str) else text)
    if amount < 0 or (of_sum and amount > HUNDRED):
        raise rule("must be 0 or more, in per cent at most 100", sent)
    return Measure(amount, of_sum)


def read_account(sent: object) -> str:
    """Return the name of an account of ours."""
    found = stripped(sent, _ACCOUNT)
    if found is None:
        raise rule("must be an account's name: 1 to 64 of A-Z, a-z, 0-9, _ and -", sent)
    return found[0]


class Holder(Section):
    """An account, what it should have, and how far from that it may be before money is sent."""

    account: Annotated[str, PlainValidator(read_account)]
    target: Annotated[Measure, PlainValidator(read_measure)]
    band: Annotated[Measure, PlainValidator(read_measure)]

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.band.of_sum != self.target.of_sum:
            raise ValueError("band: must be in per cent where the target is, and in units of the currency where it is")
        return self


class Rebalancer(PlatformDocument):
    """REBALANCER, ours: sends a currency between our accounts, so that each has what it should; off unless running."""

    type: ClassVar[str] = "rebalancer"

    currency: Annotated[str, PlainValidator(read_currency)]
    running: Flag = False
    accounts: tuple[Holder, ...]
    """Two at least; targets are in per cent of their sum, 100 in all, or each in units of the currency."""
    smallest: Annotated[Decimal, PlainValidator(read_positive)]
    """Of one transfer, in units of the currency."""
    largest: Annotated[Decimal, PlainValidator(read_positive)]
    interval_s: Annotated[int, PlainValidator(otherwise(whole(1, DAY_S), INTERVAL_S))] = INTERVAL_S
    """Between the decisions of two transfers, at least."""
    daily_limit: Annotated[Decimal, PlainValidator(read_positive)]
    """Of all transfers within 24 hours."""

    @field_validator("accounts")
    @classmethod
    def _each_once(cls, accounts: tuple[Holder, ...]) -> tuple[Holder, ...]:
        if not 2 <= len(accounts) <= ACCOUNTS_MAX:
            raise ValueError(f"must be 2 to {ACCOUNTS_MAX} accounts, are {len(accounts)}")
        names = [each.account for each in accounts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]} is named twice")
        shares = [each.target.amount for each in accounts if each.target.of_sum]
        if shares and (len(shares) < len(accounts) or sum(shares) != HUNDRED):
            raise ValueError("targets must be all in units of the currency, or all in per cent and 100 in all")
        return accounts

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.largest < self.smallest:
            raise ValueError(f"largest: must be at least smallest, {self.smallest:f}, is {self.largest:f}")
        if self.daily_limit < self.smallest:
            raise ValueError(f"daily_limit: must be at least smallest, {self.smallest:f}, is {self.daily_limit:f}")
        return self
