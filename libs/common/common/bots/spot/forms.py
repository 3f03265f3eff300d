"""The texts in which a spot bot's figures are written, read into values; what cannot be read says what was sent.

A figure may come as a number or as a text; an empty text is no figure at all, as null is. `bps` is a hundredth of a per
cent. Lists are divided by commas or blanks: '10 20', '10,20'.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from common.bots.spot.values import Band, Levels, MinSpread, QuoteSizes, TakeOut
from common.events import Distance

TEXT_CHARS_MAX = 1_000
ITEMS_MAX = 20
"""Sizes of a side, or exchanges of a list."""
LEVELS_MAX = 20
"""Of a source book that are copied."""
NUMBER_MAX = Decimal(10) ** 15
DECIMALS_MAX = 18
NUMBER_RULE = f"must be a number below {NUMBER_MAX:.0e} with at most {DECIMALS_MAX} decimals"
BPS_MAX = Decimal(10_000)
ZERO, HUNDRED = Decimal(0), Decimal(100)
SHOWN_CHARS_MAX = 80

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?"
_NUMBER_ALONE = re.compile(_NUMBER)
_DISTANCE = re.compile(rf"({_NUMBER})\s*(bps)?\s*(?:\[\s*({_NUMBER})\s*\])?", re.IGNORECASE)
_SIZES = re.compile(r"([^\[\]]*)(?:\[\s*([0-9]{1,3})[\s,]\s*([0-9]{1,3})\s*\])?")
_DIVIDER = re.compile(r"\s*,\s*|\s+")
_EXCHANGE = re.compile(r"[A-Za-z0-9_]{1,32}")
_SYMBOL = re.compile(r"[A-Za-z0-9/_.:-]{1,64}")
_CURRENCY = re.compile(r"[A-Za-z0-9]{2,12}")
_PARAMETER = re.compile(r"([A-Za-z0-9_.-]{1,64})=([^\s,;=]{1,128})")
_PARAMETERS_DIVIDER = re.compile(r"\s*[,;]\s*|\s+")

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def rule(text: str, sent: object) -> ValueError:
    """Return the refusal of what was sent: the rule, and what it was."""
    try:
        shown = repr(sent)
    except (ValueError, RecursionError):
        # A number of thousands of digits, or lists within lists without end.
        shown = f"too long a {type(sent).__name__}"
    return ValueError(f"{text}, is {shown if len(shown) <= SHOWN_CHARS_MAX else shown[:SHOWN_CHARS_MAX] + '…'}")


def is_nothing(sent: object) -> bool:
    """Say whether nothing was sent: null, or a text of blanks."""
    return sent is None or (isinstance(sent, str) and not sent.strip())


def stripped(sent: object, pattern: re.Pattern[str]) -> re.Match[str] | None:
    """Return how a text reads without the blanks around it; None where it is no text, too long, or reads otherwise."""
    if not isinstance(sent, str) or len(sent) > TEXT_CHARS_MAX:
        return None
    return pattern.fullmatch(sent.strip())


def read_number(sent: object) -> Decimal:
    """Return an exact number of a text or a number."""
    if isinstance(sent, int) and not isinstance(sent, bool) and abs(sent) >= NUMBER_MAX:
        raise rule(NUMBER_RULE, sent)
    written = str(sent) if isinstance(sent, int | float | Decimal) and not isinstance(sent, bool) else sent
    plain = stripped(written, _NUMBER_ALONE)
    if plain is None:
        raise rule("must be a number", sent)
    found = Decimal(plain[0])
    exponent = found.as_tuple().exponent
    if not -NUMBER_MAX < found < NUMBER_MAX or not isinstance(exponent, int) or exponent < -DECIMALS_MAX:
        raise rule(NUMBER_RULE, sent)
    return found


def optional(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """Return a reader for which nothing is None."""
    return lambda sent: None if is_nothing(sent) else read(sent)


def otherwise(read: Callable[[object], T], default: T) -> Callable[[object], T]:
    """Return a reader for which nothing is a default."""
    return lambda sent: default if is_nothing(sent) else read(sent)


def read_flag(sent: object) -> bool:
    """Return a switch; nothing is off."""
    if sent is None:
        return False
    if not isinstance(sent, bool):
        raise rule("must be true or false", sent)
    return sent


def one_of(words: type[E]) -> Callable[[object], E]:
    """Return a reader of one of some words."""

    def read(sent: object) -> E:
        if not isinstance(sent, str) or sent not in {each.value for each in words}:
            raise rule(f"must be one of {', '.join(words)}", sent)
        return words(sent)

    return read


def read_positive(sent: object) -> Decimal:
    """Return a number above 0."""
    found = read_number(sent)
    if found <= 0:
        raise rule("must be greater than 0", sent)
    return found


def read_not_negative(sent: object) -> Decimal:
    """Return a number that is at least 0."""
    found = read_number(sent)
    if found < 0:
        raise rule("must not be negative", sent)
    return found


def read_limit(sent: object) -> Decimal | None:
    """Return a limit; 0 and nothing are None, which is the platform's limit of that name."""
    return None if is_nothing(sent) else read_not_negative(sent) or None


