"""What every event has: its address on the bus, whether its loss costs money, bytes that decode or say why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeVar, get_args, get_origin
from urllib.parse import quote

import msgspec

from common.errors import ContractError
from common.instruments import escape_token

_FIELD = re.compile(r"\{(\w+)\}")
EVENT_BYTES_MAX = 512 * 1024
_ID_SAFE = "._+-"
_ID_PART = re.compile(r"[A-Za-z0-9._+-]*")


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact or an intention, published under the subject its class carries.

    `epoch` is the lease epoch of the sender (0 where no lease is needed); readers drop lower epochs than they have
    seen from the same role and key.
    """

    subject: ClassVar[str] = ""
    """Subject pattern; the fields in braces are escaped into tokens."""
    acked: ClassVar[bool] = False
    """True when its loss costs money: published with a message id and confirmed by the broker."""
    spooled: ClassVar[bool] = False
    """True when it must survive the death of its sender: kept on disk until the broker has confirmed it."""
    signed: ClassVar[bool] = False
    """True when readers obey it only with the signature of a role that may say it (`common.signing.roles`)."""
    in_turn: ClassVar[bool] = False
    """True when one that is not newer than what was obeyed under its subject is refused. Facts are not: whoever takes
    them in knows them again by their id."""

    epoch: int = 0

    def address(self) -> str:
        """Return the concrete subject, e.g. 'md.top.binance.BTCUSDT'; ContractError when a field can be no token."""
        addresses = _ADDRESSES[type(self)]
        key = addresses.key_of(self)
        return addresses.known.get(key) or addresses.add(self, key)

    def message_id(self) -> str:
        """Return the id under which a repeat is recognised; unique in its whole stream. Acked events override it."""
        return ""

    def kept_s(self) -> int:
        """Return how long an acked one is kept by a broker that can; 0 is for as long as its stream says."""
        return 0


E = TypeVar("E", bound=Event)

REGISTRY: dict[str, type[Event]] = {}
"""Every event class by its name; filled by `register`."""

_ADDRESSES_MAX = 20_000
"""Addresses of one class that are remembered."""
_ID_PARTS_MAX = 10_000
_ENCODER = msgspec.msgpack.Encoder(decimal_format="string")
_DECODERS: dict[type[Event], msgspec.msgpack.Decoder[Any]] = {}
_NUMBERS: dict[type[Event], _Numbers] = {}


class _Addresses:
    """What the events of a class have been addressed to, by the values of the fields that say so."""

    def __init__(self, cls: type[Event]) -> None:
        self._cls, self.fields = cls, tuple(_FIELD.findall(cls.subject))
        self.template = _FIELD.sub("{}", cls.subject)
        self.key_of: Callable[[Event], object] = attrgetter(*self.fields) if self.fields else type
        self.known: dict[object, str] = {}

    def add(self, event: Event, key: object) -> str:
        if len(self.known) >= _ADDRESSES_MAX:
            self.known.clear()
        found = self.known[key] = self.template.format(*[self._token(event, field) for field in self.fields])
        return found

    def _token(self, event: Event, field: str) -> str:
        try:
            return escape_token(str(getattr(event, field)))
        except ValueError as error:
            fault = f"{self._cls.__name__}: {error} - at `$.{field}`"
            raise ContractError(self._cls.subject, fault) from None


_ADDRESSES: dict[type[Event], _Addresses] = {}


class _Numbers(NamedTuple):
    """The fields of an event that must be finite."""

    names: tuple[str, ...]
    floats: Callable[[Event], Sequence[float]]
    """Those of them that are floats and always there: a tick has many, so they are looked at together."""
    others: tuple[str, ...]


class _Earlier(NamedTuple):
    """How an event was written before its meaning changed, and what it meant in today's form."""

    decoder: msgspec.msgpack.Decoder[Any]
    in_todays_form: Callable[[Any], Event]


_EARLIER: dict[type[Event], _Earlier] = {}


def register(cls: type[E]) -> type[E]:
    """Enter an event class into the one registry; refuses a subject that another class already has."""
    assert cls.subject and cls.__doc__, f"{cls.__name__} needs a subject and a docstring"
    assert all(other.subject != cls.subject for other in REGISTRY.values()), f"{cls.subject} is taken"
    REGISTRY[cls.__name__] = cls
    fields = set(_FIELD.findall(cls.subject))
    assert fields <= set(cls.__struct_fields__), f"{cls.__name__}: subject names a field it does not have"
    _ADDRESSES[cls] = _Addresses(cls)
    _DECODERS[cls] = msgspec.msgpack.Decoder(cls)
    _NUMBERS[cls] = _numbers_of(cls)
    return cls


