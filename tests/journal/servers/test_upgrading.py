"""The steps that make and change a journal's tables on a server, and how long they may take."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal import Journal, postgres_session
from netcancel.journal.opening import open_tables
from netcancel.journal.postgres import server_at
from netcancel.journal.server import UnsureCommit
from netcancel.journal.statements import Migration
from tests.journal.samples import open_at, open_one, vault
from tests.journal.servers.first import make_first
from tests.journal.servers.kinds import Kind, on_postgres
from tests.servers.keeper import used
from tests.servers.standby import set_standby


def test_a_journal_of_an_older_release_is_brought_up_to_date(kind: Kind) -> None:
    """New code refuses it before, and works on it after; a second step is none."""
    first, *later = kind.server().migrations
    server = dataclasses.replace(kind.server(), migrations=(first,))  # type: ignore[type-var]
    with closing(server.connect()) as session:
        make_first(session, first, {"id": bytes(16), "secret": vault().new_secret()})
    with pytest.raises(ConfigurationError, match="netcancel db upgrade"):
        open_at(kind.url)
    tables = open_tables(kind.url)
    assert tables.standing().missing == tuple(each.name for each in later)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: open_tables(kind.url).upgrade(), range(4)))
    assert sorted(name for names in made for name in names) == [each.name for each in later]
    assert tables.standing().is_good
    with closing(open_at(kind.url)) as journal:
        open_one(journal)


def test_a_new_journal_is_the_sum_of_its_steps(kind: Kind, journal: Journal) -> None:
    """Nothing is missing, and what somebody changed by hand is seen."""
    assert journal.strangers().result() == 0
    assert open_tables(kind.url).standing().is_good
    kind.ask(f"ALTER TABLE {kind.prefix}worker ADD COLUMN more TEXT")
    assert not open_tables(kind.url).standing().is_sum
    with pytest.raises(ConfigurationError, match="somebody changed"):
        open_tables(kind.url).upgrade()


def test_the_commit_of_a_migration_waits_no_longer_than_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that does not answer must not hold who upgrades the tables, nor all behind him."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    with used("postgres", tmp_path, in_memory=True) as url:
        open_at(url).close()
        set_standby(url, "nobody")
        with closing(server_at(url).connect()) as session:
            session.begin(writes=True)
            session.apply(Migration(99, "0099_quick", "CREATE TABLE quick (number integer)"))
            with pytest.raises(UnsureCommit, match="synchronous replication"):
                session.commit()


@on_postgres
@pytest.mark.usefixtures("journal")
def test_a_migration_has_all_the_time_that_it_takes(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large tables take longer than any payment waits."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    with closing(kind.server().connect()) as session:
        session.begin(writes=True)
        session.apply(Migration(99, "0099_long", "SELECT pg_sleep(2)"))
        session.commit()
