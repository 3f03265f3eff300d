"""How far to believe averages of different speeds: the one that foresaw the latest returns best counts most.

In calm times a long memory is the better one; when the market changes its pace, a short one is right within seconds
while the long one is wrong for many minutes. Nobody knows the moment beforehand, but every return says which average it
fits: weights follow Bayes' rule and fade back to what they were given, so that none is ever believed or dismissed for
good. Source: Herbster and Warmuth, "Tracking the best expert", Machine Learning 32, 1998 (their fixed share).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

DEGREES = 6.0
"""Of the Student distribution that returns are judged by: with long tails a single leap does not make a new pace."""


class Surprise:
    """Weights of several variances of one price series."""

    __slots__ = ("_fade_s", "_shares", "weights")

    def __init__(self, shares: Sequence[float], fade_s: float) -> None:
        """Begin with these shares, which make 1; half of what was learnt is forgotten every `fade_s` seconds."""
        assert math.isclose(sum(shares), 1.0), "shares make 1"
        self._shares = tuple(shares)
        self._fade_s = fade_s
        self.weights = tuple(shares)

    def learn(self, move: float, elapsed_s: float, variances: Sequence[float]) -> None:
        """Judge the variances per second that were held before a log return of `elapsed_s` seconds by that return.

        Example: shares .7 and .3, variances 1 and 25, a move of 5 in one second: the first expected it with density
        .00046, the second with .0429, so that their weights become .024 and .976 before any fading.
        """
        likelihoods = [
            weight * _density(move, variance * elapsed_s)
            for weight, variance in zip(self.weights, variances, strict=True)
        ]
        total = sum(likelihoods)
        if total > 0.0:
            self.weights = tuple(likelihood / total for likelihood in likelihoods)
        self.fade(elapsed_s)

    def fade(self, elapsed_s: float) -> None:
        """Let time pass without a return."""
        kept = 2.0 ** (-elapsed_s / self._fade_s)
        self.weights = tuple(
            kept * weight + (1.0 - kept) * share for weight, share in zip(self.weights, self._shares, strict=True)
        )


def _density(move: float, variance: float) -> float:
    """Return the Student density of a move with this variance, but for a factor that all variances have in common."""
    scale = variance * (DEGREES - 2.0) / DEGREES
    return float((1.0 + move * move / (DEGREES * scale)) ** (-0.5 * (DEGREES + 1.0)) / math.sqrt(scale))
