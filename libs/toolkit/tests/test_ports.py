import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit.ports import FIRST_UNPRIVILEGED_PORT, GATEWAYS_MAX, LAST_PORT, SPAN, port_map

BASES = st.integers(FIRST_UNPRIVILEGED_PORT, LAST_PORT - SPAN)


def test_without_a_base_the_ports_are_the_documented_ones() -> None:
    ports = port_map(None)
    assert (ports.gateway, ports.exchange, ports.pricing) == (8080, 9000, 8855)
    assert (ports.feed_admin, ports.pricer_admin, ports.quoter_admin, ports.risk_admin) == (8101, 8102, 8103, 8104)
    assert (ports.nats, ports.nats_monitor, ports.redis, ports.further_admin) == (4222, 8222, 6379, 8110)


def test_a_base_shifts_every_port_by_its_documented_offset() -> None:
    ports = port_map(20_000)
    assert (ports.gateway, ports.exchange, ports.pricing) == (20_000, 20_001, 20_030)
    assert (ports.feed_admin, ports.pricer_admin, ports.quoter_admin, ports.risk_admin) == (
        20_011,
        20_012,
        20_013,
        20_014,
    )
    assert (ports.nats, ports.nats_monitor, ports.redis, ports.further_admin) == (20_020, 20_021, 20_022, 20_040)


@given(BASES)
def test_no_two_parts_share_a_port_and_all_are_valid(base: int) -> None:
    listening = list(port_map(base).listening().values())
    assert len(set(listening)) == len(listening)
    assert all(FIRST_UNPRIVILEGED_PORT <= port <= LAST_PORT for port in listening)


@given(BASES.filter(lambda base: base + SPAN <= LAST_PORT - SPAN))
def test_two_instances_a_span_apart_share_no_port(base: int) -> None:
    first, second = port_map(base).listening(), port_map(base + SPAN).listening()
    assert not set(first.values()) & set(second.values())


@pytest.mark.parametrize("base", [-1, 0, FIRST_UNPRIVILEGED_PORT - 1, LAST_PORT - SPAN + 1])
def test_a_base_without_room_is_refused_with_its_rule(base: int) -> None:
    with pytest.raises(ValueError, match=f"port-base {base}: must be between 1024 and"):
        port_map(base)


@pytest.mark.parametrize("base", [None, 1024, 65_535 - 60])
def test_further_gateways_have_ports_of_their_own(base: int | None) -> None:
    ports = port_map(base).listening(GATEWAYS_MAX)
    assert len(set(ports.values())) == len(ports)
    assert max(ports.values()) <= 65_535
    assert base is None or max(ports.values()) <= base + SPAN
