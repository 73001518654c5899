"""Write docs/twins.md from the table of broken twins: `python -m tools.twins`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from proof.twins.table import TWINS
from proof.twins.twin import Kind, Room

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proof.twins.twin import Killer, Twin

PAGE: Final = Path(__file__).parents[1] / "docs" / "twins.md"

HEAD: Final = """\
# Broken twins

<!-- Written by `python -m tools.twins` from `proof.twins`: don't edit it by hand. -->

A broken twin is this project with one mistake in it, those of
[protocol.md](protocol.md#changes-that-look-harmless-and-lose-money), made by a small edit of the
source. For each, the table names what must notice: tests by their names, and proofs (a simulation,
an exhaustive exploration, a campaign with real processes, the demonstration). All of them pass on
the project as it is, and all of them fail on the twin.

```sh
make twins                                        # every twin; two at a time
make twins ARGS="--room core journal --kind test" # some of them
.venv/bin/python -m proof.twins --only no-settle-time
```

A mistake that could be made in several journals has a twin for each journal that makes it in words
of its own. Where a second rule stands behind the one that is taken out, the twin lacks both.
"""

TITLES: Final = {
    Room.CORE: "The order of steps",
    Room.JOURNAL: "The journal",
    Room.FREEZING: "The same data",
    Room.VERDICT: "Verdicts",
    Room.WIRE: "The wire",
}

COLUMNS: Final = (
    "| mistake | twin | what goes wrong | tests that fail | proofs that fail |\n"
    "|---|---|---|---|---|\n"
)


def render() -> str:
    """Return the page."""
    return "\n".join([HEAD, *(_section(room) for room in Room)])


def _section(room: Room) -> str:
    rows = [_row(twin) for twin in TWINS if twin.room is room]
    return f"## {TITLES[room]}\n\n{COLUMNS}{''.join(rows)}"


def _row(twin: Twin) -> str:
    tests = [each for each in twin.killers if each.kind is Kind.TEST]
    proofs = [each for each in twin.killers if each.kind is not Kind.TEST]
    cells = [twin.mistake, f"`{twin.name}`", twin.breaks, _listed(tests), _listed(proofs)]
    return f"| {' | '.join(cells)} |\n"


def _listed(killers: Iterable[Killer]) -> str:
    return ", ".join(f"`{killer}`" for killer in killers)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
