"""What one market costs the quoter, by how many there are."""

from __future__ import annotations

import math
from collections.abc import Mapping

WIDTH, HEIGHT, LEFT, TOP, BELOW = 480, 220, 60, 40, 50


def cost_svg(costs_ms: Mapping[int, float]) -> str:
    """Return an SVG of CPU per market and second (ms) over the number of markets, on a scale of its logarithm."""
    most_ms, furthest = 1.2 * max(costs_ms.values()), math.log(max(2, *costs_ms))
    points = {
        markets: (LEFT + WIDTH * math.log(markets) / furthest, TOP + HEIGHT * (1.0 - cost / most_ms))
        for markets, cost in sorted(costs_ms.items())
    }
    bottom = TOP + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + LEFT + 40}" height="{bottom + BELOW}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH + LEFT + 40}" height="{bottom + BELOW}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="13">CPU of the core per market and second, ms</text>',
        f'<path d="M{LEFT} {TOP}V{bottom}H{LEFT + WIDTH}" fill="none" stroke="black"/>',
        f'<text x="{LEFT}" y="{bottom + 36}">markets</text>',
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points.values())}" fill="none" stroke="#1f77b4"/>',
    ]
    for markets, (x, y) in points.items():
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1f77b4"/>',
            f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{costs_ms[markets]:.1f}</text>',
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{markets}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
