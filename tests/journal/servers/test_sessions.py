"""What a journal does when its session on a server is ended, hangs, or waits for others."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal, postgres_session
from netcancel.journal.operations import Moving
from netcancel.journal.statements import Query
from tests.journal.samples import CHANGES, again, bring_to, fate, intent, open_one
from tests.journal.servers.kinds import Kind, on_mysql, on_postgres


def test_sessions_that_were_ended_are_replaced_unnoticed(journal: Journal, kind: Kind) -> None:
    """A restart between two operations costs nobody a failure."""
    payment = open_one(journal)
    for _ in range(3):
        kind.end_sessions()
        assert journal.read(payment.id).result() is not None
        kind.end_sessions()
        open_one(journal)


@on_postgres
def test_a_session_that_is_ended_amid_is_told(journal: Journal, kind: Kind) -> None:
    """Whoever was in the batch learns that it is unclear; nothing of it is there."""
    amid, gate = threading.Event(), threading.Event()

    def wait(_session: Any, _now: int) -> None:
        amid.set()
        assert gate.wait(10)

    sample = intent()
    first = journal._writer.submit(wait, writes=True)  # type: ignore[attr-defined]
    assert amid.wait(10)
    kind.end_sessions()
    futures = [journal.open_new(sample), journal.open_new(intent())]
    gate.set()
    with pytest.raises(JournalUnavailable):
        first.result()
    assert [fate(future.result()) for future in futures] == ["Opened", "Opened"]


@on_postgres
def test_a_session_that_hangs_is_cut_off_and_replaced(journal: Journal, kind: Kind) -> None:
    """Within the budget of a commit, though nothing says that it is broken."""
    open_one(journal)
    [session] = kind.ask(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    os.kill(session["pid"], signal.SIGSTOP)
    try:
        opened = journal.open_new(intent()).result(COMMIT_BUDGET_SECONDS)
    finally:
        os.kill(session["pid"], signal.SIGCONT)
    assert fate(opened) == "Opened"


def ask_one(session: Any) -> None:
    """Ask for something by one statement."""
    session.execute(Query.HOLD, {})


def ask_many(session: Any) -> None:
    """Ask for something by several statements at once."""
    session.execute(Query.NOTED_ANSWERS, *[{"id": "x"}] * 3)


def ask_nothing(session: Any) -> None:
    """Leave it to the commit to find that the server hangs."""
    assert session


@pytest.mark.parametrize("ask", [ask_one, ask_many, ask_nothing])
@on_postgres
def test_a_session_that_hangs_amid_a_transaction_is_given_up(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Any], None]
) -> None:
    """Whatever it waits for: the caller is told, and the next one has another session."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    stopped: list[int] = []

    def hang(session: Any, _now: int) -> None:
        stopped.append(session._connection.info.backend_pid)
        os.kill(stopped[0], signal.SIGSTOP)
        ask(session)

    try:
        with pytest.raises(JournalUnavailable, match="no answer in time"):
            journal._writer.submit(hang, writes=True).result()  # type: ignore[attr-defined]
        monkeypatch.undo()
        assert fate(journal.open_new(intent()).result()) == "Opened"
    finally:
        os.kill(stopped[0], signal.SIGCONT)


@on_postgres
def test_what_takes_too_long_is_cancelled(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says itself what it ended."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)

    def dawdle(session: Any, _now: int) -> None:
        session._connection.execute("SET LOCAL statement_timeout = 0")
        session._connection.execute("SELECT pg_sleep(600)")

    with pytest.raises(JournalUnavailable, match="canceling statement due to user request"):
        journal._writer.submit(dawdle, writes=True).result()  # type: ignore[attr-defined]


@on_postgres
def test_an_older_libpq_cancels_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cancel would wait without end: the connection is given up at once, and replaced."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    monkeypatch.setattr(type(psycopg.capabilities), "has_cancel_safe", lambda *_: False)
    monkeypatch.setattr(psycopg.Connection, "cancel_safe", never)

    def dawdle(session: Any, _now: int) -> None:
        session._connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(JournalUnavailable, match="no answer in time"):
        journal._writer.submit(dawdle, writes=True).result()  # type: ignore[attr-defined]
    assert journal.read("nobody").result() is None


def never(*_: object, **__: object) -> None:
    """Fail whoever calls this."""
    raise AssertionError("an older libpq is asked to cancel")


@on_mysql
def test_a_row_that_is_locked_undoes_the_whole_transaction(journal: Journal, kind: Kind) -> None:
    """The server itself undoes one statement only; what came before it must not be committed."""
    payment, other = bring_to(journal, State.UNCONFIRMED), open_one(journal)
    with closing(kind.connect()) as holder:
        holder.begin()
        holder.cursor().execute(
            "SELECT 1 FROM netcancel_payment WHERE id = %s FOR UPDATE", [payment.id]
        )

        def both(session: Any, now: int) -> None:
            Moving(other, Event.ANSWER_LOST, "w", CHANGES[State.NET_CANCELLING])(session, now)
            Moving(payment, Event.REJECTED, "w", CHANGES[State.CANCELLING])(session, now)

        writing = journal._writer.submit(both, writes=True)  # type: ignore[attr-defined]
        with pytest.raises(JournalUnavailable, match="Lock wait timeout"):
            writing.result(COMMIT_BUDGET_SECONDS)
        holder.rollback()
    assert again(journal, other).state is State.APPROVING
    assert again(journal, payment).state is State.UNCONFIRMED
