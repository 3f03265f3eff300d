"""The API's own examples, made strict JSON: our DTOs read them and write the very same back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from c2wire import dto
from c2wire.configs import CONFIGS, RiskLimitsConfig
from c2wire.enums import ConfigType, L2Action
from c2wire.wire import Dto, decode, decode_all, encode, encode_all, plain
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parent / "examples"
ARRAYS: dict[str, type[Dto]] = {
    "trading-statistics": dto.TradingStatistics,
    "risk-statistics": dto.RiskStatistics,
    "alerts": dto.Alert,
    "orders": dto.Order,
    "trades": dto.Trade,
    "balances": dto.Balance,
}


def written(data: bytes) -> Any:
    """Return JSON with numbers as the text they are, so that 1.50 and 1.5 differ."""
    return json.loads(
        data, parse_float=lambda text: ("number", Decimal(text)), parse_int=lambda text: ("number", Decimal(text))
    )


@pytest.mark.parametrize("name", ARRAYS)
def test_an_example_is_read_and_written_back(name: str) -> None:
    golden = (EXAMPLES / f"{name}.json").read_bytes()
    rows = decode_all(golden, ARRAYS[name])
    assert written(encode_all(rows)) == written(golden)
    assert [list(row) for row in written(encode_all(rows))] == [list(row) for row in written(golden)], "the order"


@pytest.mark.parametrize("kind", ConfigType)
def test_a_configuration_is_read_and_written_back(kind: ConfigType) -> None:
    golden = (EXAMPLES / f"config-{kind.value.lower()}.json").read_bytes()
    config = decode(golden, CONFIGS[kind])
    assert written(encode(config)) == written(golden)
    assert list(written(encode(config))) == list(written(golden))


def test_an_l2_package_is_read_and_written_back() -> None:
    golden = (EXAMPLES / "l2-package.json").read_bytes()
    package = decode(golden, dto.L2Package)
    assert package.entries[0].price == 1234 and package.entries[0].exchange_id is msgspec.UNSET
    assert written(encode(package)) == written(golden)


def test_a_configuration_update_knows_what_it_carries() -> None:
    golden = (EXAMPLES / "config-update.json").read_bytes()
    update = dto.decode_config_update(golden)
    assert update.config_type is ConfigType.INSTRUMENT
    # The example leaves out what was never set; ours says null.
    example = written(golden)
    example["config"] |= {"fx_exchange": None}
    assert written(encode(update)) == example


def test_a_configuration_update_of_no_known_type_names_the_field() -> None:
    with pytest.raises(msgspec.ValidationError, match="config_type"):
        dto.decode_config_update(b'{"action_type":"UPDATED","config_type":"OTHER","config":{}}')


def test_quoted_and_bare_decimals_are_both_read() -> None:
    as_text = decode(b'{"max_long_exposure":"11000.0"}', RiskLimitsConfig)
    as_number = decode(b'{"max_long_exposure":11000.0}', RiskLimitsConfig)
    assert as_text == as_number


def test_both_spellings_of_delete_through_are_read() -> None:
    assert L2Action("delete_thru") is L2Action.DELETE_THROUGH
    assert decode(b'{"side":"buy","action":"delete_thru","level":0}', dto.L2Entry).action is L2Action.DELETE_THROUGH


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e20"), max_value=Decimal("1e20")))
def test_a_decimal_comes_back_to_the_last_digit(number: Decimal) -> None:
    row = dto.Balance(ccy="BTC", src="KRAKEN", ts=0, am=number, av=number, fr=None, mr=number, mra=number)
    assert decode(encode(row), dto.Balance) == row
    assert "e" not in plain(number).lower()


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_what_json_has_no_number_for_is_refused(number: str) -> None:
    row = dto.Balance(ccy="BTC", src="KRAKEN", ts=0, am=Decimal(number), av=None, fr=None, mr=None, mra=None)
    with pytest.raises(ValueError, match="must be finite"):
        encode(row)
