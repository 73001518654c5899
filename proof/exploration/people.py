"""What a person may do to a payment that the machines have given up."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from netcancel import operators
from netcancel.core.lifecycle import Event, Resolution
from netcancel.core.payment import MICROSECONDS, Change, Payment
from netcancel.errors import ConfigurationError
from proof.exploration.books import NOBODY
from proof.exploration.scene import is_quiet, same, spend
from proof.exploration.tokens import POLICY

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from netcancel.journal import Journal
    from proof.exploration.books import Books
    from proof.exploration.scene import Scene, Steps


def by_hand(s: Scene, books: Books) -> Steps:
    """Name what a person may do next: have it tried again, or close it as it truly is."""
    if not s.budgets.by_hand or s.row == NOBODY:
        return
    row, spent = books.rows[s.row], spend(s, "by_hand")
    if not operators.may_retry(row):
        return
    for as_cancel in (False, True):
        try:
            yield _retried(spent, row, books, as_cancel=as_cancel)
        except ConfigurationError:
            continue
    seen = _as_seen(row, is_settled=s.phase > 0, is_quiet=is_quiet(s))
    if operators.why_not_resolve(seen, POLICY) is None:
        kind = Resolution.CHARGE_STANDS if s.charge == "live" else Resolution.NO_CHARGE
        yield f"a person resolves it: {kind}", partial(same, _resolved(spent, seen, books, kind))


def _retried(
    s: Scene, seen: Payment, books: Books, *, as_cancel: bool
) -> tuple[str, Callable[[], Scene]]:
    def work(journal: Journal) -> Future[Any]:
        return operators.retry(_tagged(journal), seen, by="a person", as_cancel=as_cancel)

    row, _ = books.do(("retry", as_cancel), s.row, s.phase, work)
    what = "cancel" if as_cancel else "net-cancel"
    return f"a person retries it by a {what}", partial(same, s._replace(row=row))


def _resolved(s: Scene, seen: Payment, books: Books, kind: Resolution) -> Scene:
    def work(journal: Journal) -> Future[Any]:
        return operators.resolve(
            _tagged(journal), seen, POLICY, kind,
            by="a person", note="found", although_told_void=True,
        )  # fmt: skip

    row, _ = books.do(("resolve", kind), s.row, s.phase, work)
    return s._replace(row=row)


def _as_seen(row: Payment, *, is_settled: bool, is_quiet: bool) -> Payment:
    """Return a row as a person reads it: soon after it was written, or when all has ended."""
    read_at = round(POLICY.hold_seconds * MICROSECONDS) + 1 if is_quiet else 1
    return replace(row, updated_at=0, read_at=read_at, settle_at=0 if is_settled else read_at + 1)


class _Tagged:
    """A journal in which whatever a person writes has one tag: else no two runs are the same."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def move_if_unchanged(self, seen: Payment, event: Event, _: str, change: Change) -> Future[Any]:
        return self._journal.move_if_unchanged(seen, event, "person", change)


def _tagged(journal: Journal) -> Journal:
    return cast("Journal", _Tagged(journal))  # of which a person's moves use one operation
