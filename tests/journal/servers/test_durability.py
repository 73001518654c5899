"""Only a server that keeps what it was told to is used, and what is unsure is told as unsure."""

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from netcancel.core.lifecycle import State
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import Journal, mysql_session, postgres_session
from netcancel.journal.rows import SCHEMA
from netcancel.journal.server import UnsafeServer
from tests.journal.samples import bring_to, fate, intent, open_at, open_one
from tests.journal.servers.kinds import Kind, on_mysql, on_postgres
from tests.servers.keeper import used
from tests.servers.standby import set_standby

UNSAFE = {
    "synchronous_commit": "-csynchronous_commit%3Doff",
    "read-only": "-cdefault_transaction_read_only%3Don",
}


@pytest.mark.parametrize(("word", "option"), UNSAFE.items(), ids=UNSAFE)
@on_postgres
def test_sessions_that_would_not_keep_it_are_refused(kind: Kind, word: str, option: str) -> None:
    """Those that are told of commits too early, and those that can't write."""
    with pytest.raises(ConfigurationError, match=word):
        open_at(f"{kind.url}?options={option}")


def test_a_server_without_syncs_is_refused() -> None:
    """Its machine's failure loses what it told of."""
    with pytest.raises(UnsafeServer, match="fsync"):
        postgres_session.checked_now({"fsync": "off", "synchronous_commit": "on", "now": 1}, None)


SAFE = {
    "flushes": 1, "has_log": 0, "syncs_log": 0, "is_replica": 0, "now": 5,
    "sql_mode": "STRICT_ALL_TABLES",
}  # fmt: skip
UNSAFE_SETTINGS: dict[str, dict[str, object]] = {
    "innodb_flush_log_at_trx_commit": {"flushes": 2},
    "sync_binlog": {"has_log": 1},
    "read-only": {"is_replica": 1},
    "read-only ": {"is_replica": "ON"},
    "sql_mode": {"sql_mode": "ANSI"},
}


@pytest.mark.parametrize(("sentence", "found"), UNSAFE_SETTINGS.items(), ids=UNSAFE_SETTINGS)
def test_settings_that_would_not_keep_it_are_refused(
    sentence: str, found: dict[str, object]
) -> None:
    """What MariaDB's settings tell; the good ones are taken."""
    assert mysql_session.checked_now(SAFE, None) == 5
    with pytest.raises(UnsafeServer, match=sentence.strip()):
        mysql_session.checked_now(SAFE | found, None)


@on_postgres
@pytest.mark.usefixtures("journal")
def test_a_database_of_another_encoding_is_refused(kind: Kind) -> None:
    """Not every text would come back as it was."""
    kind.ask("DROP DATABASE IF EXISTS of_latin1")
    kind.ask("CREATE DATABASE of_latin1 ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    elsewhere = kind.url.rpartition("/")[0] + "/of_latin1"
    with pytest.raises(ConfigurationError, match="UTF8"):
        open_at(elsewhere)
    kind.ask("DROP DATABASE of_latin1")


@on_postgres
def test_durability_is_looked_at_in_every_transaction(journal: Journal, kind: Kind) -> None:
    """Behind a pooler it may change from one to the next."""
    open_one(journal)
    [row] = kind.ask("SELECT current_database() AS name")
    kind.ask(f"ALTER DATABASE {row['name']} SET synchronous_commit = off")
    kind.end_sessions()
    with pytest.raises(JournalUnavailable, match="synchronous_commit"):
        journal.open_new(intent()).result()
    kind.ask(f"ALTER DATABASE {row['name']} RESET synchronous_commit")
    open_one(journal)


@on_mysql
def test_a_session_that_lost_its_settings_is_replaced(journal: Journal) -> None:
    """As behind a pooler: what is written next is written by one that has them."""

    def number(session: Any, _now: int) -> int:
        found: int = session._connection.thread_id()
        return found

    def lose(session: Any, now: int) -> int:
        session._run("SET SESSION sql_mode = ''")
        return number(session, now)

    writer = journal._writer  # type: ignore[attr-defined]
    open_one(journal)
    before = writer.submit(number, writes=False).result()
    open_one(journal)
    assert writer.submit(lose, writes=False).result() == before
    open_one(journal)
    assert writer.submit(number, writes=False).result() != before


@on_postgres
def test_nothing_is_left_in_a_session(journal: Journal, kind: Kind) -> None:
    """Neither settings nor prepared statements nor locks: a pooler may give it to others."""
    for _ in range(10):
        bring_to(journal, State.APPROVED)
    with psycopg.connect(kind.url) as fresh:
        usual = fresh.execute("SELECT name, setting FROM pg_settings").fetchall()

    def look(session: Any, _now: int) -> None:
        session.commit()  # what is set for this transaction is no part of the question
        connection = session._connection
        settings = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
        found.extend([(row["name"], row["setting"]) for row in settings])
        found.extend(connection.execute("SELECT * FROM pg_prepared_statements").fetchall())
        found.extend(
            connection.execute(
                "SELECT * FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
            ).fetchall()
        )
        session.begin(writes=False)

    found: list[Any] = []
    journal._writer.submit(look, writes=False).result()  # type: ignore[attr-defined]
    differing = {name for name, _ in set(found) ^ set(usual) if not name.startswith("plpgsql.")}
    assert differing <= {"application_name", "client_encoding", "tcp_user_timeout"}


@on_postgres
def test_a_commit_that_comes_with_a_warning_is_unknown(journal: Journal, kind: Kind) -> None:
    """It may be durable or not: the caller reads again."""
    kind.ask(
        "CREATE FUNCTION netcancel.grumble() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE WARNING 'not where you think'; RETURN NULL; END $$"
    )
    kind.ask(
        "CREATE CONSTRAINT TRIGGER grumbles AFTER INSERT ON netcancel.payment"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION netcancel.grumble()"
    )
    sample = intent()
    with pytest.raises(JournalUnavailable, match="not where you think"):
        journal.open_new(sample).result()
    assert journal.read(sample.id).result() is not None


@pytest.mark.usefixtures("postgres_url")
def test_a_standby_that_does_not_answer_makes_a_commit_unknown(tmp_path: Path) -> None:
    """PostgreSQL itself says success then, with a warning in its own language."""
    with used("postgres", tmp_path, in_memory=True) as url, closing(open_at(url)) as journal:
        open_one(journal)
        set_standby(url, "nobody")
        sample = intent()
        with pytest.raises(JournalUnavailable, match="synchronous replication"):
            journal.open_new(sample).result(COMMIT_BUDGET_SECONDS)
        set_standby(url, "")
        assert journal.read(sample.id).result() is not None
        assert fate(journal.open_new(sample).result()) == "Known"


@on_mysql
def test_its_health_says_what_is_in_force(journal: Journal) -> None:
    """The server's own words for its version and its syncs, and nothing to complain of."""
    facts = {fact.name: fact for fact in journal.health().result().facts}
    assert facts["schema"].found == str(SCHEMA)
    assert facts["innodb_flush_log_at_trx_commit"].found == "1"
    assert all(fact.holds for fact in facts.values())
