"""A column chart's geometry, for inline SVG that no script draws; its page also has the numbers. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

WIDTH, HEIGHT = 960, 190
_LEFT, _BOTTOM, _TOP = 56, 24, 12
_GAP = 0.18
_LABELS = 6

Column = Mapping[str, float]
"""Its parts by tone, from the bottom up."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a column."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, and its number."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    column: int
    """Which one it belongs to, from 0."""


@dataclass(frozen=True, slots=True)
class Chart:
    parts: Sequence[Part]
    ticks: Sequence[Tick]
    labels: Sequence[Label]


def short_number(value: int) -> str:
    """``2000``, ``40k``, ``1.5M``."""
    if value < 10_000:
        return str(value)
    return f"{value / 1000:g}k" if value < 1_000_000 else f"{value / 1_000_000:g}M"


def chart_of(columns: Sequence[Column], tick_text: Callable[[int], str] = short_number) -> Chart:
    top = _rounded_up(ceil(max((sum(one.values()) for one in columns), default=0)))
    slot = (WIDTH - _LEFT) / max(1, len(columns))
    scale = (HEIGHT - _BOTTOM - _TOP) / top
    parts: list[Part] = []
    for at, column in enumerate(columns):
        x, y = _LEFT + at * slot + slot * _GAP / 2, float(HEIGHT - _BOTTOM)
        for tone, count in column.items():
            if count:
                height = max(count * scale, 1.5)  # one failure among thousands can still be seen
                y -= height
                parts.append(
                    Part(tone, round(x, 1), round(y, 1), round(slot * (1 - _GAP), 1), round(height, 1))
                )
    values = (0, top // 2, top) if top > 1 else (0, top)
    ticks = [Tick(round(HEIGHT - _BOTTOM - value * scale, 1), tick_text(value)) for value in values]
    every = max(1, len(columns) // _LABELS)
    labels = [Label(round(_LEFT + at * slot, 1), at) for at in range(0, len(columns), every)]
    return Chart(parts, ticks, labels)


def _rounded_up(value: int) -> int:
    """To 1, 2, 4, 6 or 10 times a power of ten, so that the middle is a whole number, too."""
    power = 10 ** (len(str(value)) - 1)
    return next(one * power for one in (1, 2, 4, 6, 10) if one * power >= value) if value else 1
