"""Many hosts on one server's journal, and the one clock that decides for all of them."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Payment
from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal
from tests.journal.samples import (
    ANSWER,
    CHANGES,
    HOLD,
    NUMBER,
    WORLD,
    Clock,
    again,
    bring_to,
    claim,
    fate,
    intent,
    move,
    open_at,
    open_one,
)
from tests.journal.servers.kinds import Kind

AT = 2_000_000_000_123_456
"""Microseconds, when no host believes it to be."""


def of_postgres(kind: Kind) -> Journal:
    """Open a journal whose sessions find a clock of ours before the server's."""
    with psycopg.connect(kind.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS another_time CASCADE")
        connection.execute("CREATE SCHEMA another_time")
        connection.execute(
            "CREATE FUNCTION another_time.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            f" AS $$ SELECT to_timestamp(0) + {AT} * interval '1 microsecond' $$".encode()
        )
    return open_at(f"{kind.url}?options=-csearch_path%3Danother_time,pg_catalog")


def of_mysql(kind: Kind) -> Journal:
    """Open a journal whose session is told another time."""
    journal = open_at(kind.url)

    def travel(session: Any, _now: int) -> None:
        session._run(f"SET SESSION timestamp = {AT / 1e6:.6f}")

    journal._writer.submit(travel, writes=False).result()  # type: ignore[attr-defined]
    return journal


@pytest.mark.parametrize(
    ("kind", "open_then"),
    [("postgres", of_postgres), ("mysql", of_mysql)],
    ids=["postgres", "mysql"],
    indirect=["kind"],
)
def test_the_servers_clock_decides(kind: Kind, open_then: Callable[[Kind], Journal]) -> None:
    """Leases and due times follow the server's clock, whatever the host's says."""
    with closing(open_then(kind)) as journal:
        payment = open_one(journal)
        assert payment.created_at == AT
        assert payment.due_at == AT + round(HOLD * 1e6)
        lost = Change(due_seconds=0.0, begins_debt=True)
        assert move(journal, payment, Event.ANSWER_LOST, lost).due_at == AT
        assert [each.id for each in claim(journal)] == [payment.id]


def test_journals_of_many_hosts_agree(kind: Kind) -> None:
    """One number has one winner, each claim one owner, and no note is lost."""
    clock = Clock()
    journals = [open_at(kind.url, clock) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        samples = [intent(merc_trx_no=f"ORD_{place % 50}") for place in range(200)]
        openings = zip(itertools.cycle(journals), samples, strict=False)
        fates = list(pool.map(lambda each: fate(each[0].open_new(each[1]).result()), openings))
        assert (fates.count("Opened"), fates.count("Known")) == (50, 150)
        clock.advance(HOLD)
        claimed = list(pool.map(drain, journals))
        numbers = [payment.merc_trx_no for mine in claimed for payment in mine]
        assert sorted(numbers) == sorted({sample.merc_trx_no for sample in samples})
        payment = next(payment for mine in claimed for payment in mine)
        notes = [
            journal.note(payment, Event.LATE_APPROVAL, f"w{place}", Change(answer=ANSWER))
            for place in range(10)
            for journal in journals
        ]
        assert [note.result() for note in notes] == [None] * 40
    after = again(journals[0], payment)
    assert sum("noted by" in line.note for line in after.history) == 40
    for journal in journals:
        journal.close()


def drain(journal: Journal) -> list[Payment]:
    """Claim in small batches until nothing is due, passing over what others are just taking."""
    mine: list[Payment] = []
    while journal.summary(worlds=[WORLD]).result().by_state.get(State.APPROVING):
        mine += claim(journal, limit=3)
    return mine


def test_what_a_caller_holds_is_passed_over_by_claims_and_soon_told_to_moves(kind: Kind) -> None:
    """A long transaction of a merchant's keeps recovery from one payment, not from the others."""
    clock = Clock()
    with closing(open_at(kind.url, clock)) as journal, closing(kind.connect()) as merchant:
        held, other = bring_to(journal, State.UNCONFIRMED), bring_to(journal, State.UNCONFIRMED)
        clock.advance(1_000)
        assert journal.confirm_in(merchant, merc_trx_no=held.merc_trx_no, **NUMBER)
        assert [each.id for each in claim(journal)] == [other.id]
        reject = journal.move_if_unchanged(held, Event.REJECTED, "w", CHANGES[State.CANCELLING])
        with pytest.raises(JournalUnavailable, match=r"lock timeout|Lock wait timeout"):
            reject.result()
        merchant.commit()
        assert again(journal, held).state is State.APPROVED
