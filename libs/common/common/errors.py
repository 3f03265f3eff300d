"""Trouble that comes from outside, as one small tree.

MarketMakerError
├── ConfigError            stop before starting; lists every fault at once
├── BusError               the broker refused or did not answer
│   ├── BusUnavailable     transient: nothing was decided, retry with the same message id
│   └── PublishRefused     the broker said no: wrong expected sequence, stream full, no permission
├── CommandUndone          a person's command was not, or not surely, carried out: say so
└── ContractError          bytes we cannot decode: park them with the reason, count, alert

A refusal that belongs to the trade (a pre-trade check, a limit, the venue's no) is a value, not an error from this
tree; so is an answer of a venue that does not come (`quoter.venues.base`).
"""

from __future__ import annotations

from collections.abc import Sequence


class MarketMakerError(Exception):
    """Root of everything this platform raises on purpose."""


class ConfigError(MarketMakerError):
    """The configuration cannot be used; `faults` names each field and the rule it breaks."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


class BusError(MarketMakerError):
    """The message bus did not do what was asked."""


class BusUnavailable(BusError):
    """The broker did not answer in time; the outcome of a publish is unknown and its id makes a retry safe."""


class PublishRefused(BusError):
    """The broker answered no; `code` is its JetStream error code."""

    def __init__(self, subject: str, code: int, description: str) -> None:
        self.subject, self.code, self.description = subject, code, description
        super().__init__(f"publish on {subject} refused: {description} (code {code})")


class CommandUndone(MarketMakerError):
    """What a person ordered was not, or not surely, carried out here; somebody else may have to be asked."""


class ContractError(MarketMakerError):
    """Bytes that are not what the contract says; `where` names the subject or the venue frame."""

    def __init__(self, where: str, reason: str) -> None:
        self.where, self.reason = where, reason
        super().__init__(f"{where}: {reason}")
