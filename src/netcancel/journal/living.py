"""What a journal's operations do about its life and its workers, once for every database.

Whoever checks in, holds or releases has locked the present life first: on a server too, one comes
after the other. Whoever waited for a release meanwhile has locked the life that it replaced; that
only one hold stands is a rule of the tables besides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from netcancel.journal import writes
from netcancel.journal.life import Hold, Mark, Presence, Worker, has_gone_back, is_behind, went_back
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Collection

    from netcancel.journal.operations import Session

FORGET_SECONDS: Final = 86_400.0
"""A worker that was not seen for so long was killed: nobody looks for it any more."""


def check_in(
    session: Session, now: int, *, worker: str, host: str, alive_seconds: float,
    remembered: Collection[Mark | None], new_id: str,
) -> Presence:  # fmt: skip
    """Write a worker's row, and count the present life up; hold it if it went back in time.

    Both in one transaction: once it is counted up, it may be as far as others remember.
    """
    found = _present_life(session, now, new_id)
    session.execute(Query.ADVANCE_INCARNATION, {"id": found.id})
    session.execute(Query.CHECK_IN, {"worker": worker, "host": host, "now": now})
    session.execute(Query.FORGET_WORKERS, {"seen_before": writes.after(now, -FORGET_SECONDS)})
    alive_from = writes.after(now, -alive_seconds)
    presence = Presence(
        workers=sum(each.seen_at >= alive_from for each in workers(session, now)),
        found=found,
        mark=Mark(found.id, found.count + 1),
        replaced=frozenset(life.id for life in _lives(session)[:-1]),
        is_empty=session.execute(Query.ANY_PAYMENT, {}).row is None,
        hold=hold(session, now),
    )
    if has_gone_back(presence, remembered):
        return replace(presence, hold=_held(session, now, presence.hold, went_back(host)))
    return presence


def check_out(session: Session, _now: int, *, worker: str) -> None:
    """Remove a worker's row."""
    session.execute(Query.CHECK_OUT, {"worker": worker})


def workers(session: Session, _now: int) -> list[Worker]:
    """Read who is there."""
    found = session.execute(Query.WORKERS, {}).rows
    return [Worker(row["id"], row["host"], row["started_at"], row["seen_at"]) for row in found]


def hold(session: Session, _now: int) -> Hold | None:
    """Read the hold that stands."""
    row = session.execute(Query.HOLD, {}).row
    return None if row is None else Hold(row["reason"], row["held_at"])


def hold_if_unheld(session: Session, now: int, *, reason: str, new_id: str) -> Hold:
    """Write a hold, unless one stands."""
    _present_life(session, now, new_id)
    return _held(session, now, hold(session, now), reason)


def release_hold(session: Session, now: int, *, by: str, note: str, new_id: str) -> Mark | None:
    """End the hold and begin a new life; None: there was no hold."""
    session.execute(Query.INCARNATION_TO_WRITE, {})
    released = {"now": now, "released_by": by, "note": note}
    if not session.execute(Query.RELEASE_HOLD, released).written:
        return None
    session.execute(Query.BEGIN_INCARNATION, {"id": new_id, "count": 0, "now": now})
    return Mark(new_id, 0)


def may_be_claimed(session: Session, now: int, *, seen: Mark | None) -> bool:
    """Whether no hold stands, and the journal isn't behind what a worker has seen of it.

    The hold is read last: on a server, others may hold and check in between the two.
    """
    return not is_behind(_lives(session), seen) and hold(session, now) is None


def _held(session: Session, now: int, standing: Hold | None, reason: str) -> Hold:
    """Return the hold that stands, or else place one."""
    if standing is not None:
        return standing
    session.execute(Query.PLACE_HOLD, {"reason": reason, "now": now})
    return Hold(reason, now)


def _present_life(session: Session, now: int, new_id: str) -> Mark:
    """Lock and return the present life.

    A journal of a release that kept no lives gets its first one here. It may be an old backup of
    what a host knows already, so that doesn't begin at nothing, as the life of a new journal does.
    """
    row = session.execute(Query.INCARNATION_TO_WRITE, {}).row
    if row is not None:
        return Mark(row["id"], row["count"])
    session.execute(Query.BEGIN_INCARNATION, {"id": new_id, "count": 1, "now": now})
    return Mark(new_id, 1)


def _lives(session: Session) -> list[Mark]:
    rows = session.execute(Query.INCARNATIONS, {}).rows
    return [Mark(row["id"], row["count"]) for row in rows]
