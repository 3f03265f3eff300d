"""A change of a bot: checked whole, counted by revision, and told apart by section and field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from common.bots import KINDS, Known, model_of
from common.errors import ConfigError
from common.events import BotConfig

from gateway.auth.roles import Role

ALGO_ID_RULE = "must be a number of 1 to 9 digits without leading zero"
_ALGO_ID = re.compile(r"[1-9][0-9]{0,8}")
RISK_SECTION = "risk_limits"
DIFFERENCES_MAX = 100
VALUE_CHARS_MAX = 200


class RevisionConflict(Exception):
    """Somebody else changed the bot or document since the revision this change was made from."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        super().__init__(f"revision {revision} is in force")


def check_algo_id(algo_id: str) -> str:
    """Return the id as it is; ValueError names the rule."""
    if not _ALGO_ID.fullmatch(algo_id):
        raise ValueError(ALGO_ID_RULE)
    return algo_id


def revise(
    before: BotConfig | None,
    *,
    algo_id: str,
    kind: str,
    running: bool,
    sections: dict[str, Any],
    revision: int,
    actor: str,
    reason: str,
    now_ns: int,
    known: Known | None = None,
) -> BotConfig:
    """Return the bot's next configuration, as its kind stores it.

    ConfigError lists each field and the rule it breaks, also of what it names and is not `known`; RevisionConflict
    when `revision` is not the one in force (0 for a bot that does not exist yet). The id of a removed bot is never used
    again.
    """
    in_force = before.revision if before is not None else 0
    if before is not None and before.removed:
        raise ConfigError([f"algo_id: bot {algo_id} was removed and its id is never used again"])
    if revision != in_force:
        raise RevisionConflict(in_force)
    if before is not None and before.kind != kind:
        raise ConfigError([f"kind: bot {algo_id} is {before.kind!r} and stays so"])
    # A stop is never refused for what has become wrong with the sections since.
    stops = before is not None and not running and sections == before.sections
    document = sections if stops else _judged(kind, sections, known)
    stored = before.sections if before is not None else {}
    changed = changed_names(stored, document)
    if before is None or before.running != running:
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


def changed_names(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what differs between two revisions of a document, what is gone from it last."""
    return [name for name in dict.fromkeys([*after, *before]) if after.get(name) != before.get(name)]


def _judged(kind: str, sections: dict[str, Any], known: Known | None) -> dict[str, Any]:
    model = model_of(kind)
    try:
        document = model.document(sections)
        faults = model.parse(document).faults_among(known) if known is not None else []
        if faults:
            raise ConfigError(faults)
    except ConfigError as error:
        raise ConfigError([f"sections.{fault}" for fault in error.faults]) from None
    return document


def merged(before: BotConfig, sections: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return a bot's sections with some fields changed; a section that is None is left out."""
    found = dict(before.sections)
    for name, fields in sections.items():
        if fields is None:
            found.pop(name, None)
        else:
            found[name] = {**found.get(name, {}), **fields}
    return found


def with_part(before: BotConfig, part: str, running: bool) -> dict[str, Any]:
    """Return a bot's sections with one of its parts started or stopped; ConfigError names the parts it has."""
    model = KINDS.get(before.kind)
    parts = [each for each in model.parts if before.sections.get(each)] if model is not None else []
    if part not in parts:
        raise ConfigError(
            [f"section: must be one of {', '.join(parts) or 'none'} for bot {before.algo_id}, is {part!r}"]
        )
    return merged(before, {part: {"running": running}})


def starts(before: BotConfig | None, after: BotConfig) -> bool:
    """Say whether a change lets something work that did not before: the bot, or one of its parts."""
    model = KINDS[after.kind]
    parts = [name for name in model.parts if (after.sections.get(name) or {}).get("running")]
    stored = before.sections if before is not None else {}
    started = [name for name in parts if not (stored.get(name) or {}).get("running")]
    return after.running and (before is None or not before.running or bool(started))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what was and is by 'section.field', None where there was or is nothing; the first of too many."""
    found: dict[str, list[Any]] = {}
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if isinstance(old or {}, Mapping) and isinstance(new or {}, Mapping):
            old, new = old or {}, new or {}
            fields = [(f"{name}.{field}", old.get(field), new.get(field)) for field in dict.fromkeys([*old, *new])]
        else:
            fields = [(name, old, new)]
        found |= {field: [_shown(was), _shown(is_now)] for field, was, is_now in fields if was != is_now}
    return dict(list(found.items())[:DIFFERENCES_MAX])


def _shown(value: Any) -> Any:
    """Return a value as a record holds it: itself, or the beginning of one that is long."""
    text = msgspec.json.encode(value).decode()
    return value if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "…"


def roles_needed(changed: list[str]) -> frozenset[Role]:
    """Return the roles a change takes: limits are the risk officer's, everything else the trader's."""
    needed = set()
    if RISK_SECTION in changed:
        needed.add(Role.RISK)
    if any(name != RISK_SECTION for name in changed):
        needed.add(Role.TRADER)
    return frozenset(needed)
