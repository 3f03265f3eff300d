"""Configurations as C2 writes them, of our documents, and our documents' sections of what C2 sends.

Values are those that were sent, under the JSON type that C2 gives their field. Ours alone, as a bot's account, stays
out of C2's and is kept when C2 changes the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_type_hints

from c2wire.configs import CONFIGS, Config
from c2wire.dto import ConfigUpdate
from c2wire.enums import ActionType, ConfigType
from common.bots.spot import AccountRisk, CurrencyHedger, CurrencyRiskLimits, CurrencyScope
from common.events import BotConfig, PlatformConfig

SECTIONS: Mapping[str, ConfigType] = MappingProxyType(
    {
        "instrument": ConfigType.INSTRUMENT,
        "pricer": ConfigType.PRICER,
        "hedger": ConfigType.HEDGER,
        "risk_limits": ConfigType.RISK_LIMITS,
    }
)
"""A spot bot's sections."""
DOCUMENTS: Mapping[str, ConfigType] = MappingProxyType(
    {
        AccountRisk.type: ConfigType.RISK,
        CurrencyScope.type: ConfigType.RISK_CURRENCY,
        CurrencyRiskLimits.type: ConfigType.CURRENCY_RISK_LIMITS,
        CurrencyHedger.type: ConfigType.RISK_HEDGER,
    }
)
"""Documents of the platform."""
OF_C2 = "spot"
"""The kind of bot whose configuration C2 knows."""
EARLIER_NAMES = {"source_aggregation": "aggregation_method"}


def bot_config(config: BotConfig, section: str, halted: frozenset[str] = frozenset()) -> Config | None:
    """Return one section of a spot bot; None where the bot has none.

    Each switch is shown as it stands, whatever the others say; but what a halt stops, by section, does not run.
    """
    stored = config.sections.get(section)
    if stored is None:
        return None
    kind = SECTIONS[section]
    running = config.running if kind is ConfigType.INSTRUMENT else bool(stored.get("running"))
    extra = {"algo_id": int(config.algo_id), "running": running and section not in halted}
    return _filled(CONFIGS[kind], stored, extra)


def document_config(config: PlatformConfig) -> Config:
    """Return a document of the platform."""
    extra = {} if config.type == AccountRisk.type else {"currency_id": int(config.id)}
    return _filled(CONFIGS[DOCUMENTS[config.type]], config.document, extra)


def bot_updates(
    before: BotConfig | PlatformConfig | None, after: BotConfig, halted: frozenset[str] = frozenset()
) -> Iterator[ConfigUpdate]:
    """Yield what a bot's change is told as: one update for each section that C2 sees changed, or is gone."""
    if after.kind != OF_C2:
        return
    for section, kind in SECTIONS.items():
        now = None if after.removed else bot_config(after, section, halted)
        was = bot_config(before, section, halted) if isinstance(before, BotConfig) and not before.removed else None
        if now is not None and now != was:
            yield ConfigUpdate(action_type=ActionType.UPDATED, config_type=kind, config=now)
        elif now is None and was is not None:
            yield ConfigUpdate(action_type=ActionType.REMOVED, config_type=kind, config=was)


def switch_updates(config: BotConfig, was: frozenset[str], halted: frozenset[str]) -> Iterator[ConfigUpdate]:
    """Yield the updates of a bot whose sections halts turn off or on, though nobody has changed it."""
    for section, kind in SECTIONS.items():
        now = bot_config(config, section, halted)
        if now is not None and now != bot_config(config, section, was):
            yield ConfigUpdate(action_type=ActionType.UPDATED, config_type=kind, config=now)


def document_update(before: BotConfig | PlatformConfig | None, after: PlatformConfig) -> ConfigUpdate | None:
    """Return what a document's change is told as; None where C2 sees none, as in documents that are ours alone."""
    if after.type not in DOCUMENTS:
        return None
    now = document_config(after)
    was = document_config(before) if isinstance(before, PlatformConfig) and not before.removed else None
    if now == was and not after.removed:
        return None
    action = ActionType.REMOVED if after.removed else ActionType.UPDATED
    return ConfigUpdate(action_type=action, config_type=DOCUMENTS[after.type], config=now)


def section_of(kind: ConfigType, fields: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section or document as C2 has sent it, with what is ours alone as it was stored.

    Whether it runs is left out for an INSTRUMENT, whose switch is the bot's; what was sent as null is left out too.
    """
    theirs = {*CONFIGS[kind].__struct_fields__, *EARLIER_NAMES.values()}
    ours = {name: value for name, value in stored.items() if name not in theirs}
    sent = {name: value for name, value in fields.items() if value is not None}
    if kind is ConfigType.INSTRUMENT:
        sent.pop("running", None)
    return ours | sent


def _filled(cls: type[Config], stored: Mapping[str, Any], extra: Mapping[str, Any]) -> Config:
    fields = {}
    for name, wanted in _types(cls).items():
        value = extra.get(name) if name in extra else stored.get(name, stored.get(EARLIER_NAMES.get(name, "")))
        if value is not None:
            fields[name] = _typed(value, wanted)
    return cls(**fields)


@cache
def _types(cls: type[Config]) -> dict[str, type]:
    """Return the type that C2 gives each field, null apart."""
    return {
        name: next(each for each in (get_args(hint) or (hint,)) if each is not NoneType)
        for name, hint in get_type_hints(cls).items()
    }


def _typed(value: Any, wanted: type) -> Any:
    """Return a stored value under C2's type; one that is no such number is null, for it could not be told."""
    if wanted is bool:
        return value is True or str(value).lower() == "true"
    if wanted is str:
        return _text(value)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return int(number) if wanted is int else number


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_text(each) for each in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_text(each)}" for name, each in value.items())
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
