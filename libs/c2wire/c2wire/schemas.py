"""JSON Schema of what goes over the wire: every object as it is told, and every configuration as it may be sent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import NoneType
from typing import Any, TypeAlias, get_args, get_type_hints

import msgspec

from c2wire import dto
from c2wire.configs import CONFIGS
from c2wire.enums import ActionType, ConfigType
from c2wire.wire import Dto, layout

Json: TypeAlias = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
"""A decimal in quotes: in full, never as a power of ten."""
DTOS: tuple[type[Dto], ...] = (
    dto.L2Entry,
    dto.L2Package,
    dto.TradingStatistics,
    dto.RiskStatistics,
    dto.Alert,
    dto.Order,
    dto.Trade,
    dto.Balance,
)
SENT_MARK = "Sent"


def reference(name: str) -> Json:
    """Return what stands for a schema of `schemas`."""
    return {"$ref": REFERENCE.format(name=name)}


@cache
def schemas() -> Json:
    """Return by its name the schema of every object and list of words as programs are told it.

    Each field is there but those that may be absent; a decimal is text or a number as the object has it.
    """
    objects = (*DTOS, *CONFIGS.values())
    _, found = msgspec.json.schema_components([*objects, ActionType, ConfigType], ref_template=REFERENCE)
    for cls in objects:
        found[cls.__name__] = _told(cls, found[cls.__name__])
    found[dto.ConfigUpdate.__name__] = _config_update()
    return found


def sent_schema(kind: ConfigType, earlier_names: Iterable[str] = ()) -> Json:
    """Return the schema of a configuration as it may be sent: numbers quoted or bare, empty text as null, nothing else.

    `earlier_names` are those of fields that were renamed and are still taken.
    """
    properties: Json = {}
    for name, hint in get_type_hints(CONFIGS[kind]).items():
        kinds = [each for each in (get_args(hint) or (hint,)) if each is not NoneType]
        properties[name] = {"type": ["boolean", "null"] if kinds == [bool] else ["string", "number", "null"]}
    properties["algo_key"] = {"enum": ["MM", "", None]}
    properties |= {name: {"type": ["string", "null"], "deprecated": True} for name in earlier_names}
    return {
        "title": f"{CONFIGS[kind].__name__}{SENT_MARK}",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _told(cls: type[Dto], schema: Json) -> Json:
    quoted = dict(layout(cls))
    properties = {name: _field(field, quoted[name]) for name, field in schema["properties"].items()}
    always = [field.name for field in msgspec.structs.fields(cls) if field.default is not msgspec.UNSET]
    return schema | {"properties": properties, "required": always}


def _field(schema: Json, quoted: bool) -> Json:
    found = {name: value for name, value in schema.items() if name != "default"}
    if "anyOf" in found:
        found["anyOf"] = [_field(each, quoted) for each in found["anyOf"]]
    if found.pop("format", "") == "decimal":
        found |= {"type": "string", "pattern": DECIMAL} if quoted else {"type": "number"}
    return found


def _config_update() -> Json:
    return {
        "title": dto.ConfigUpdate.__name__,
        "description": (dto.ConfigUpdate.__doc__ or "").strip(),
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "action_type": reference(ActionType.__name__),
                    "config_type": {"const": kind.value},
                    "config": reference(cls.__name__),
                },
                "required": ["action_type", "config_type", "config"],
            }
            for kind, cls in CONFIGS.items()
        ],
    }
