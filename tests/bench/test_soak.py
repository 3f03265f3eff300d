"""What a soak run calls growth: slopes through dependent samples, objects by type, and how long a stream holds."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from _slopes import slope_of
from common.running.telemetry import object_samples, render_metrics
from common.streams import MIB
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress
from soak import MEMORY_MB_PER_HOUR, Samples, figures, holding_times, objects_of


def wandering(seed: int, count: int, memory: float, slope: float) -> tuple[list[float], list[float]]:
    """Return times in hours and samples around a line, each resembling the one before."""
    random, times, values, noise = Random(seed), [], [], 0.0
    for place in range(count):
        noise = memory * noise + random.gauss(0.0, 1.0)
        times.append(place / count)
        values.append(100.0 + slope * times[-1] + noise)
    return times, values


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(5, 60))
def test_a_straight_line_is_its_own_slope(slope: float, start: float, count: int) -> None:
    found = slope_of(list(range(count)), [start + slope * at for at in range(count)])
    assert found.value == pytest.approx(slope, abs=1e-6)
    assert found.upper == pytest.approx(slope, abs=1e-3)


@given(st.lists(st.floats(-100, 100), min_size=5, max_size=40))
def test_the_slope_is_that_of_least_squares(values: list[float]) -> None:
    times = [float(at) for at in range(len(values))]
    assert slope_of(times, values).value == pytest.approx(linregress(times, values).slope, abs=1e-8)


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_the_upper_bound_is_missed_once_in_twenty_however_alike_neighbours_are(memory: float) -> None:
    missed = sum(slope_of(*wandering(seed, 180, memory, 5.0)).upper < 5.0 for seed in range(1_000))
    assert 30 <= missed <= 80


def test_few_samples_prove_nothing() -> None:
    assert slope_of([0.0, 1.0], [1.0, 1.0]).upper == inf


def test_objects_are_counted_by_type_where_a_process_tells_them() -> None:
    class Kept:
        """Counted."""

    kept = [Kept() for _ in range(50_000)]
    counts = objects_of(render_metrics(object_samples).decode())
    assert [count for kind, count in counts.items() if kind.endswith("Kept")] == [len(kept)]
    assert objects_of("") == {}


def test_a_stream_holds_until_its_size_or_age_is_reached_and_kept_values_do_not_count() -> None:
    held = holding_times({"ORDER": 512 * MIB / 3_600, "TRADE": 1.0, "RISK": 1e6, "FILL": 0.0})
    assert held == {"ORDER": pytest.approx(3_600), "TRADE": 600}


def test_r82_memory_that_grows_is_a_missed_aim_and_flat_memory_a_met_one() -> None:
    samples = Samples()
    for place in range(100):
        at_s, jitter = 5.0 * place, (place % 3) * 1e4
        samples.memory_bytes["flat"].append((at_s, 80e6 + jitter))
        samples.memory_bytes["grows"].append((at_s, 80e6 + jitter + 83e6 * at_s / 3_600))
        samples.objects["quoter", "Record"].append((at_s, 40.0 * place))
        samples.objects["quoter", "Order"].append((at_s, 500.0 + place % 7))
        samples.descriptors["flat"].append((at_s, 20.0 + place % 2))
        samples.descriptors["grows"].append((at_s, 20.0 + place))
    found = {figure.name: figure for figure in figures(samples.after(0.0), 0)}
    assert found["flat: slope, upper 95 % bound"].met is True
    assert found["grows: slope, upper 95 % bound"].met is False
    assert float(found["grows: slope"].value) == pytest.approx(83, abs=1)
    assert float(found["flat: slope, upper 95 % bound"].value) < MEMORY_MB_PER_HOUR
    assert found["types of objects that grow"].value == 1
    assert "grows: quoter Record" in found
    assert found["processes whose descriptors grow"].value == 1
