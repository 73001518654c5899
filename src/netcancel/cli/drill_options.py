"""How large a drill is, and what goes wrong in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from netcancel.cli.demo import PAYMENTS_MAX
from netcancel.cli.sandbox import Memory  # noqa: TC001  cyclopts reads the annotation

PROCESSES_MAX: Final = 16
BLOWS_MAX: Final = 100
WITHIN_SECONDS_MAX: Final = 86_400


def _from(least: int, most: int, says: str) -> Parameter:
    return Parameter(help=says, validator=Number(gte=least, lte=most))


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How large a drill is, and what goes wrong in it."""

    payments: Annotated[
        int, _from(1, PAYMENTS_MAX, "how many approvals the payers make, at most 5000")
    ] = 500
    payers: Annotated[int, _from(1, PROCESSES_MAX, "how many payment processes")] = 2
    workers: Annotated[int, _from(1, PROCESSES_MAX, "how many recovery processes")] = 2
    fault: Annotated[
        list[str],
        Parameter(
            negative="",
            help="NAME, NAME:RATE or NAME@ENDPOINT:RATE, as for the sandbox; may be given more than"
            " once; not given: every fault of the sandbox",
        ),
    ] = field(default_factory=list[str])
    memory: Annotated[
        Memory, Parameter(help="what the sandbox makes of net-cancels; see its own --memory")
    ] = "tombstone"
    kills: Annotated[
        int, _from(0, BLOWS_MAX, "how often a payer or a worker is killed and replaced")
    ] = 6
    pauses: Annotated[
        int, _from(0, BLOWS_MAX, "how often one is stopped for longer than its lease")
    ] = 1
    seed: Annotated[
        int | None, Parameter(help="decides amounts, faults and victims; the report names it")
    ] = None
    within_seconds: Annotated[
        float, _from(1, WITHIN_SECONDS_MAX, "it ends after so long, whatever is still open")
    ] = 600.0
    report: Annotated[
        str | None,
        Parameter(help="an empty or new directory; not given: netcancel-drill-DATE-TIME"),
    ] = None
