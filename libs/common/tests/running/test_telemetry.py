"""Secrets never reach a log line; figures are text that Prometheus can read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from common.core import Sample
from common.running.telemetry import blot_secrets, process_samples, render_metrics
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

SECRET = "s3cr3t-Va1ue_0123456789"
SECRET_NAMES = ["password", "nats_password", "client_secret", "token", "API_KEY", "Authorization", "jwt", "private_key"]

plain_names = st.text("abcdefgh_", min_size=1, max_size=8)
plain_values = st.none() | st.integers() | st.text("xyz 0123456789", max_size=8)


def wrapped(secret: Any) -> st.SearchStrategy[Any]:
    """Return values that hold a secret somewhere inside."""
    return st.recursive(
        st.just(secret),
        lambda inner: (
            st.lists(inner | plain_values, min_size=1, max_size=3).filter(lambda v: SECRET in repr(v))
            | st.dictionaries(plain_names, inner, min_size=1, max_size=2)
        ),
        max_leaves=4,
    )


@given(name=st.sampled_from(SECRET_NAMES), secret=wrapped(SECRET) | wrapped(SECRET.encode()), event=plain_values)
def test_a_value_under_a_name_of_a_secret_is_blotted_out_whatever_it_is(name: str, secret: Any, event: Any) -> None:
    blotted = blot_secrets(None, "info", {"event": event, name: secret})
    assert SECRET not in repr(blotted)
    assert blotted["event"] == event


@given(
    outer=plain_names,
    secret=st.sampled_from(SECRET_NAMES).flatmap(lambda name: wrapped({name: SECRET})),
)
def test_a_secret_deep_inside_a_document_is_blotted_out(outer: str, secret: Any) -> None:
    assert SECRET not in repr(blot_secrets(None, "info", {outer: secret}))


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"sent bearer {SECRET} and got 401",
        f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.{SECRET}",
        f"cannot connect to nats://quoter:{SECRET}@127.0.0.1:4222",
        f"redis://:{SECRET}@127.0.0.1:6379/0",
    ],
)
@given(wrap=st.sampled_from([lambda t: t, lambda t: [t], lambda t: {"a": {"b": t}}, lambda t: t.encode()]))
def test_text_that_looks_like_a_secret_is_blotted_out_under_any_name(text: str, wrap: Any) -> None:
    assert SECRET not in repr(blot_secrets(None, "info", {"event": wrap(text)}))


def test_what_is_no_secret_stays_readable() -> None:
    fields = {
        "event": "listening on http://127.0.0.1:8101/health",
        "nats_password_file": "/run/secrets/nats",
        "sequence": 17,
        "halts": ["bot-1:daily_loss"],
    }
    assert blot_secrets(None, "info", dict(fields)) == fields


def test_a_log_line_is_one_json_object_with_service_level_and_time_and_no_secret() -> None:
    script = (
        "from common.running.telemetry import configure_logging\n"
        "log = configure_logging('pricer', 'info')\n"
        "log.debug('unheard')\n"
        f"log.info('logged in', token='{SECRET}', headers={{'authorization': 'Bearer {SECRET}'}})\n"
        "try:\n"
        f"    raise ValueError('nats://quoter:{SECRET}@127.0.0.1')\n"
        "except ValueError:\n"
        "    log.exception('failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert SECRET not in done.stderr.replace("raise ValueError", "")
    first, second = [json.loads(line) for line in done.stderr.splitlines()]
    assert (first["event"], first["service"], first["level"]) == ("logged in", "pricer", "info")
    assert first["timestamp"].endswith("Z")
    assert "ValueError" in second["exception"]


label_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(st.dictionaries(label_values, st.floats(allow_nan=False), min_size=1, max_size=5))
def test_the_metrics_text_reads_back_to_the_same_figures(values: dict[str, float]) -> None:
    def samples() -> list[Sample]:
        return [
            Sample("mm_position", "gauge", "Shares held", {"algo_id": label, "venue": "v"}, value)
            for label, value in values.items()
        ]

    (family,) = text_string_to_metric_families(render_metrics(samples).decode())
    assert family.type == "gauge"
    assert {sample.labels["algo_id"]: sample.value for sample in family.samples} == values


def test_a_counter_gets_its_suffix_and_sources_are_joined() -> None:
    text = render_metrics(
        lambda: [Sample("mm_fills", "counter", "Executions", {"algo_id": "1"}, 12)],
        lambda: [Sample("mm_fills", "counter", "Executions", {"algo_id": "2"}, 3)],
        lambda: process_samples(1_000_000_000, 3_500_000_000),
    ).decode()
    assert 'mm_fills_total{algo_id="1"} 12.0' in text
    assert 'mm_fills_total{algo_id="2"} 3.0' in text
    assert text.count("# TYPE mm_fills_total counter") == 1
    assert "mm_uptime_seconds 2.5" in text


def test_labels_may_come_in_any_order_but_must_be_the_same() -> None:
    one = Sample("mm_x", "gauge", "X", {"a": "1", "b": "2"}, 1)
    turned = Sample("mm_x", "gauge", "X", {"b": "4", "a": "3"}, 2)
    text = render_metrics(lambda: [one, turned]).decode()
    assert 'mm_x{a="3",b="4"} 2.0' in text
    with pytest.raises(AssertionError, match="mm_x: labels"):
        render_metrics(lambda: [one, Sample("mm_x", "gauge", "X", {"a": "1"}, 1)])


@pytest.mark.parametrize("name", ["mm_position_yes", "mm_pnl_daily", "mm_free_cash", "mm_exposure_worst", "mm_fees"])
def test_r79_figures_of_what_is_held_and_earned_are_left_out_for_who_may_not_know(name: str) -> None:
    def samples() -> list[Sample]:
        return [Sample(name, "gauge", "Money", {}, 7.0), Sample("mm_uptime_seconds", "gauge", "Time", {}, 1.0)]

    assert name in render_metrics(samples).decode()
    public = render_metrics(samples, private=False).decode()
    assert name not in public
    assert "mm_uptime_seconds" in public
