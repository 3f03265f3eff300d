"""Which scopes are stopped and why: the latest word on each (scope, reason), ours and everybody's."""

from __future__ import annotations

from common.events import Halt

ACTOR = "risk"


class Halts:
    """All halts we have heard of or imposed; only a person's lift ends one."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, str], Halt] = {}
        self._count = 0

    def on_halt(self, halt: Halt) -> None:
        """Take in the stream's word on a (scope, reason)."""
        self._words[halt.scope, halt.reason] = halt

    def impose(self, scope: str, reason: str, detail: str, epoch: int, now_ns: int) -> Halt | None:
        """Return the halt to publish, which holds from now on; None when it already holds."""
        if self.active(scope, reason):
            return None
        self._count += 1
        halt = Halt(
            scope=scope,
            reason=reason,
            actor=ACTOR,
            detail=detail,
            halt_id=f"{ACTOR}-{epoch}-{self._count}",
            epoch=epoch,
            ts_ns=now_ns,
        )
        self.on_halt(halt)
        return halt

    def active(self, scope: str, reason: str) -> bool:
        word = self._words.get((scope, reason))
        return word is not None and not word.lifted

    def spoken(self, scope: str, reason: str) -> bool:
        """Say whether this was ever halted, lifted since or not."""
        return (scope, reason) in self._words

    def listed(self) -> list[str]:
        """Return the active halts as 'scope:reason', sorted."""
        return sorted(f"{scope}:{reason}" for (scope, reason), word in self._words.items() if not word.lifted)
