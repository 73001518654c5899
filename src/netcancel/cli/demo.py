"""`demo`: the whole story, from the first payment to the closed books."""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from netcancel.cli.demo_view import show_balance, view
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.output import write
from netcancel.cli.places import empty_directory
from netcancel.demo.stage import Broken
from netcancel.demo.story import perform

if TYPE_CHECKING:
    from netcancel.demo.books import Balance

PAYMENTS_MAX = 5_000
"""More would not make the point clearer, and the sandbox remembers every request."""

SEEDS = 1_000_000


def demo(*, payments: int = 400, seed: int | None = None, keep: str | None = None) -> Exit:
    """Tell the whole story in about a minute, without credentials and without a network.

    A sandbox, two shops and two recovery workers run as processes on one journal, while answers
    are lost in every way the sandbox knows. One shop and one worker are killed in the middle. Then
    the books are closed. Ends with 0: every charge is answered for, 1: not so.

    Parameters
    ----------
    payments
        how many approvals the two shops make
    seed
        decides amounts and faults; a run prints its own
    keep
        an empty or new directory for journal, settings and logs: netcancel list works in it
    """
    if not 1 <= payments <= PAYMENTS_MAX:
        raise Stop(Exit.WRONG, f"--payments must be from 1 to {PAYMENTS_MAX}")
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = _directory(keep)
    write(f"{payments} payments, seed {chosen}\n")
    try:
        balance = _perform(directory, payments, chosen)
    except Broken as error:
        raise Stop(Exit.NO, f"{error} (everything is kept in {directory})") from None
    except KeyboardInterrupt:
        _tidy(directory, keep)
        raise
    show_balance(balance)
    if balance.balances:
        _tidy(directory, keep)
        return Exit.DONE
    write(f"everything is kept in {directory}\n")
    return Exit.NO


def _perform(directory: Path, payments: int, seed: int) -> Balance:
    with view() as watch:
        return perform(directory, payments=payments, seed=seed, watch=watch)


def _directory(keep: str | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="netcancel-demo-"))
    return empty_directory(keep)


def _tidy(directory: Path, keep: str | None) -> None:
    if keep is None:
        shutil.rmtree(directory, ignore_errors=True)