def read_factor(sent: object) -> Decimal:
    """Return a number that something is divided by."""
    found = read_number(sent)
    if found == 0:
        raise rule("must not be 0: quantities are divided by it", sent)
    return found


def whole(least: int, most: int) -> Callable[[object], int]:
    """Return a reader of a whole number between two bounds."""

    def read(sent: object) -> int:
        found = read_number(sent)
        if found != found.to_integral_value() or not least <= found <= most:
            raise rule(f"must be a whole number of {least} to {most}", sent)
        return int(found)

    return read


def time_limit(most_ms: int) -> Callable[[object], int | None]:
    """Return a reader of a time limit in ms; 0 and nothing are None, which is the platform's limit of that name."""
    read = whole(0, most_ms)
    return lambda sent: None if is_nothing(sent) else read(sent) or None


def read_bps(sent: object) -> Decimal:
    """Return a number of basis points, at least 0; the unit may stand behind it."""
    found, _, bracket = _distance(sent, "a number of bps such as '5' or '5 bps'")
    if bracket is not None:
        raise rule("must be a number of bps such as '5' or '5 bps'", sent)
    if not 0 <= found < BPS_MAX:
        raise rule(f"must be 0 to below {BPS_MAX} bps", sent)
    return found


def read_distance(sent: object) -> Distance:
    """Return a distance of at least 0: '20 bps' of a price, or '0.5' in units of the price."""
    found, in_bps, bracket = _distance(sent, "a distance such as '20 bps' or '0.5'")
    if bracket is not None:
        raise rule("must be a distance such as '20 bps' or '0.5'", sent)
    return _at_least_0(found, in_bps, sent)


def read_min_spread(sent: object) -> MinSpread:
    """Return '6 bps [30]': the spread, and per cent of what is missing that the bid gives way, 50 where not said."""
    found, in_bps, bracket = _distance(sent, "a spread such as '6 bps [30]', '100 bps' or '0.0002'")
    spread = _at_least_0(found, in_bps, sent)
    if bracket is None:
        return MinSpread(spread)
    weight = read_number(bracket)
    if not 0 <= weight <= HUNDRED:
        raise rule("must have a weight of the bid between 0 and 100 in brackets", sent)
    return MinSpread(spread, weight)


def read_take_out(sent: object) -> TakeOut:
    """Return '8 bps [10]': the distance, and the most that is taken, all that is shown where not said."""
    found, in_bps, bracket = _distance(sent, "a distance and a quantity such as '8 bps [10]', '8 bps' or '0.5'")
    away = _at_least_0(found, in_bps, sent)
    if away.amount == 0:
        raise rule("must be a distance greater than 0; leave it out to take nothing", sent)
    quantity = None if bracket is None else read_number(bracket)
    if quantity is not None and quantity <= 0:
        raise rule("must have a quantity greater than 0 in brackets", sent)
    return TakeOut(away, quantity)


def _distance(sent: object, what: str) -> tuple[Decimal, bool, str | None]:
    """Return the number of a distance, whether it is in bps, and what stands in brackets behind it."""
    if not isinstance(sent, str):
        return read_number(sent), False, None
    found = stripped(sent, _DISTANCE)
    if found is None:
        raise rule(f"must be {what}", sent)
    return read_number(found[1]), found[2] is not None, found[3]


def _at_least_0(amount: Decimal, in_bps: bool, sent: object) -> Distance:
    if amount < 0:
        raise rule("must not be negative", sent)
    if in_bps and amount >= BPS_MAX:
        raise rule(f"must be below {BPS_MAX} bps", sent)
    return Distance(amount, in_bps)


def items(sent: object) -> list[str]:
    """Return the items of a list; nothing is none. A single number is a list of it."""
    if is_nothing(sent):
        return []
    text = str(read_number(sent)) if not isinstance(sent, str) else sent
    if len(text) > TEXT_CHARS_MAX:
        raise rule(f"must have at most {TEXT_CHARS_MAX} characters", sent)
    found = _DIVIDER.split(text.strip())
    if not all(found):
        raise rule("must have something between two commas", sent)
    if len(found) > ITEMS_MAX:
        raise rule(f"must be a list of at most {ITEMS_MAX}", sent)
    return found


