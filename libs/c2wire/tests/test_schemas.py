"""The schemas hold what is written: the API's examples, anything drawn, and no other form of a number."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from c2wire import dto, enums
from c2wire.configs import CONFIGS
from c2wire.enums import ActionType, ConfigType
from c2wire.schemas import DTOS, reference, schemas, sent_schema
from c2wire.wire import Dto, decode, encode, jsonable
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

EXAMPLES = Path(__file__).parent / "examples"
ARRAYS = {
    "trading-statistics": "TradingStatistics",
    "risk-statistics": "RiskStatistics",
    "alerts": "Alert",
    "orders": "Order",
    "trades": "Trade",
    "balances": "Balance",
}
DECIMALS = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False)


def validator(name: str) -> Draft202012Validator:
    """Return what holds a document to a schema among all of them."""
    return Draft202012Validator(reference(name) | {"components": {"schemas": schemas()}})


@pytest.mark.parametrize("file", ARRAYS)
def test_the_examples_of_the_api_hold(file: str) -> None:
    for row in json.loads((EXAMPLES / f"{file}.json").read_bytes()):
        validator(ARRAYS[file]).validate(row)


@pytest.mark.parametrize("kind", ConfigType)
def test_the_examples_of_configurations_hold_as_they_are_told_and_as_they_are_sent(kind: ConfigType) -> None:
    document = json.loads((EXAMPLES / f"config-{kind.value.lower()}.json").read_bytes())
    validator(CONFIGS[kind].__name__).validate(document)
    Draft202012Validator(sent_schema(kind)).validate(document)
    with pytest.raises(ValidationError, match="colour"):
        Draft202012Validator(sent_schema(kind)).validate(document | {"colour": "red"})
    config = decode(json.dumps(document), CONFIGS[kind])
    for action in ActionType:
        update = dto.ConfigUpdate(action_type=action, config_type=kind, config=config)
        validator("ConfigUpdate").validate(json.loads(encode(update)))


def test_an_update_holds_the_configuration_of_its_type_and_no_other() -> None:
    update = json.loads((EXAMPLES / "config-risk.json").read_bytes())
    with pytest.raises(ValidationError):
        validator("ConfigUpdate").validate({"action_type": "UPDATED", "config_type": "PRICER", "config": update})


def test_every_object_and_list_of_words_has_a_schema() -> None:
    lists = {
        name
        for name, value in vars(enums).items()
        if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
    }
    objects = {cls.__name__ for cls in vars(dto).values() if isinstance(cls, type) and issubclass(cls, Dto)}
    named = {cls.__name__ for cls in (*DTOS, *CONFIGS.values())} | {"ConfigUpdate"}
    assert objects - {"Dto"} <= named
    assert set(schemas()) == named | lists
    Draft202012Validator.check_schema({"components": {"schemas": schemas()}})


@given(st.one_of(st.none(), DECIMALS), DECIMALS)
def test_a_decimal_has_the_form_of_its_field_and_no_other(known: Decimal | None, size: Decimal) -> None:
    row = dto.TradingStatistics(
        algo_id=3,
        start_time=0,
        **dict.fromkeys(
            [
                name
                for name in dto.TradingStatistics.__struct_fields__
                if name not in ("algo_key", "algo_id", "start_time")
            ],
            known,
        ),
    )
    told = json.loads(encode(row))
    validator("TradingStatistics").validate(told)
    order: dict[str, Any] = json.loads((EXAMPLES / "orders.json").read_bytes())[0]
    written = json.loads(encode(decode(json.dumps(order | {"size": str(size)}), dto.Order)))
    validator("Order").validate(written)
    with pytest.raises(ValidationError):
        validator("Order").validate(written | {"size": float(size)})
    if known is not None:
        with pytest.raises(ValidationError):
            validator("TradingStatistics").validate(told | {"pnl": str(known)})


def test_what_is_left_out_may_be_absent_and_nothing_else_may() -> None:
    entry = dto.L2Entry(side=enums.L2Side.BUY, action=enums.L2Action.DELETE_FROM, level=0)
    validator("L2Entry").validate(jsonable(entry))
    assert schemas()["L2Entry"]["required"] == ["side", "action", "level", "number_of_orders"]
    assert "text" not in schemas()["Trade"]["required"] and "text" in schemas()["Order"]["required"]
