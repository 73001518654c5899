"""Write docs/evidence.md from the records of the long proofs: `python -m tools.evidence`.

What each proof does stands in a text beside this tool's list, in proof/evidence/; its figures stand
in the record of its last kept run, in docs/evidence/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proof.evidence import ROOT, kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from proof.evidence import Figure, Record

PAGE: Final = ROOT / "docs" / "evidence.md"
TEXTS: Final = ROOT / "proof" / "evidence"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its title, the name of its text, and the records that it shows."""

    title: str
    text: str
    records: Sequence[str]


@dataclass(frozen=True, slots=True)
class Glance:
    """A line of the first table: a figure, or the sum of a figure over several records."""

    says: str
    figure: str
    records: Sequence[str]


SIMULATIONS: Final = (
    "simulation-tokens",
    "simulation-full",
    "simulation-postgres",
    "simulation-mariadb",
)

KILLS_OF_SERVERS: Final = ("kills-postgres", "kills-mariadb")
KILLS_BEFORE_OUTAGES: Final = ("kills-link",)
KILLS: Final = (*KILLS_OF_SERVERS, *KILLS_BEFORE_OUTAGES)

SECTIONS: Final = (
    Section("Exploration", "exploration", ("exploration", "exploration-sqlite")),
    Section("Simulation", "simulation", SIMULATIONS),
    Section("Broken twins", "twins", ("twins",)),
    Section("Mutants", "mutants", ("mutants",)),
    Section("Kills", "kills", KILLS),
    Section("Loss of power", "powerloss", ("powerloss", "disk-errors")),
    Section("Fuzzing", "fuzzing", ("fuzzing",)),
    Section("Hostile answers", "hostile", ("hostile",)),
    Section("Schemas", "schemas", ("schemas",)),
    Section("Storm", "storm", ("storm-sqlite", "storm-postgres")),
    Section("Speed", "speed", ("speed",)),
    Section("Journals", "journals", ("journals-1000000", "journals-10000000")),
    Section("Memory", "memory", ("memory",)),
)

GLANCES: Final = (
    Glance("states explored", "states", ("exploration",)),
    Glance("worlds in which a promise breaks", "broken worlds", ("exploration",)),
    Glance("payments simulated", "simulated payments", SIMULATIONS),
    Glance("promises broken in the simulation", "promises broken", SIMULATIONS),
    Glance("broken twins", "twins", ("twins",)),
    Glance("broken twins that nothing noticed", "twins alive", ("twins",)),
    Glance("small faults put into the core and the verdicts", "mutants tried", ("mutants",)),
    Glance("small faults that a test noticed", "mutants noticed", ("mutants",)),
    Glance("images of a disk without power", "images", ("powerloss",)),
    Glance("promises broken by a loss of power", "broken promises", ("powerloss",)),
    Glance("lives of a journal on a failing disk", "lives on a failing disk", ("disk-errors",)),
    Glance("bodies that judge and oracle were asked", "bodies tried", ("fuzzing",)),
    Glance("findings of the fuzzers", "findings", ("fuzzing",)),
    Glance("hostile answers compared", "answers compared", ("hostile",)),
    Glance("payments amid kills", "payments", KILLS),
    Glance("payers killed", "payers killed", KILLS),
    Glance("workers killed", "workers killed", KILLS),
    Glance("database servers killed", "server killed and restarted", KILLS_OF_SERVERS),
    Glance("outages of the link to the gateway", "outages of the link", KILLS_BEFORE_OUTAGES),
    Glance("commits of unknown outcome", "commits whose outcome was unknown", KILLS),
    Glance("promises broken amid kills", "promises broken", KILLS),
)

HEAD: Final = """\
# Evidence

<!-- Written by `python -m tools.evidence` from docs/evidence/: do not edit it by hand. -->

What was tried and measured, with which command and at which commit, so that anybody can do it
again. Each figure is of one run, the last that was kept with `--keep`.
"""


def render() -> str:
    """Return the page."""
    parts = [HEAD, _glances(), *(_section(section) for section in SECTIONS), _untested()]
    return "\n".join(parts)


def _glances() -> str:
    rows = [[glance.says, _summed(glance)] for glance in GLANCES]
    return "## At a glance\n\n" + _table(["what", "how many"], rows)


def _summed(glance: Glance) -> str:
    """Return the sum of a figure; of words there is only one."""
    found = [record.figures[glance.figure] for record in _kept(glance.records)]
    if len(found) == 1:
        return _shown(found[0])
    return _shown(sum(figure for figure in found if not isinstance(figure, str)))


def _section(section: Section) -> str:
    records = _kept(section.records)
    text = (TEXTS / f"{section.text}.md").read_text("utf-8")
    shown = [_run_of(record) for record in records]
    parts = [f"## {section.title}", text.rstrip(), *shown]
    if any(record.figures for record in records):
        parts.append(_figures(records))
    parts += [
        _table(record.table.head, [[_shown(cell) for cell in row] for row in record.table.rows])
        for record in records
        if record.table is not None
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _run_of(record: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return f"*`{record.command}`, commit {record.commit}, {record.date}; {versions}.*"


def _figures(records: Sequence[Record]) -> str:
    """Return one table of the figures; several runs stand side by side."""
    names = dict.fromkeys(name for record in records for name in record.figures)
    rows = [[name, *(_shown(record.figures.get(name, "")) for record in records)] for name in names]
    heads = [record.name for record in records] if len(records) > 1 else ["figure"]
    return _table(["", *heads], rows)


def _untested() -> str:
    records = _kept(name for section in SECTIONS for name in section.records)
    lines = dict.fromkeys(line for record in records for line in record.untested)
    text = (TEXTS / "untested.md").read_text("utf-8")
    return f"## Not tested\n\n{text}" + "".join(f"- {line}\n" for line in lines)


def _kept(names: Iterable[str]) -> list[Record]:
    found = [kept(name) for name in names]
    return [record for record in found if record is not None]


def _shown(figure: Figure) -> str:
    if isinstance(figure, float):
        return f"{figure:,.2f}"
    return f"{figure:,}" if isinstance(figure, int) else figure


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
