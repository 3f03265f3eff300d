"""The table of Avellaneda and Stoikov (2008), simulated again with the quoter's own formulas.

s 100, T 1, sigma 2, dt 0.005, k 1.5, A 140: the mid moves by +-sigma sqrt(dt), an order at a distance d is filled with
probability min(A e^(-k d) dt, 1). `inventory` quotes around the reservation price, `symmetric` quotes its average
spread around the mid. The printed deviations of `symmetric` are some 6 % below those of a large sample.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from quoter.binary.models.reservation import avellaneda_stoikov_price, avellaneda_stoikov_spread
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import whole_number

MID, END, SIGMA, STEP, K, INTENSITY = 100.0, 1.0, 2.0, 0.005, 1.5, 140.0
PROFIT_OFF_MAX, DEVIATION_OFF_MAX = 0.02, 0.10


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    gamma: float
    strategy: str
    profit: float
    profit_sd: float
    shares_sd: float


PUBLISHED = [
    Row(0.1, "inventory", 65.0, 6.6, 2.9),
    Row(0.1, "symmetric", 68.4, 12.7, 8.4),
    Row(0.01, "inventory", 68.6, 8.7, 5.1),
    Row(0.01, "symmetric", 68.8, 12.8, 8.7),
    Row(1.0, "inventory", 31.4, 5.0, 1.7),
    Row(1.0, "symmetric", 44.0, 11.0, 5.1),
]


def simulated(gamma: float, strategy: str, paths: int, seed: int) -> Row:
    """Return mean and deviation of the profit, and the deviation of the shares at the end, over some paths."""
    random = np.random.default_rng([seed, int(gamma * 1_000), strategy == "inventory"])
    steps = round(END / STEP)
    mid = np.full(paths, MID)
    shares: NDArray[np.float64] = np.zeros(paths)
    cash: NDArray[np.float64] = np.zeros(paths)
    spreads = [avellaneda_stoikov_spread(gamma, K, SIGMA**2 * (END - step * STEP)) for step in range(steps)]
    average = float(np.mean(spreads))
    for step in range(steps):
        if strategy == "inventory":
            left = SIGMA**2 * (END - step * STEP)
            # The formula only multiplies and subtracts, so it takes all paths at once.
            centre = avellaneda_stoikov_price(mid, shares, gamma, left)  # type: ignore[arg-type]
            half = spreads[step] / 2
        else:
            centre, half = mid, average / 2  # type: ignore[assignment]
        bid, ask = centre - half, centre + half
        sold = random.random(paths) < np.minimum(INTENSITY * np.exp(-K * (ask - mid)) * STEP, 1.0)
        bought = random.random(paths) < np.minimum(INTENSITY * np.exp(-K * (mid - bid)) * STEP, 1.0)
        shares = shares + bought.astype(float) - sold
        cash = cash + sold * ask - bought * bid
        mid = mid + SIGMA * np.sqrt(STEP) * np.where(random.random(paths) < 0.5, 1.0, -1.0)
    profit = cash + shares * mid
    return Row(gamma, strategy, float(profit.mean()), float(profit.std()), float(shares.std()))


def main(options: list[str]) -> list[Figure]:
    """Simulate the six rows and compare each with what was printed."""
    parser = argparse.ArgumentParser(prog="bench avellaneda-stoikov", description=__doc__)
    parser.add_argument("--paths", type=whole_number(), default=20_000)
    parser.add_argument("--seed", type=whole_number(0), default=1)
    arguments = parser.parse_args(options)
    figures = []
    for printed in PUBLISHED:
        ours = simulated(printed.gamma, printed.strategy, arguments.paths, arguments.seed)
        name = f"gamma {printed.gamma:g} {printed.strategy}"
        print(
            f"{name}: profit {ours.profit:.2f} (printed {printed.profit}), deviation {ours.profit_sd:.2f} "
            f"({printed.profit_sd}), of shares {ours.shares_sd:.2f} ({printed.shares_sd})"
        )
        for what, value, wanted, most in (
            ("profit", ours.profit, printed.profit, PROFIT_OFF_MAX),
            ("deviation of profit", ours.profit_sd, printed.profit_sd, DEVIATION_OFF_MAX),
            ("deviation of shares", ours.shares_sd, printed.shares_sd, DEVIATION_OFF_MAX),
        ):
            figures.append(Figure(f"{name}: {what}", round(value, 3), "", f"{wanted:g}"))
            figures.append(at_most(f"{name}: {what}, off by", abs(value / wanted - 1), "", most))
    return figures
