"""Trouble on demand: an administrator says which fault strikes whom, how often and with what chance."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from exchange.entry.parse import integer, one_of, only, token
from exchange.market.refusals import Refusal
from exchange.market.tape import Json

KINDS: Final = (
    "drop_ack",
    "drop_private",
    "duplicate_fill",
    "delay_ms",
    "reject",
    "rate_limit",
    "server_error_after_accept",
    "fill_after_cancel",
    "book_gap",
    "silence",
    "malformed_frame",
    "disconnect",
)
FAULTS_MAX: Final = 100
COUNT_MAX: Final = 1_000_000
DELAY_MAX_MS: Final = 60_000
_NEEDS_VALUE: Final = {"delay_ms": DELAY_MAX_MS, "fill_after_cancel": 1_000_000}


@dataclass(slots=True)
class Fault:
    """One kind of trouble for one account or everybody, until it has struck often enough."""

    fault_id: int
    fault: str
    account: str | None
    probability: float
    count: int | None
    value: int | None
    struck: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "fault_id": str(self.fault_id),
            "fault": self.fault,
            "account": self.account,
            "probability": self.probability,
            "count": self.count,
            "value": self.value,
            "struck": self.struck,
        }


class Faults:
    """The faults in force; draws come from a seed so that a run repeats."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"faults/{seed}")
        self._last_id = 0
        self.active: list[Fault] = []

    def add(self, body: Json) -> Fault:
        """A fault as the administrator describes it."""
        only(body, frozenset({"fault", "account", "probability", "count", "value"}))
        kind = one_of(body, "fault", KINDS)
        account = None if body.get("account") is None else token(body, "account")
        probability = body.get("probability", 1.0)
        if not isinstance(probability, int | float) or isinstance(probability, bool) or not 0 <= probability <= 1:
            raise Refusal("invalid_field", "probability must be a number from 0 to 1", "probability")
        count = None if "count" in body and body["count"] is None else integer(body, "count", 1, COUNT_MAX, 1)
        value = None
        if kind in _NEEDS_VALUE:
            value = integer(body, "value", 1, _NEEDS_VALUE[kind])
        elif body.get("value") is not None:
            raise Refusal("invalid_field", f"{kind} takes no value", "value")
        if len(self.active) >= FAULTS_MAX:
            raise Refusal("invalid_field", f"at most {FAULTS_MAX} faults at a time", "fault")
        self._last_id += 1
        fault = Fault(self._last_id, kind, account, float(probability), count, value)
        self.active.append(fault)
        return fault

    def remove(self, fault_id: int | None) -> int:
        """End one fault, or all; returns how many ended."""
        before = len(self.active)
        self.active = [] if fault_id is None else [fault for fault in self.active if fault.fault_id != fault_id]
        return before - len(self.active)

    def strike(self, kind: str, account: str | None) -> Fault | None:
        """The fault of this kind that strikes this account now, if any."""
        if not self.active:
            return None
        for fault in self.active:
            if fault.fault != kind or fault.account not in (None, account):
                continue
            if self._random.random() >= fault.probability:
                continue
            fault.struck += 1
            if fault.count is not None and fault.struck >= fault.count:
                self.active.remove(fault)
            return fault
        return None
