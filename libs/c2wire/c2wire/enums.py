"""The words of the API that one of a few must be."""

from __future__ import annotations

from enum import StrEnum


class L2Action(StrEnum):
    """What an L2 entry does to the book."""

    TRADE = "trade"
    """A print; the book stays."""
    UPDATE = "update"
    """Another size at the same level and price."""
    INSERT = "insert"
    """A new level; it and all deeper ones move down by one."""
    DELETE = "delete"
    """The level goes; deeper ones move up by one."""
    DELETE_FROM = "delete_from"
    """The level goes, and every deeper one."""
    DELETE_THROUGH = "delete_through"
    """The level goes, and every better one."""

    @classmethod
    def _missing_(cls, value: object) -> L2Action | None:
        # A known component writes it so.
        return cls.DELETE_THROUGH if value == "delete_thru" else None


class L2PackageType(StrEnum):
    """Whether a package is a whole book or what changed in it."""

    SNAPSHOT = "snapshot_full_refresh"
    INCREMENT = "incremental_update"


class L2Side(StrEnum):
    """The side of a book."""

    BUY = "buy"
    SELL = "sell"


class OrderSide(StrEnum):
    """The side of an order or trade."""

    BUY = "BUY"
    SELL = "SELL"


class ActionType(StrEnum):
    """What became of a configuration; one that is new is UPDATED too."""

    UPDATED = "UPDATED"
    REMOVED = "REMOVED"


class ConfigType(StrEnum):
    """The kinds of configuration there are."""

    INSTRUMENT = "INSTRUMENT"
    PRICER = "PRICER"
    HEDGER = "HEDGER"
    RISK_LIMITS = "RISK_LIMITS"
    RISK = "RISK"
    RISK_CURRENCY = "RISK_CURRENCY"
    CURRENCY_RISK_LIMITS = "CURRENCY_RISK_LIMITS"
    RISK_HEDGER = "RISK_HEDGER"


class Initiator(StrEnum):
    """Who sent an order."""

    QUOTER = "QUOTER"
    HEDGER = "HEDGER"


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    REJECTED = "REJECTED"
    PENDING_CANCEL = "PENDING_CANCEL"
    CANCELED = "CANCELED"
    PENDING_REPLACE = "PENDING_REPLACE"
    REPLACED = "REPLACED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    COMPLETELY_FILLED = "COMPLETELY_FILLED"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    GOOD_TILL_CANCEL = "GOOD_TILL_CANCEL"
    IMMEDIATE_OR_CANCEL = "IMMEDIATE_OR_CANCEL"