def read_sizes(sent: object) -> QuoteSizes:
    """Return '3', '1 2 5' or, for replication, '3 [5 20]': at most 3 in all, on 5 to 20 levels."""
    if not isinstance(sent, str):
        return QuoteSizes(tuple(read_positive(item) for item in items(sent)))
    found = stripped(sent, _SIZES)
    if found is None:
        raise rule("must be sizes such as '1 2 5', or '3 [5 20]' for replication", sent)
    try:
        amounts = tuple(read_positive(item) for item in items(found[1]))
    except ValueError:
        raise rule(f"must be a list of at most {ITEMS_MAX} numbers greater than 0", sent) from None
    if found[2] is None:
        return QuoteSizes(amounts)
    levels = Levels(int(found[2]), int(found[3]))
    if not 1 <= levels.least <= levels.most <= LEVELS_MAX or len(amounts) != 1:
        raise rule(f"must be one size, with a least and a most number of levels of 1 to {LEVELS_MAX} in brackets", sent)
    return QuoteSizes(amounts, levels)


def read_margins(sent: object) -> tuple[Decimal, ...]:
    """Return distances in bps, one for each size or one for all; below 0 they improve on the base price."""
    try:
        found = tuple(read_number(item) for item in items(sent))
    except ValueError:
        raise rule(f"must be a list of at most {ITEMS_MAX} numbers of bps", sent) from None
    if not all(-BPS_MAX < each < BPS_MAX for each in found):
        raise rule(f"must lie between -{BPS_MAX} and {BPS_MAX} bps", sent)
    return found


def read_band(sent: object) -> Band:
    """Return '2000 0': beyond which position to reduce, and to which."""
    what = "must be two numbers, the max and the normal position, such as '2000 0'"
    if not isinstance(sent, str):
        raise rule(what, sent)
    try:
        found = [read_number(item) for item in items(sent)]
    except ValueError:
        raise rule(what, sent) from None
    if len(found) != 2:
        raise rule(what, sent)
    most, norm = found
    if not 0 <= norm <= most:
        raise rule("must not be negative, and the normal position not greater than the max", sent)
    return Band(most, norm)


def read_exchanges(sent: object) -> tuple[str, ...]:
    """Return the names of exchanges, in upper case and in their order."""
    if sent is not None and not isinstance(sent, str):
        raise rule("must be a list of exchanges such as 'KRAKEN, BINANCE'", sent)
    found = tuple(item.upper() for item in items(sent))
    if not all(_EXCHANGE.fullmatch(each) for each in found):
        raise rule("must be a list of exchanges such as 'KRAKEN, BINANCE'", sent)
    if len(set(found)) < len(found):
        raise rule("must name each exchange once", sent)
    return found


def read_some_exchanges(sent: object) -> tuple[str, ...]:
    """Return the names of exchanges, one at least."""
    found = read_exchanges(sent)
    if not found:
        raise rule("must name one exchange at least", sent)
    return found


def read_exchange(sent: object) -> str:
    """Return the name of an exchange, in upper case."""
    found = stripped(sent, _EXCHANGE)
    if found is None:
        raise rule("must be an exchange such as 'KRAKEN'", sent)
    return found[0].upper()


def read_exchange_or_bot(sent: object) -> str:
    """Return the id of a bot, which is digits, or the name of an exchange in upper case."""
    is_id = isinstance(sent, int) and not isinstance(sent, bool) and 0 < sent < NUMBER_MAX
    found = stripped(str(sent) if is_id else sent, _EXCHANGE)
    if found is None:
        raise rule("must be an exchange such as 'KRAKEN', or the id of a bot", sent)
    return found[0].upper()


def read_symbol(sent: object) -> str:
    """Return the name of one instrument."""
    found = stripped(sent, _SYMBOL)
    if found is None:
        raise rule("must name one instrument such as 'BTCUSD'", sent)
    return found[0]


def read_currency(sent: object) -> str:
    """Return the code of a currency, in upper case."""
    found = stripped(sent, _CURRENCY)
    if found is None:
        raise rule("must be a currency such as 'BTC'", sent)
    return found[0].upper()


def read_comments(sent: object) -> str:
    """Return what a user wrote beside a bot."""
    if sent is None:
        return ""
    if not isinstance(sent, str) or len(sent) > TEXT_CHARS_MAX:
        raise rule(f"must be a text of at most {TEXT_CHARS_MAX} characters", sent)
    return sent


def read_parameters(sent: object) -> dict[str, str]:
    """Return 'name=value' pairs, divided by commas, semicolons or blanks."""
    what = "must be pairs such as 'leverage=2 reduce_only=true'"
    if is_nothing(sent):
        return {}
    if not isinstance(sent, str) or len(sent) > TEXT_CHARS_MAX:
        raise rule(what, sent)
    found = [_PARAMETER.fullmatch(item) for item in _PARAMETERS_DIVIDER.split(sent.strip())]
    named = {each[1]: each[2] for each in found if each is not None}
    if None in found or len(found) > ITEMS_MAX:
        raise rule(what, sent)
    if len(named) < len(found):
        raise rule("must name each parameter once", sent)
    return named
