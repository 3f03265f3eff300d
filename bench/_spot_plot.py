"""A picture of each case: profit by part with its standard error, the sum over the hours, and the net by the minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from _session_plot import frame
from _session_report import mean
from _spot_hour import Row
from _spot_maker import BEYOND_COINS
from _spot_parts import NAMES

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 130, 80, 50, 70
SHOWN = ("P&L", *NAMES)
COLOURS = ("#333333", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#1f77b4")
BAND = (5, 95)


def spot_svg(cases: Mapping[str, Sequence[Row]]) -> str:
    """Return an SVG with a row for each case."""
    height, width = TOP + len(cases) * (HEIGHT + GAP), LEFT + 3 * (WIDTH + LEFT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, (case, rows) in enumerate(cases.items()):
        y = TOP + place * (HEIGHT + GAP)
        parts.append(f'<text x="{LEFT}" y="{y - 24}" font-size="13">{case}</text>')
        titles = (
            "yen per hour by part, two standard errors",
            "P&amp;L over the hours, yen",
            "net by the minute, coins",
        )
        for drawn, title, x in zip((_parts, _sum, _nets), titles, range(LEFT, width, WIDTH + LEFT), strict=False):
            parts.append(f'<text x="{x}" y="{y - 8}">{title}</text>')
            parts += drawn(rows, x, y)
    return "\n".join([*parts, "</svg>", ""])


def _parts(rows: Sequence[Row], x: int, y: int) -> list[str]:
    means = [mean([row.pnl if name == "P&L" else row.parts[name] for row in rows]) for name in SHOWN]
    errors = [2 * each.error if np.isfinite(each.error) else 0.0 for each in means]
    low = min(0.0, *(each.value - error for each, error in zip(means, errors, strict=True)))
    high = max(0.0, *(each.value + error for each, error in zip(means, errors, strict=True)))
    high = max(high, low + 1.0)

    def at(value: float) -> float:
        return y + HEIGHT * (high - value) / (high - low)

    parts = frame(x, y, (WIDTH, HEIGHT), None, (low, high))
    parts.append(f'<path d="M{x} {at(0):.1f}h{WIDTH}" stroke="#999"/>')
    step = WIDTH / len(SHOWN)
    for place, (name, each, error) in enumerate(zip(SHOWN, means, errors, strict=True)):
        left, top, bottom = x + step * (place + 0.15), at(max(0.0, each.value)), at(min(0.0, each.value))
        parts += [
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{0.7 * step:.1f}" height="{bottom - top:.1f}" '
            f'fill="{COLOURS[place]}"/>',
            f'<path d="M{left + 0.35 * step:.1f} {at(each.value - error):.1f}V{at(each.value + error):.1f}" '
            'stroke="black"/>',
            f'<text x="{left + 0.35 * step:.1f}" y="{y + HEIGHT + 14}" text-anchor="middle">'
            f"{name.replace('&', '&amp;')}</text>",
        ]
    return parts


def _sum(rows: Sequence[Row], x: int, y: int) -> list[str]:
    sums = np.concatenate([[0.0], np.cumsum([row.pnl for row in rows])])
    low, high = float(min(0.0, sums.min())), float(max(1.0, sums.max()))
    points = [
        f"{x + WIDTH * place / (len(sums) - 1):.1f} {y + HEIGHT * (high - float(value)) / (high - low):.1f}"
        for place, value in enumerate(sums)
    ]
    return [
        *frame(x, y, (WIDTH, HEIGHT), (0.0, float(len(rows))), (low, high)),
        f'<path d="M{"L".join(points)}" fill="none" stroke="#1f77b4"/>',
    ]


def _nets(rows: Sequence[Row], x: int, y: int) -> list[str]:
    """Draw the median and the band of most hours; the hedger's maximum is dashed."""
    low, middle, high = np.percentile([row.nets for row in rows], [BAND[0], 50, BAND[1]], axis=0)
    most = max(1.2 * BEYOND_COINS, float(np.abs([low, high]).max()))

    def line(values: Sequence[float]) -> list[str]:
        step = WIDTH / max(1, len(values) - 1)
        return [
            f"{x + step * place:.1f} {y + HEIGHT / 2 * (1 - float(value) / most):.1f}"
            for place, value in enumerate(values)
        ]

    parts = frame(x, y, (WIDTH, HEIGHT), (0.0, float(len(middle))), (-most, most))
    for bound in (-BEYOND_COINS, BEYOND_COINS):
        at = y + HEIGHT / 2 * (1 - bound / most)
        parts.append(f'<path d="M{x} {at:.1f}h{WIDTH}" stroke="#d62728" stroke-dasharray="4 3"/>')
    area = "L".join([*line(low), *reversed(line(high))])
    parts.append(f'<path d="M{area}Z" fill="#1f77b4" fill-opacity="0.2"/>')
    parts.append(f'<path d="M{"L".join(line(middle))}" fill="none" stroke="#1f77b4"/>')
    return parts
