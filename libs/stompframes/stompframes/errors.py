"""What can be wrong with what a peer sends: one error, which names the rule that was broken."""

from __future__ import annotations

SHOWN_MAX = 40
"""Characters of a peer's text that are repeated to it."""


class ProtocolError(Exception):
    """A rule of the protocol was broken; an ERROR frame with these texts ends the connection."""

    def __init__(self, rule: str, detail: str, receipt: str | None = None) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        """Which rule, in a few words that do not depend on what was sent; the ERROR's `message`."""
        self.detail = detail
        """What was wrong, and what is allowed; the ERROR's body."""
        self.receipt = receipt
        """The receipt that the offending frame asked for, if that much could be read; the ERROR's `receipt-id`."""


def shown(text: str) -> str:
    """Return the beginning of a peer's text, quoted, in printable ASCII."""
    return ascii(text[:SHOWN_MAX]) + ("..." if len(text) > SHOWN_MAX else "")
