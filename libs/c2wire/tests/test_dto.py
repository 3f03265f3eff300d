"""The API's own examples, made strict JSON: our DTOs read them and write the very same back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from c2wire import dto
from c2wire.configs import CONFIGS, Config, RiskConfig, RiskLimitsConfig
from c2wire.enums import ConfigType, L2Action
from c2wire.wire import Dto, decode, decode_all, encode, encode_all, plain
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parent / "examples"
D = TypeVar("D", bound=Dto)


def written(data: bytes) -> Any:
    """Return JSON with numbers as the text they are, so that 1.50 and 1.5 differ."""
    return json.loads(
        data, parse_float=lambda text: ("number", Decimal(text)), parse_int=lambda text: ("number", Decimal(text))
    )


def read_and_written(name: str, cls: type[D]) -> list[D]:
    """Return the rows of an example; written again they are the same, in the same order of fields."""
    golden = (EXAMPLES / f"{name}.json").read_bytes()
    rows = decode_all(golden, cls)
    assert written(encode_all(rows)) == written(golden)
    assert [list(row) for row in written(encode_all(rows))] == [list(row) for row in written(golden)], "the order"
    return rows


def config_read_and_written(kind: ConfigType) -> Config:
    """Return the example of a configuration; written again it is the same, in the same order of fields."""
    golden = (EXAMPLES / f"config-{kind.value.lower()}.json").read_bytes()
    config = decode(golden, CONFIGS[kind])
    assert written(encode(config)) == written(golden)
    assert list(written(encode(config))) == list(written(golden))
    return config


def test_c2_dto_trading_statistics_i4_texts_and_numbers_are_those_of_its_example() -> None:
    for row in read_and_written("trading-statistics", dto.TradingStatistics):
        document = json.loads(encode(row))
        texts = {name for name, value in document.items() if isinstance(value, str)}
        assert texts == {
            "algo_key",
            *("open_buy_qty", "open_sell_qty", "quoter_net_qty", "hedger_net_qty", "current_position_size"),
        }
        swapped = {name: float(value) if name in texts - {"algo_key"} else value for name, value in document.items()}
        assert decode(json.dumps(swapped).encode(), dto.TradingStatistics).open_buy_qty == row.open_buy_qty


def test_c2_dto_risk_statistics_i5_names_its_currency() -> None:
    rows = read_and_written("risk-statistics", dto.RiskStatistics)
    assert all("algo_id" not in json.loads(encode(row)) and row.currency_id >= 0 for row in rows)


def test_c2_dto_alert_i6_says_its_level_and_no_duration_or_a_number() -> None:
    row = read_and_written("alerts", dto.Alert)[0]
    assert (row.level, row.duration) == ("WARNING", None)
    lasting = msgspec.structs.replace(row, duration=1_500)
    assert json.loads(encode(lasting))["duration"] == 1_500
    assert decode(encode(lasting), dto.Alert) == lasting


def test_c2_dto_order_s2_2_6_is_named_by_digits_alone() -> None:
    for row in read_and_written("orders", dto.Order):
        assert row.correlation_id.isdecimal() and int(row.correlation_id) < 2**63
        assert isinstance(json.loads(encode(row))["correlation_id"], str)


def test_c2_dto_trade_i8_may_have_a_text() -> None:
    row = read_and_written("trades", dto.Trade)[0]
    said = msgspec.structs.replace(row, text="a block trade")
    assert decode(encode(said), dto.Trade) == said
    without = msgspec.structs.replace(row, text=msgspec.UNSET)
    assert "text" not in json.loads(encode(without))
    assert decode(encode(without), dto.Trade) == without


def test_c2_dto_balance_is_all_bare_numbers() -> None:
    for row in read_and_written("balances", dto.Balance):
        document = json.loads(encode(row))
        assert {name for name, value in document.items() if isinstance(value, str)} == {"ccy", "src"}


def test_c2_dto_l2_package_dto_l2_entry_are_read_and_written_back() -> None:
    golden = (EXAMPLES / "l2-package.json").read_bytes()
    package = decode(golden, dto.L2Package)
    assert package.entries[0].price == 1234 and package.entries[0].exchange_id is msgspec.UNSET
    assert written(encode(package)) == written(golden)


def test_c2_dto_config_update_knows_what_it_carries() -> None:
    golden = (EXAMPLES / "config-update.json").read_bytes()
    update = dto.decode_config_update(golden)
    assert update.config_type is ConfigType.INSTRUMENT
    # The example leaves out what was never set; ours says null.
    example = written(golden)
    example["config"] |= {"fx_exchange": None}
    assert written(encode(update)) == example


def test_c2_config_instrument_is_read_and_written_back() -> None:
    assert config_read_and_written(ConfigType.INSTRUMENT)


def test_c2_config_pricer_is_read_and_written_back() -> None:
    assert config_read_and_written(ConfigType.PRICER)


def test_c2_config_hedger_is_read_and_written_back() -> None:
    assert config_read_and_written(ConfigType.HEDGER)


def test_c2_config_risk_limits_is_read_and_written_back() -> None:
    assert config_read_and_written(ConfigType.RISK_LIMITS)


def test_c2_config_risk_i10_may_never_have_been_reset() -> None:
    config = config_read_and_written(ConfigType.RISK)
    assert isinstance(config, RiskConfig)
    for last in (None, 0, 1_795_222_805_000):
        said = msgspec.structs.replace(config, last_reset_time=last)
        assert json.loads(encode(said))["last_reset_time"] == last
        assert decode(encode(said), RiskConfig) == said


def test_c2_config_risk_currency_is_read_and_written_back() -> None:
    assert config_read_and_written(ConfigType.RISK_CURRENCY)


def test_c2_config_currency_risk_limits_is_read_and_written_back() -> None:
    assert config_read_and_written(ConfigType.CURRENCY_RISK_LIMITS)


def test_c2_config_risk_hedger_has_no_factor_and_no_parameters_of_orders() -> None:
    config = config_read_and_written(ConfigType.RISK_HEDGER)
    assert {"hedge_qty_factor", "custom_order_parameters"}.isdisjoint(json.loads(encode(config)))


def test_a_configuration_update_of_no_known_type_names_the_field() -> None:
    with pytest.raises(msgspec.ValidationError, match="config_type"):
        dto.decode_config_update(b'{"action_type":"UPDATED","config_type":"OTHER","config":{}}')


def test_c2_i4_i11_quoted_and_bare_decimals_are_both_read() -> None:
    as_text = decode(b'{"max_long_exposure":"11000.0"}', RiskLimitsConfig)
    as_number = decode(b'{"max_long_exposure":11000.0}', RiskLimitsConfig)
    assert as_text == as_number


def test_c2_i14_both_spellings_of_delete_through_are_read() -> None:
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
