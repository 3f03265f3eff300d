"""The best a maker can do with few takers, by dynamic programming over net and time left.

Takers of both directions come at a known rate, with the sizes of `binary-session`; an uninformed taker takes what is
shown, up to its size. The maker chooses each second how much to show on each side; what it concedes on the price of the
side that reduces |net| attracts informed takers to that side. It weighs profit, volume and the chance of ending with
more than 20 shares. No policy that keeps the market two-sided does better, whatever it assumes; one that has to learn
the rate does worse. Printed are points of that frontier, and the bounds of |net| beside the quoter's own
(`quoter.signals.reach`) for the same rate.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np
from _session_world import AHEAD_NS, INFORMED_EDGE, LIFE_S, NS_PER_S, SIZE_MEDIAN, SIZE_SIGMA, THIN_ARRIVALS_PER_S
from common.bots import Inventory
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from quoter.signals.reach import Comers, Reach
from scipy.special import ndtr
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import number

Vector = NDArray[np.float64]

NET_MAX, SHOWN_MAX, TOLERATED = 250, 150, 20
CLOSE_S = 5
"""Seconds before the end from which nothing rests."""
INFORMED = 0.1
CONCESSIONS = (-0.027, 0.0, 0.01, 0.02, 0.03)
"""How far beyond fair value the side that reduces may be offered; the first is the usual distance."""
PRICE_DEVIATION = 0.30
"""Of the share price over the whole life, which sqrt(ahead / left) of it moves while an informed taker is ahead."""
WEIGHTS = ((0.02, 100.0), (0.1, 300.0), (0.25, 650.0), (0.4, 1_000.0))
"""Dollars that a share of volume, and a market that ends beyond `TOLERATED`, are taken to be worth."""
SIZE_OF_ALL = 50.0
"""Shares of one taker by which the best bounds are met; the mean of the sizes is 41."""
APART_MAX = 15.0
"""Shares between the best bound and the quoter's."""


@dataclass(frozen=True, slots=True)
class Best:
    """What the best policy for some weights comes to in one market."""

    profit: float
    volume: float
    beyond: float
    """Chance of ending with more than `TOLERATED` shares."""
    bounds: dict[int, int]
    """By seconds left: the net up to which a flat maker shows shares."""


def reached_sizes() -> Vector:
    """Return the chance that a taker wants at least 1, 2, ... shares."""
    below: Vector = ndtr(np.log((np.arange(SHOWN_MAX) + 0.5) / SIZE_MEDIAN) / SIZE_SIGMA)
    return 1.0 - below


def best(volume_worth: float, beyond_costs: float, arrivals_per_s: float) -> Best:
    """Solve backwards from the end; by symmetry selling at a net is buying at the opposite one."""
    nets = np.arange(-NET_MAX, NET_MAX + 1)
    rows, wanted = np.arange(nets.size), reached_sizes()
    shares = np.cumsum(wanted)
    beyond = (np.abs(nets) > TOLERATED).astype(float)
    worth, profit, volume = -beyond_costs * beyond, np.zeros(nets.size), np.zeros(nets.size)
    plain, informed = (1.0 - INFORMED) * arrivals_per_s / 2.0, INFORMED * arrivals_per_s
    bounds: dict[int, int] = {}

    def gained(values: Vector, edge: float) -> Vector:
        """Return what buying 1, 2, ... shares at most changes at each net."""
        steps = np.concatenate([np.diff(values), np.full(SHOWN_MAX, edge)])
        return np.cumsum(sliding_window_view(steps, SHOWN_MAX)[: nets.size] * wanted, axis=1)

    for left_s in range(CLOSE_S + 1, LIFE_S + 1):
        moves = PRICE_DEVIATION * math.sqrt(AHEAD_NS / NS_PER_S / left_s)
        change = gained(worth, -1e6)
        chosen, rate, edge = np.full(nets.size, -np.inf), np.zeros(nets.size), np.zeros(nets.size)
        shown = np.zeros(nets.size, dtype=int)
        for concession in CONCESSIONS:
            far = (INFORMED_EDGE - concession) / moves
            come = informed * float(ndtr(-far))
            lost = moves * math.exp(-0.5 * far * far) / math.sqrt(2.0 * math.pi) * informed
            here, each = plain + come, (-concession * (plain + come) - lost) / (plain + come)
            gain = change + (volume_worth + each) * shares
            size = gain.argmax(axis=1)
            found = here * gain[rows, size]
            better = (found > chosen) & ((nets < 0) | (concession == CONCESSIONS[0]))
            chosen, shown = np.where(better, found, chosen), np.where(better, size, shown)
            rate, edge = np.where(better, here, rate), np.where(better, each, edge)
        bounds[left_s] = int(shown[NET_MAX]) + 1
        beyond, profit, volume = (
            values + both + both[::-1]
            for values, both in (
                (beyond, rate * gained(beyond, 0.0)[rows, shown]),
                (profit, rate * (gained(profit, 0.0)[rows, shown] + edge * shares[shown])),
                (volume, rate * (gained(volume, 0.0)[rows, shown] + shares[shown])),
            )
        )
        worth = worth + chosen + chosen[::-1]
    flat = NET_MAX
    return Best(float(profit[flat]), float(volume[flat]), float(beyond[flat]), bounds)


def ours(left_s: int, arrivals_per_s: float) -> float:
    """Return the quoter's bound for a rate that it is sure of."""
    known = Inventory(
        flow_caution=4.0,
        flow_prior_per_min=30.0 * arrivals_per_s * (1.0 + INFORMED),
        flow_prior_s=86_400.0,
        flow_prior_size=SIZE_OF_ALL,
    )
    return Comers().reach(left_s - CLOSE_S, known, Reach(0.0, 0.0), 10).long


def main(options: list[str]) -> list[Figure]:
    """Return points of the frontier, and how far the quoter's bounds are from the best ones."""
    parser = argparse.ArgumentParser(prog="bench thin-flow", description=__doc__)
    parser.add_argument(
        "--arrivals-per-s",
        type=number(0.001, 100.0),
        default=THIN_ARRIVALS_PER_S,
        help="takers of both directions",
    )
    arguments = parser.parse_args(options)
    figures = []
    for volume_worth, beyond_costs in WEIGHTS:
        found = best(volume_worth, beyond_costs, arguments.arrivals_per_s)
        name = f"a share worth {100 * volume_worth:g} c, a rest {beyond_costs:g} $"
        figures += [
            Figure(f"{name}: volume", round(found.volume), "shares per market"),
            Figure(f"{name}: ended with |net| at most {TOLERATED}", round(1.0 - found.beyond, 4), "of markets"),
            Figure(f"{name}: P&L", round(found.profit, 2), "$ per market"),
        ]
    found = best(*WEIGHTS[2], arguments.arrivals_per_s)
    for left_s in (100, 150, 200, 250):
        bound, own = found.bounds[left_s], ours(left_s, arguments.arrivals_per_s)
        figures.append(Figure(f"{left_s} s left: best bound", bound, "shares"))
        figures.append(at_most(f"{left_s} s left: the quoter's, off by", abs(own - bound), "shares", APART_MAX))
    return figures
