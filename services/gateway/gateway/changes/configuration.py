"""A change of a bot: checked whole, counted by revision, and told apart by section."""

from __future__ import annotations

import re
from typing import Any

from common.bots import parse_bot
from common.errors import ConfigError
from common.events import BotConfig

from gateway.auth.roles import Role

ALGO_ID_RULE = "must be a number of 1 to 9 digits without leading zero"
_ALGO_ID = re.compile(r"[1-9][0-9]{0,8}")
RISK_SECTION = "risk_limits"


class RevisionConflict(Exception):
    """Somebody else changed the bot since the revision this change was made from."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        super().__init__(f"the bot is at revision {revision}")


def check_algo_id(algo_id: str) -> str:
    """Return the id as it is; ValueError names the rule."""
    if not _ALGO_ID.fullmatch(algo_id):
        raise ValueError(ALGO_ID_RULE)
    return algo_id


def revise(
    known: BotConfig | None,
    *,
    algo_id: str,
    kind: str,
    running: bool,
    sections: dict[str, Any],
    revision: int,
    actor: str,
    reason: str,
    now_ns: int,
) -> BotConfig:
    """Return the bot's next configuration, every default written out.

    ConfigError lists each field and the rule it breaks; RevisionConflict when `revision` is not the one in force
    (0 for a bot that does not exist yet). The id of a removed bot is never used again.
    """
    in_force = known.revision if known is not None else 0
    if known is not None and known.removed:
        raise ConfigError([f"algo_id: bot {algo_id} was removed and its id is never used again"])
    if revision != in_force:
        raise RevisionConflict(in_force)
    if known is not None and known.kind != kind:
        raise ConfigError([f"kind: bot {algo_id} is {known.kind!r} and stays so"])
    try:
        document = parse_bot(kind, sections).model_dump(mode="json")
    except ConfigError as error:
        prefix = "" if error.faults[0].startswith("kind:") else "sections."
        raise ConfigError([prefix + fault for fault in error.faults]) from None
    before = known.sections if known is not None else {}
    changed = [name for name in document if document[name] != before.get(name)]
    if known is None or known.running != running:
        changed.append("running")
    return BotConfig(
        algo_id=algo_id,
        kind=kind,
        revision=in_force + 1,
        running=running,
        sections=document,
        changed=changed,
        actor=actor,
        reason=reason,
        ts_ns=now_ns,
    )


def roles_needed(changed: list[str]) -> frozenset[Role]:
    """Return the roles a change takes: limits are the risk officer's, everything else the trader's."""
    needed = set()
    if RISK_SECTION in changed:
        needed.add(Role.RISK)
    if any(name != RISK_SECTION for name in changed):
        needed.add(Role.TRADER)
    return frozenset(needed)
