"""A picture of each case: how the profit of a market is distributed, and what is held over its life, of both makers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from _session_market import Row
from _session_venue import NET_EVERY_S
from _session_world import LIFE_S

WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 150, 70, 50, 60
BINS = 40
COLOURS = {"ours": "#1f77b4", "sketch": "#d62728"}
BAND = (5, 95)
"""Percentiles between which most markets lie."""


def session_svg(cases: Mapping[str, Mapping[str, Sequence[Row]]]) -> str:
    """Return an SVG with a row for each case: P&L per market on the left, YES less NO over the life on the right."""
    height = TOP + len(cases) * (HEIGHT + GAP)
    width = LEFT + 2 * WIDTH + GAP + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    shown = [maker for maker in COLOURS if any(maker in rows for rows in cases.values())]
    for place, maker in enumerate(shown):
        parts.append(f'<text x="{LEFT + 80 * place}" y="20" fill="{COLOURS[maker]}" font-size="13">{maker}</text>')
    for place, (case, rows) in enumerate(cases.items()):
        y = TOP + place * (HEIGHT + GAP)
        parts.append(f'<text x="{LEFT}" y="{y - 6}">{case}: P&amp;L per market, $, by share of markets</text>')
        parts += _profits(rows, LEFT, y)
        x = LEFT + WIDTH + GAP
        title = f"YES less NO over the life, s: median and {BAND[0]} to {BAND[1]} % of markets"
        parts.append(f'<text x="{x}" y="{y - 6}">{title}</text>')
        parts += _nets(rows, x, y)
    return "\n".join([*parts, "</svg>", ""])


def _profits(by_maker: Mapping[str, Sequence[Row]], x: int, y: int) -> list[str]:
    everything = [row.pnl for rows in by_maker.values() for row in rows]
    low, high = np.percentile(everything, [0.5, 99.5])
    high = max(high, low + 1.0)
    edges = np.linspace(low, high, BINS + 1)
    shares = {
        maker: np.histogram(np.clip([row.pnl for row in rows], low, high), edges)[0] / len(rows)
        for maker, rows in by_maker.items()
    }
    most = max(float(each.max()) for each in shares.values())
    parts = frame(x, y, (WIDTH, HEIGHT), (float(low), float(high)), (0.0, most))
    for maker, each in shares.items():
        steps = [f"M{x} {y + HEIGHT}"]
        for place, share in enumerate(each):
            at = y + HEIGHT - HEIGHT * float(share) / most
            steps.append(f"L{x + WIDTH * place / BINS:.1f} {at:.1f}H{x + WIDTH * (place + 1) / BINS:.1f}")
        parts.append(f'<path d="{"".join(steps)}V{y + HEIGHT}" fill="none" stroke="{COLOURS[maker]}"/>')
    return parts


def _nets(by_maker: Mapping[str, Sequence[Row]], x: int, y: int) -> list[str]:
    bands = {
        maker: np.percentile([row.nets for row in rows], [BAND[0], 50, BAND[1]], axis=0)
        for maker, rows in by_maker.items()
    }
    most = max(1.0, max(float(np.abs(band).max()) for band in bands.values()))
    parts = frame(x, y, (WIDTH, HEIGHT), (0.0, float(LIFE_S)), (-most, most))
    for maker, band in bands.items():
        times = [x + WIDTH * place * NET_EVERY_S / LIFE_S for place in range(band.shape[1])]
        lines = [
            [
                f"{at:.1f} {y + HEIGHT / 2 * (1 - float(value) / most):.1f}"
                for at, value in zip(times, line, strict=True)
            ]
            for line in band
        ]
        area = "L".join([*lines[0], *reversed(lines[2])])
        parts.append(f'<path d="M{area}Z" fill="{COLOURS[maker]}" fill-opacity="0.15"/>')
        parts.append(f'<path d="M{"L".join(lines[1])}" fill="none" stroke="{COLOURS[maker]}"/>')
    return parts


def frame(
    x: int, y: int, size: tuple[int, int], across: tuple[float, float] | None, up: tuple[float, float]
) -> list[str]:
    """Return the axes of a drawing with its upper left corner at (x, y), and their figures; None has no figures."""
    width, height = size
    bottom = y + height
    parts = [f'<path d="M{x} {y}V{bottom}H{x + width}" fill="none" stroke="#333"/>']
    for share in (0.0, 0.5, 1.0):
        if across is not None:
            value = across[0] + share * (across[1] - across[0])
            parts.append(f'<text x="{x + share * width}" y="{bottom + 14}" text-anchor="middle">{value:.0f}</text>')
        value = up[0] + share * (up[1] - up[0])
        parts.append(f'<text x="{x - 6}" y="{bottom - share * height + 4}" text-anchor="end">{value:.3g}</text>')
    return parts
