"""From a run that breaks a promise to the fewest faults that still break it (delta debugging)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def fewest(places: Sequence[int], still_breaks: Callable[[list[int]], bool]) -> list[int]:
    """Return a part of `places` that still breaks, of which none can be left out."""
    kept = list(places)
    size = max(1, len(kept) // 2)
    while kept:
        begin = 0
        while begin < len(kept):
            rest = kept[:begin] + kept[begin + size :]
            if still_breaks(rest):
                kept = rest
            else:
                begin += size
        if size == 1:
            return kept
        size //= 2
    return kept
