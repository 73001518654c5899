"""What a journal does on a full disk, and while others hold its file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal
from netcancel.journal.sqlite import open_sqlite
from tests.journal.samples import Clock, fate, intent, open_one, vault
from tests.journal.sqlite.files import run_sql


def test_a_full_disk_is_told_and_survived(journal: Journal, path: Path) -> None:
    """Nothing is opened that isn't written; with room again, the same journal goes on."""
    pages = limit_pages(journal, 1)
    fates = []
    for _ in range(200):
        try:
            fates.append(fate(journal.open_new(intent()).result()))
        except JournalUnavailable as error:
            assert "full" in str(error)  # noqa: PT017  the loop ends at the first of them
            break
    assert len(journal.list_payments().result()) == len(fates) < 200
    limit_pages(journal, pages + 1000)
    open_one(journal)
    journal.close()
    assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]


def limit_pages(journal: Journal, pages: int) -> int:
    """Let the file have so many pages at most, or as many as it has; return how many."""

    def work(session: object, _: int) -> int:
        connection: sqlite3.Connection = session._connection  # type: ignore[attr-defined]
        limit: int = connection.execute(f"PRAGMA max_page_count={pages}").fetchone()[0]
        return limit

    found: int = journal._writer.submit(work, writes=False).result()  # type: ignore[attr-defined]
    return found


def test_a_journal_that_another_writes_is_waited_for_and_then_unavailable(
    journal: Journal, path: Path
) -> None:
    """A caller's own long transaction on the file stops the journal, and it says so."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="locked"):
        journal.open_new(intent()).result()
    holder.execute("ROLLBACK")
    holder.close()
    open_one(journal)


def test_a_commit_waits_for_a_reader(path: Path) -> None:
    """Whoever reads the file is let finish, nobody else begins, and then the payment is there."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="truncate")
    reader = sqlite3.connect(path, isolation_level=None, timeout=0)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM payment").fetchone() == (0,)
    opening = journal.open_new(intent())
    wait_until_refused(path)
    assert not opening.done()
    reader.execute("COMMIT")
    reader.close()
    assert fate(opening.result())
    journal.close()


def wait_until_refused(path: Path) -> None:
    """Return when the file lets no further reader in: a commit waits for those it has."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        while True:
            try:
                other.execute("SELECT count(*) FROM payment").fetchone()
            except sqlite3.OperationalError:
                return


def test_a_reading_waits_for_a_commit(path: Path) -> None:
    """Another process that commits just now is no reason not to answer."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="truncate")
    payment = open_one(journal)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    reading = journal.read(payment.id)
    with pytest.raises(TimeoutError):
        reading.result(0.2)
    holder.execute("ROLLBACK")
    holder.close()
    assert reading.result() is not None
    journal.close()
