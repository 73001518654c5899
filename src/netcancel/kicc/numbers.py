"""New merchant transaction numbers, for cancels that their caller gave none."""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: in the order of ASCII, without letters that are read as others."""

CHANCE_BITS: Final = 50
_TIME_BITS: Final = 45


def new_cancel_number(milliseconds: int, chance: int) -> str:
    """Write a time since the epoch and a random number of `CHANCE_BITS` as 20 ASCII characters.

    Numbers sort by their time, until the year 3084.
    """
    return "C" + _write(milliseconds, _TIME_BITS) + _write(chance, CHANCE_BITS)


def _write(number: int, bits: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in reversed(range(0, bits, 5)))
