"""Plots as SVG: lines over time, and bars. Drawn small, so that a phone shows them too. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.drill.html import Html, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 480
HEIGHT: Final = 240
LEFT: Final = 44
RIGHT: Final = 20
TOP: Final = 10
BOTTOM: Final = 34
GRID: Final = 4

Point = tuple[float, float]


def lines(name: str, says: str, series: Sequence[tuple[str, Sequence[Point]]], unit: str) -> Html:
    """Draw series of points, each with its name; `unit` stands below the horizontal axis."""
    points = [point for _, each in series for point in each]
    right = max((x for x, _ in points), default=0.0) or 1.0
    top = _round_up(max((y for _, y in points), default=0.0))
    drawn = [
        tag(
            "polyline",
            class_=f"line s{place}",
            points=" ".join(f"{_across(x / right):.1f},{_up(y / top):.1f}" for x, y in each),
        )
        for place, (_, each) in enumerate(series)
    ]
    axis = [
        _text(_across(step / GRID), HEIGHT - 16, f"{right * step / GRID:.3g}", "middle")
        for step in range(GRID + 1)
    ]
    keys = [
        tag("li", tag("span", "", class_=f"key s{place}"), label)
        for place, (label, _) in enumerate(series)
    ]
    legend = tag("ul", *keys, class_="legend")
    return join(_figure(name, says, join(_grid(top), *axis, *drawn), unit), legend)


def bars(name: str, says: str, counts: Sequence[tuple[str, int]], unit: str) -> Html:
    """Draw a bar for each count, with its label below."""
    top = _round_up(max((count for _, count in counts), default=0))
    room = (WIDTH - LEFT - RIGHT) / max(len(counts), 1)
    drawn: list[Html] = []
    for place, (label, count) in enumerate(counts):
        x, y = LEFT + place * room, _up(count / top)
        drawn += [
            tag("rect", class_="bar", x=x + 3, y=y, width=room - 6, height=_up(0) - y),
            _text(x + room / 2, HEIGHT - 16, label, "middle"),
        ]
        if count:
            drawn.append(_text(x + room / 2, max(y - 3, TOP), str(count), "middle"))
    return _figure(name, says, join(_grid(top), *drawn), unit)


def _figure(name: str, says: str, inside: Html, unit: str) -> Html:
    """Frame a drawing: whoever doesn't see it is told what it shows."""
    return tag(
        "svg",
        tag("title", name),
        tag("desc", says),
        inside,
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 2, unit, "middle"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )


def _grid(top: float) -> Html:
    """Draw horizontal lines with their numbers."""
    steps = [step / GRID for step in range(GRID + 1)]
    return join(
        *(
            tag("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=_up(each), y2=_up(each))
            for each in steps
        ),
        *(_text(LEFT - 6, _up(each) + 4, f"{top * each:g}", "end") for each in steps),
    )


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _across(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _round_up(value: float) -> float:
    """Return the next number that the grid divides into whole ones."""
    power = 1
    while GRID * power * 10 < value:
        power *= 10
    return next(GRID * power * each for each in range(1, 11) if GRID * power * each >= value)
