"""A caller's own transaction on the journal's server: a confirmation commits with the order."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.errors import ConfigurationError
from netcancel.journal import Journal
from tests.journal.samples import CHANGES, NUMBER, again, bring_to, move, open_at, open_one
from tests.journal.servers.kinds import Kind, cases_of, on_mysql, on_postgres
from tests.servers.keeper import used


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_confirmation_joins_the_callers_transaction(
    kind: Kind, journal: Journal, ends: str
) -> None:
    """It is there with the order, or not at all; whatever the transaction has read before."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(kind.connect()) as connection:
        connection.cursor().execute(f"SELECT count(*) FROM {kind.prefix}payment")  # noqa: S608  words of ours
        journal.note(payment, Event.LATE_APPROVAL, "w", Change(note="meanwhile")).result()
        confirmed = journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert confirmed is not None
        assert confirmed.state is State.APPROVED
        assert again(journal, payment).state is State.UNCONFIRMED
        getattr(connection, ends)()
    after = again(journal, payment)
    assert after.state is (State.APPROVED if ends == "commit" else State.UNCONFIRMED)
    assert (after.history[-1].event is Event.CONFIRMED) == (ends == "commit")


@on_mysql
def test_an_old_view_is_not_taken_for_what_is_so_now(kind: Kind, journal: Journal) -> None:
    """A transaction that has read before is told no yes that has been taken back since."""
    payment = bring_to(journal, State.APPROVED)
    with closing(kind.connect()) as connection:
        connection.begin()
        connection.cursor().execute("SELECT count(*) FROM netcancel_payment")
        move(journal, payment, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
        seen = journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert seen is not None
        assert seen.state is State.CANCELLING


@on_postgres
def test_an_old_view_is_refused_by_the_server(kind: Kind, journal: Journal) -> None:
    """A transaction that sees one moment only is told no yes that has been taken back since."""
    payment = bring_to(journal, State.APPROVED)
    with psycopg.connect(kind.url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM netcancel.payment")
        move(journal, payment, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
        with pytest.raises(psycopg.errors.SerializationFailure):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        connection.rollback()


@on_postgres
def test_a_confirmation_cares_for_no_habits_of_the_connection(kind: Kind, journal: Journal) -> None:
    """Whatever rows and cursors a merchant's connection gives, and whatever it prepares."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with psycopg.connect(
        kind.url,
        row_factory=psycopg.rows.scalar_row,
        cursor_factory=psycopg.ClientCursor,
        prepare_threshold=0,
    ) as connection:
        assert journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert connection.execute("SELECT name FROM pg_prepared_statements").fetchall() == []
    assert again(journal, payment).state is State.APPROVED


def of_sqlite(_: Kind) -> Any:
    """Return another driver's connection."""
    return sqlite3.connect(":memory:")


def without_transaction(kind: Kind) -> Any:
    """Return a connection that commits each statement."""
    return kind.connect(autocommit=True)


REFUSED: dict[str, dict[str, tuple[Callable[[Kind], Any], str]]] = {
    "postgres": {
        "of another driver": (of_sqlite, "must be a psycopg.Connection"),
        "without a transaction": (without_transaction, "no open transaction"),
        "of another database": (lambda kind: kind.connect(dbname="postgres"), "another database"),
        "careless": (
            lambda kind: kind.connect(options="-csynchronous_commit=off"),
            "synchronous_commit",
        ),
    },
    "mysql": {
        "of another driver": (of_sqlite, "PyMySQL"),
        "without a transaction": (without_transaction, "no open transaction"),
        "of another database": (lambda kind: kind.connect(database="mysql"), "another database"),
        "of Latin 1": (lambda kind: kind.connect(charset="latin1"), "utf8mb4"),
    },
}


@pytest.mark.parametrize(("kind", "refused"), cases_of(REFUSED), indirect=["kind"])
def test_only_a_transaction_of_the_journals_database_is_joined(
    kind: Kind, journal: Journal, refused: tuple[Callable[[Kind], Any], str]
) -> None:
    """Anything else is refused with a sentence, and nothing is written."""
    connect, sentence = refused
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(connect(kind)) as connection:
        with pytest.raises(ConfigurationError, match=sentence):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        connection.commit()
    assert again(journal, payment).state is State.UNCONFIRMED


@on_postgres
def test_the_journal_of_another_database_is_not_this_one(journal: Journal, tmp_path: Path) -> None:
    """Two journals on two servers: a confirmation can't go to the wrong one."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with used("postgres", tmp_path, in_memory=True) as url, closing(open_at(url)) as other:
        open_one(other)
        with (
            psycopg.connect(url) as connection,
            pytest.raises(ConfigurationError, match="another database"),
        ):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)


@on_postgres
def test_a_connection_that_must_be_awaited_is_awaited(kind: Kind, journal: Journal) -> None:
    """Committed with the order, rolled back with it; a guard that blocks refuses it."""
    payments = [bring_to(journal, State.UNCONFIRMED) for _ in range(2)]

    async def confirm() -> None:
        async with await psycopg.AsyncConnection.connect(kind.url) as connection:
            for payment, end in zip(
                payments, (connection.commit, connection.rollback), strict=True
            ):
                confirmed = await journal.confirm_in_by_awaiting(
                    connection, merc_trx_no=payment.merc_trx_no, **NUMBER
                )
                assert confirmed is not None
                assert confirmed.state is State.APPROVED
                await end()
            with pytest.raises(ConfigurationError, match="must be awaited"):
                journal.confirm_in(connection, merc_trx_no="x", **NUMBER)

    asyncio.run(confirm())
    assert [again(journal, payment).state for payment in payments] == [
        State.APPROVED,
        State.UNCONFIRMED,
    ]


@on_postgres
def test_a_blocking_connection_is_used_by_whoever_awaits(kind: Kind, journal: Journal) -> None:
    """An awaiting guard takes both."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with psycopg.connect(kind.url) as connection:
        confirming = journal.confirm_in_by_awaiting(
            connection, merc_trx_no=payment.merc_trx_no, **NUMBER
        )
        assert asyncio.run(confirming) is not None
    assert again(journal, payment).state is State.APPROVED


@on_postgres
def test_an_interrupted_confirmation_asks_nothing_more(kind: Kind, journal: Journal) -> None:
    """A task that is cancelled while it waits for the row confirms nothing afterwards."""
    payment = bring_to(journal, State.UNCONFIRMED)

    async def confirm() -> None:
        async with await psycopg.AsyncConnection.connect(kind.url) as connection:
            await connection.execute("SELECT 1")
            confirming = asyncio.create_task(
                journal.confirm_in_by_awaiting(
                    connection, merc_trx_no=payment.merc_trx_no, **NUMBER
                )
            )
            while not await asyncio.to_thread(waits_for_a_row, kind):
                assert not confirming.done()
            confirming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await confirming
            await connection.rollback()
            await connection.commit()

    with psycopg.connect(kind.url) as holder:
        holder.execute("SELECT 1 FROM netcancel.payment FOR UPDATE")
        asyncio.run(confirm())
    assert again(journal, payment).state is State.UNCONFIRMED


def waits_for_a_row(kind: Kind) -> bool:
    """Whether a session of this database of PostgreSQL waits for another's lock."""
    waiting = kind.ask(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return waiting != []
