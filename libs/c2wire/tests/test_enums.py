"""The words of the API, one test for each list of them."""

from __future__ import annotations

from enum import StrEnum

from c2wire.dto import Order, TradingStatistics
from c2wire.enums import (
    ActionType,
    ConfigType,
    Initiator,
    L2Action,
    L2PackageType,
    L2Side,
    OrderSide,
    OrderStatus,
    TimeInForce,
)


def words(enum: type[StrEnum]) -> set[str]:
    return {each.value for each in enum}


def test_c2_enum_l2_action_is_in_lower_case() -> None:
    assert words(L2Action) == {"trade", "update", "insert", "delete", "delete_from", "delete_through"}


def test_c2_enum_l2_package_type_is_a_snapshot_or_an_increment() -> None:
    assert words(L2PackageType) == {"snapshot_full_refresh", "incremental_update"}


def test_c2_enum_l2_side_is_in_lower_case() -> None:
    assert words(L2Side) == {"buy", "sell"}


def test_c2_enum_order_side_is_in_upper_case() -> None:
    assert words(OrderSide) == {"BUY", "SELL"}


def test_c2_enum_action_type_has_no_word_for_what_is_new() -> None:
    assert words(ActionType) == {"REMOVED", "UPDATED"}


def test_c2_enum_config_type_names_eight() -> None:
    assert words(ConfigType) == {
        *("INSTRUMENT", "PRICER", "HEDGER", "RISK_LIMITS"),
        *("RISK", "RISK_CURRENCY", "CURRENCY_RISK_LIMITS", "RISK_HEDGER"),
    }


def test_c2_enum_initiator_is_the_quoter_or_the_hedger() -> None:
    assert words(Initiator) == {"QUOTER", "HEDGER"}


def test_c2_enum_order_status_is_that_of_known_programs() -> None:
    assert words(OrderStatus) == {
        *("PENDING_NEW", "NEW", "REJECTED", "PENDING_CANCEL", "CANCELED", "PENDING_REPLACE", "REPLACED"),
        *("PARTIALLY_FILLED", "COMPLETELY_FILLED", "EXPIRED", "SUSPENDED"),
    }


def test_c2_enum_time_in_force_enum_order_type_are_those_of_quotes_and_hedges() -> None:
    assert words(TimeInForce) == {"GOOD_TILL_CANCEL", "IMMEDIATE_OR_CANCEL"}
    assert Order.__struct_defaults__ and "LIMIT" in Order.__struct_defaults__


def test_c2_enum_algo_key_is_that_of_the_market_maker() -> None:
    assert TradingStatistics.__struct_defaults__ and "MM" in TradingStatistics.__struct_defaults__