def _numbers_of(cls: type[Event]) -> _Numbers:
    types = {
        field.name: field.type
        for field in msgspec.structs.fields(cls)
        if get_origin(field.type) not in (dict, list) and {float, Decimal} & {field.type, *get_args(field.type)}
    }
    floats = [name for name, its_type in types.items() if its_type is float]
    if len(floats) < 2:  # an attrgetter of one name returns no tuple
        return _Numbers(tuple(types), lambda event: (), tuple(types))
    return _Numbers(tuple(types), attrgetter(*floats), tuple(types.keys() - set(floats)))


W = TypeVar("W", bound=msgspec.Struct)


def register_earlier(cls: type[E], earlier: type[W], in_todays_form: Callable[[W], E]) -> None:
    """Have bytes that were written in an earlier form of an event read as what they meant; nobody writes it any more.

    Each form must lack a field that the other demands, so that no bytes are both.
    """
    assert cls not in _EARLIER, f"{cls.__name__} has one earlier form"
    _EARLIER[cls] = _Earlier(msgspec.msgpack.Decoder(earlier), in_todays_form)


def demand_finite(**numbers: Decimal) -> None:
    """Raise ValueError naming the first number that is none, for structs within events."""
    for name, number in numbers.items():
        if not number.is_finite():
            raise ValueError(f"Expected a finite number - at `$.{name}`")


def address_filter(cls: type[Event], **tokens: str) -> str:
    """Return the subject filter of a class with some fields fixed: `md.top.binance.*` for venue='binance'."""
    addresses = _ADDRESSES[cls]
    unknown = set(tokens) - set(addresses.fields)
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(sorted(unknown))} in its subject {cls.subject}")
    texts = [escape_token(tokens[field]) if field in tokens else "*" for field in addresses.fields]
    return addresses.template.format(*texts)


def class_of(subject: str) -> type[Event] | None:
    """Return the class whose subject pattern matches a concrete subject, or None."""
    tokens = subject.split(".")
    for cls in REGISTRY.values():
        pattern = cls.subject.split(".")
        if len(pattern) == len(tokens) and all(
            want.startswith("{") or want == have for want, have in zip(pattern, tokens, strict=True)
        ):
            return cls
    return None


def joined_id(*parts: object) -> str:
    """Return a message id of some parts: 'mm1:BTC-5M:t17:42'.

    Venues choose some of the parts. Whatever they put there, two different facts never share an id, so all but
    plain characters are escaped as in a web address.
    """
    return ":".join([str(part) if type(part) is int else _id_part(str(part)) for part in parts])


@lru_cache(_ID_PARTS_MAX)
def _id_part(text: str) -> str:
    return text if _ID_PART.fullmatch(text) else quote(text, safe=_ID_SAFE)


def encode(event: Event) -> bytes:
    """Return the msgpack bytes of an event: one map of field names to values, defaults left out."""
    data = _ENCODER.encode(event)
    if len(data) > EVENT_BYTES_MAX:
        raise ContractError(event.address(), f"{type(event).__name__}: {len(data)} bytes, at most {EVENT_BYTES_MAX}")
    return data


def decode(cls: type[E], data: bytes, where: str = "") -> E:
    """Return the event in some bytes; ContractError names the field and the rule it breaks."""
    try:
        event: E = _DECODERS[cls].decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # msgspec appends the path of the field: "Expected `int`, got `str` - at `$.price_ticks`".
        event = _decode_earlier(cls, data, where, f"{cls.__name__}: {error}")
    names, floats, others = _NUMBERS[cls]
    if all(map(isfinite, floats(event))) and (not others or all(_finite(getattr(event, name)) for name in others)):
        return event
    wrong = next(name for name in names if not _finite(getattr(event, name)))
    raise ContractError(where or cls.subject, f"{cls.__name__}: Expected a finite number - at `$.{wrong}`")


def _decode_earlier(cls: type[E], data: bytes, where: str, fault: str) -> E:
    """Return what bytes of an earlier form mean; `fault` is why they are not of today's."""
    earlier = _EARLIER.get(cls)
    if earlier is None:
        raise ContractError(where or cls.subject, fault) from None
    try:
        event: Any = earlier.in_todays_form(earlier.decoder.decode(data))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError(where or cls.subject, f"{fault}; in its earlier form: {error}") from None
    assert isinstance(event, cls)
    return event


def received(cls: type[E], data: bytes, subject: str) -> E:
    """Return the event in bytes that came on a subject; ContractError when they are not one, or speak of another.

    Subjects are what the broker's permissions are about: an event whose fields say another subject than it came on, or
    none, is nobody's.
    """
    event = decode(cls, data, subject)
    address = event.address()
    if address != subject:
        raise ContractError(subject, f"{cls.__name__}: its fields say {address}")
    return event


def _finite(value: float | Decimal | None) -> bool:
    return value is None or (value.is_finite() if isinstance(value, Decimal) else isfinite(value))
