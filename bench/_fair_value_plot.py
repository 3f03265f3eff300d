"""A picture of calibration: of what was said to happen with some probability, how much did."""

from __future__ import annotations

import math
from collections.abc import Sequence

SIZE, MARGIN, BINS = 480, 50, 20
CONFIDENCE = 1.96


def calibration_svg(pairs: Sequence[tuple[float, bool]]) -> str:
    """Return an SVG of the share that came true by stated probability, with 95 % bars as if rows were independent."""
    bins: list[list[bool]] = [[] for _ in range(BINS)]
    said: list[list[float]] = [[] for _ in range(BINS)]
    for probability, won in pairs:
        place = min(BINS - 1, int(probability * BINS))
        bins[place].append(won)
        said[place].append(probability)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{SIZE}" height="{SIZE}" fill="white"/>',
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
        f'<path d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}" fill="none" stroke="#333"/>',
        f'<text x="{SIZE / 2}" y="{SIZE - 12}" text-anchor="middle">probability stated</text>',
        f'<text x="16" y="{SIZE / 2}" text-anchor="middle" transform="rotate(-90 16 {SIZE / 2})">share that won</text>',
    ]
    for tenths in range(0, 11, 2):
        parts.append(f'<text x="{_x(tenths / 10)}" y="{_y(0) + 16}" text-anchor="middle">{tenths / 10:.1f}</text>')
        parts.append(f'<text x="{_x(0) - 8}" y="{_y(tenths / 10) + 4}" text-anchor="end">{tenths / 10:.1f}</text>')
    for outcomes, probabilities in zip(bins, said, strict=True):
        if not outcomes:
            continue
        stated, share = sum(probabilities) / len(probabilities), sum(outcomes) / len(outcomes)
        bar = CONFIDENCE * math.sqrt(max(share * (1 - share), 1e-9) / len(outcomes))
        low, high = max(0.0, share - bar), min(1.0, share + bar)
        parts.append(f'<path d="M{_x(stated):.1f} {_y(low):.1f}V{_y(high):.1f}" stroke="#1f77b4"/>')
        parts.append(f'<circle cx="{_x(stated):.1f}" cy="{_y(share):.1f}" r="4" fill="#1f77b4"/>')
    return "\n".join([*parts, "</svg>", ""])


def _x(share: float) -> float:
    return MARGIN + share * (SIZE - 2 * MARGIN)


def _y(share: float) -> float:
    return SIZE - MARGIN - share * (SIZE - 2 * MARGIN)
