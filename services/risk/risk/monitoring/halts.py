"""Which scopes are stopped and why: everybody's halts, and those that risk itself calls."""

from __future__ import annotations

from common import halts
from common.events import Halt

ACTOR = "risk"


class Halts(halts.Halts):
    """All halts we have heard of or called; only a person's lift ends one."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def call(self, scope: str, reason: str, detail: str, epoch: int, now_ns: int) -> Halt | None:
        """Return the halt to publish, which holds from now on; None when it already holds."""
        if self.find(scope, reason) is not None:
            return None
        self._count += 1
        halt = Halt(
            scope=scope,
            reason=reason,
            actor=ACTOR,
            detail=detail,
            halt_id=f"{ACTOR}-{epoch}-{self._count}",
            cancels=True,
            epoch=epoch,
            ts_ns=now_ns,
        )
        self.enforce(halt)
        return halt
