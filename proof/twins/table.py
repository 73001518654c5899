"""All twins, in the order of the rooms in which they are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proof.twins import core, freezing, journal, verdict, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.twins.twin import Twin

TWINS: Final[Sequence[Twin]] = (
    *core.TWINS,
    *journal.TWINS,
    *freezing.TWINS,
    *verdict.TWINS,
    *wire.TWINS,
)
