"""One batch of work: done in one transaction, or each piece by itself where the whole can't be.

Whose work it was is told only after the commit, by its future: nothing is told that is not durable,
and where a commit raises, nobody knows whether it is, so all hear that the journal is unavailable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import JournalUnavailable
from netcancel.observe import log

if TYPE_CHECKING:
    from netcancel.futures import SturdyFuture

T = TypeVar("T")
S_contra = TypeVar("S_contra", contravariant=True)
S = TypeVar("S", bound="Session")

TRIES_MAX: Final = 5
"""How often an operation that had to give way is done again, by itself."""


class Session(Protocol):
    """A connection to a database, used by one thread only."""

    def begin(self, *, writes: bool) -> int:
        """Begin a transaction, and return the journal's time in microseconds.

        With `writes`, an embedded database lets no other writer in until the end.
        """

    def perform(self, works: Sequence[Work[Self, Any]], now: int) -> Sequence[Any]:
        """Do works and return their results, all as if they were done one after the other."""

    def commit(self) -> None:
        """Make the transaction durable; what it raises leaves open whether it is."""

    def roll_back(self) -> None:
        """Undo the transaction, if one is open."""

    def close(self) -> None:
        """Release the connection."""

    def is_trouble(self, error: Exception) -> bool:
        """Whether an error comes from the database's state, not from a bug of ours."""

    def is_deadlock(self, error: Exception) -> bool:
        """Whether a transaction had to give way to another: undone, it may be done again."""

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be done in it any more, but perhaps in a new one."""


Work = Callable[[S_contra, int], T]
"""What to do in a session at a time in microseconds."""


@dataclass(frozen=True, slots=True)
class Task(Generic[S]):
    """A piece of work, whether it writes, and who is told."""

    work: Work[S, Any]
    writes: bool
    future: SturdyFuture[Any]


def serve(
    connect: Callable[[], S],
    session: S | None,
    batch: Sequence[Task[S]],
    *,
    tries: int = TRIES_MAX,
) -> S | None:
    """Run a batch and tell its callers; return the session, None where it must be new.

    `connect` opens a session where there is none, or the one there is was lost.
    """
    if not batch:
        return session
    try:
        session, now = _begin(connect, session, writes=any(task.writes for task in batch))
    except Exception as error:  # noqa: BLE001  whatever it was, the callers must hear of it
        _give_up(session, batch, _unavailable(error))
        return None
    try:
        results = session.perform([task.work for task in batch], now)
    except Exception as error:  # noqa: BLE001  likewise
        return _serve_alone(connect, session, batch, error, tries)
    try:
        session.commit()
    except Exception as error:  # noqa: BLE001  it may be durable or not: the callers read again
        if any(task.writes for task in batch):
            log.notice("a commit to the journal got no clear answer: %s", error)
        _give_up(session, batch, _unavailable(error))
        return None
    for task, result in zip(batch, results, strict=True):
        task.future.set_result(result)
    return session


def close_session(session: Session | None) -> None:
    """Release a session, if there is one, in whatever state it is."""
    if session is not None:
        with contextlib.suppress(Exception):
            session.close()


def _begin(connect: Callable[[], S], session: S | None, *, writes: bool) -> tuple[S, int]:
    """Begin; a session that was lost since its last batch is replaced, once."""
    if session is not None:
        try:
            return session, session.begin(writes=writes)
        except Exception:
            if not session.is_lost:
                raise
            close_session(session)
    session = connect()
    try:
        return session, session.begin(writes=writes)
    except Exception:
        close_session(session)
        raise


def _serve_alone(
    connect: Callable[[], S], session: S, batch: Sequence[Task[S]], error: Exception, tries: int
) -> S | None:
    """Undo a batch in which one operation failed, and run each by itself, as long as they wait."""
    if len(batch) == 1 and tries > 1 and session.is_deadlock(error):
        return serve(connect, _undo(session), batch, tries=tries - 1)
    if session.is_lost or (len(batch) == 1 and session.is_trouble(error)):
        _give_up(session, batch, _unavailable(error))
        return None
    survivor = _undo(session)
    if len(batch) == 1:
        _fail(batch, error)
        return survivor
    until = monotonic() + COMMIT_BUDGET_SECONDS
    for place, task in enumerate(batch):
        if monotonic() >= until:  # whoever asked has gone, and others wait
            _fail(batch[place:], _unavailable(error))
            break
        survivor = serve(connect, survivor, [task])
    return survivor


def _undo(session: S) -> S | None:
    """Roll back; a session that can't is given up."""
    try:
        session.roll_back()
    except Exception:  # noqa: BLE001  a broken connection is replaced, whatever broke it
        close_session(session)
        return None
    return session


def _give_up(session: S | None, batch: Sequence[Task[S]], error: Exception) -> None:
    """Close a session that met trouble: a new one may find it mended. Tell every caller."""
    if session is not None:
        _undo(session)
    close_session(session)
    _fail(batch, error)


def _fail(batch: Sequence[Task[Any]], error: Exception) -> None:
    for task in batch:
        task.future.set_exception(error)


def _unavailable(error: Exception) -> JournalUnavailable:
    """Say what a database's error means to callers."""
    unavailable = JournalUnavailable(f"the journal can't be read or written: {error}")
    unavailable.__cause__ = error
    return unavailable
