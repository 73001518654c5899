"""How a demonstration or a drill looks: a live picture on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from netcancel.cli.output import plain, show, state_text, table, write
from netcancel.core.lifecycle import State
from netcancel.demo.books import Fault

if TYPE_CHECKING:
    from netcancel.demo.books import Balance
    from netcancel.demo.stage import Snapshot

LINE_SECONDS: Final = 3.0
BAR_COLUMNS: Final = 50
PROBLEMS_SHOWN_MAX: Final = 20


class View(Protocol):
    """Shows snapshots for as long as its `with` block lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __call__(self, seen: Snapshot) -> None:
        """Show the present state of things."""


class Nothing:
    """For programs that read the end alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __call__(self, seen: Snapshot) -> None:
        """Show nothing."""


class Lines:
    """For pipes, files and logs."""

    def __init__(self) -> None:
        self._next = 0.0
        self._events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __call__(self, seen: Snapshot) -> None:
        """Write what is new: events at once, the state every few seconds."""
        for event in seen.events[self._events :]:
            write(f"{event}\n")
        self._events = len(seen.events)
        if seen.seconds >= self._next:
            self._next = seen.seconds + LINE_SECONDS
            states = ", ".join(f"{count} {state}" for state, count in _present(seen))
            write(
                f"{seen.seconds:3.0f} s  {seen.closed} of {seen.total} closed; {states or 'none'};"
                f" {seen.in_doubt} in doubt; {seen.faults} faults\n"
            )


class Picture:
    """For terminals."""

    def __init__(self) -> None:
        self._live = Live(console=Console(highlight=False), auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, seen: Snapshot) -> None:
        """Draw anew."""
        self._live.update(drawn(seen), refresh=True)


def view() -> View:
    """Return the view that suits the standard output."""
    return Picture() if sys.stdout.isatty() else Lines()


def _present(seen: Snapshot) -> list[tuple[State, int]]:
    return [(state, seen.by_state[state]) for state in State if seen.by_state.get(state)]


def drawn(seen: Snapshot) -> Group:
    """Return the picture of a moment."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=seen.total, completed=seen.closed, width=BAR_COLUMNS),
        Text(f"{seen.closed} of {seen.total} payments closed, {seen.seconds:.0f} s"),
    )
    journal = table(
        ("the journal says", "payments", "meaning"),
        [(state_text(state), str(count), state.meaning) for state, count in _present(seen)],
        numbers="payments",
    )
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(seen.told.items()))
    facts = Table.grid(padding=(0, 2))
    facts.add_row("callers were told", told or "nothing yet")
    facts.add_row("in doubt now", str(seen.in_doubt))
    facts.add_row("the gateway charged", f"{seen.live} live, {seen.given_back} given back")
    facts.add_row("faults injected so far", str(seen.faults))
    events = Text("\n".join(seen.events), style="bold red")
    return Group(bar, journal, facts, events)


def show_balance(balance: Balance) -> None:
    """Print the closed books."""
    states = balance.by_state
    approved = states.get(State.APPROVED, 0)
    void = states.get(State.NET_CANCELLED, 0)
    rows = [
        ("charged and live / approved", f"{balance.live:,}", f"{approved:,}"),
        ("their amounts, KRW", f"{balance.live_amount:,}", f"{balance.approved_amount:,}"),
        ("given back / net-cancelled", f"{balance.voided:,}", f"{void:,}"),
        ("never charged / declined", "", f"{states.get(State.DECLINED, 0):,}"),
    ]
    show(table(("the books", "gateway", "journal"), rows, numbers="gateway journal"))
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(balance.told.items()))
    faults = [(fault.value, str(balance.count(fault))) for fault in Fault]
    show(
        table(("must be 0", "payments"), faults, numbers="payments"),
        plain(f"callers were told: {told or 'nothing'}"),
    )
    for problem in balance.problems[:PROBLEMS_SHOWN_MAX]:
        show(plain(f"{problem.number[1]}: {problem.fault}"))
    show(plain("The books balance." if balance.balances else "The books do NOT balance."))
