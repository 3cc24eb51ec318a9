"""A column chart's geometry, for inline SVG that no script draws; its page also has the numbers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.transfers.figures import Bucket

WIDTH, HEIGHT = 960, 190
_LEFT, _BOTTOM, _TOP = 56, 24, 12
_GAP = 0.18
_LABELS = 6


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
    bucket: Bucket


@dataclass(frozen=True, slots=True)
class Chart:
    parts: Sequence[Part]
    ticks: Sequence[Tick]
    labels: Sequence[Label]


def chart_of(buckets: Sequence[Bucket]) -> Chart:
    """Operations by time: good ones below, warnings and failures on top of them."""
    top = _rounded_up(max((_total(one) for one in buckets), default=0))
    slot = (WIDTH - _LEFT) / max(1, len(buckets))
    scale = (HEIGHT - _BOTTOM - _TOP) / top
    parts: list[Part] = []
    for at, bucket in enumerate(buckets):
        x, y = _LEFT + at * slot + slot * _GAP / 2, float(HEIGHT - _BOTTOM)
        counts = {"good": bucket.good_count, "warning": bucket.warning_count, "bad": bucket.failure_count}
        for tone, count in counts.items():
            if count:
                height = max(count * scale, 1.5)  # one failure among thousands can still be seen
                y -= height
                parts.append(
                    Part(tone, round(x, 1), round(y, 1), round(slot * (1 - _GAP), 1), round(height, 1))
                )
    values = (0, top // 2, top) if top > 1 else (0, top)
    ticks = [Tick(round(HEIGHT - _BOTTOM - value * scale, 1), _short(value)) for value in values]
    every = max(1, len(buckets) // _LABELS)
    labels = [
        Label(round(_LEFT + at * slot, 1), bucket) for at, bucket in enumerate(buckets) if at % every == 0
    ]
    return Chart(parts, ticks, labels)


def _total(bucket: Bucket) -> int:
    return bucket.good_count + bucket.warning_count + bucket.failure_count


def _rounded_up(value: int) -> int:
    """To 1, 2, 4, 6 or 10 times a power of ten, so that the middle is a whole number, too."""
    power = 10 ** (len(str(value)) - 1)
    return next(one * power for one in (1, 2, 4, 6, 10) if one * power >= value) if value else 1


def _short(value: int) -> str:
    """``2000``, ``40k``, ``1.5M``."""
    if value < 10_000:
        return str(value)
    return f"{value / 1000:g}k" if value < 1_000_000 else f"{value / 1_000_000:g}M"
