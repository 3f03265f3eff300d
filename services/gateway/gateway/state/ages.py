"""How old each number may be before it is shown as stale: what its sender promises, and some grace."""

from __future__ import annotations

from typing import Any

from common.clock import NS_PER_MS, NS_PER_S

FAIR_STALE_NS = 2 * NS_PER_S
TARGET_STALE_NS = 2 * NS_PER_S
"""The quoter renews a target at half its life, 500 ms by default."""
POSITION_STALE_NS = 15 * NS_PER_S
"""Risk repeats every position every 5 s."""
STATISTICS_STALE_NS = 5 * NS_PER_S
LEVELS_STALE_NS = 30 * NS_PER_S
"""Risk looks at the streams' levels every 10 s."""
RISK_STALE_NS = 2 * NS_PER_S
FEED_STALE_NS = 5 * NS_PER_S
ACCOUNT_STALE_NS = 90 * NS_PER_S
"""The quoter asks the venue every 30 s."""


def aged(age_ns: int, stale_ns: int, *, stale: bool = False) -> dict[str, Any]:
    """Return the two fields that stand beside every number: its age in ms and whether that is too old."""
    return {"age_ms": age_ns // NS_PER_MS, "stale": stale or age_ns > stale_ns}
