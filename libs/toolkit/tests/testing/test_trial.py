"""What a trial counts as lost and as doubled."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from common.testing.events import fill
from msgspec.structs import replace
from toolkit.ports import SPAN
from toolkit.testing import trial
from toolkit.testing.trial import Execution, executions


def test_a_fill_that_was_published_again_counts_once() -> None:
    first, second = fill(1), fill(2)
    found = executions([first, second, replace(first, ts_received_ns=first.ts_received_ns + 1_000)])
    assert found == Counter(
        [Execution(first.account, "t1", "1", Decimal(1)), Execution(second.account, "t2", "2", Decimal(1))]
    )


def test_an_execution_under_two_ids_is_doubled_and_one_id_with_two_sizes_is_invented() -> None:
    first = fill(1)
    assert executions([first, replace(first, account="mm2")]).total() == 2
    other = executions([first, replace(first, quantity_lots=2)])
    assert other - executions([first]) == Counter([Execution(first.account, "t1", "1", Decimal(2))])


def test_a_range_of_ports_is_given_to_one_platform_only_also_while_nothing_is_bound_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = trial.free_port_base()
    drawn = iter([first, first + SPAN - 1, first + SPAN, first + 2 * SPAN])
    monkeypatch.setattr(trial, "free_port", lambda: next(drawn))
    monkeypatch.setattr(trial, "can_bind", lambda port: True)
    assert trial.free_port_base() in (first + SPAN, first + 2 * SPAN), "the next one may be another test's"
