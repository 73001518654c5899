"""Old and new code on one server's journal: what an upgrade keeps, and who may go on."""

from __future__ import annotations

import dataclasses
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pymysql
import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import open_journal
from netcancel.journal.mysql import MysqlServer, parameters_of
from netcancel.journal.opening import open_tables
from netcancel.journal.postgres import server_at
from netcancel.journal.rows import SCHEMA
from netcancel.journal.server import _form_of
from netcancel.journal.statements import Query
from tests.journal.samples import (
    BODY,
    CHANGES,
    HOLD,
    KEY,
    SETTLE,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    intent,
    move,
    open_one,
    vault,
)
from tests.servers.administrators import ADMINISTRATORS
from tests.servers.databases import empty_mysql, empty_postgres, run_mysql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netcancel.journal import Journal
    from netcancel.journal.server import Server

OLDER = range(1, SCHEMA)
KEPT = ("payment", "kept_answer", "history")
"""Tables whose rows are of every schema."""

Row = dict[str, Any]


class Kind(Protocol):
    """A kind of server, and what a test does there by itself."""

    prefix: str

    def __init__(self, url: str) -> None:
        """Take an empty database."""

    def server(self) -> Server:
        """Return it, as the journal sees it."""
        ...

    def empty(self) -> None:
        """Remove the journal."""

    def ask(self, statement: str) -> list[Row]:
        """Run a statement."""
        ...

    def restore(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows as they were, whatever the triggers would say."""


class Postgres:
    """PostgreSQL."""

    prefix = "netcancel."

    def __init__(self, url: str) -> None:
        self._url = url

    def server(self) -> Server:
        """Return it."""
        return server_at(self._url)

    def empty(self) -> None:
        """Remove the journal."""
        empty_postgres(self._url)

    def ask(self, statement: str) -> list[Row]:
        """Run a statement."""
        with psycopg.connect(self._url, row_factory=psycopg.rows.dict_row) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def restore(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows as they were."""
        with psycopg.connect(self._url) as connection:
            connection.execute("SET session_replication_role = replica")
            for row in rows:
                names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
                insert = f"INSERT INTO {self.prefix}{table} ({names}) OVERRIDING SYSTEM VALUE"
                connection.execute(f"{insert} VALUES ({marks})".encode(), [*row.values()])
            if table == "payment":
                connection.execute(
                    "SELECT setval('netcancel.payment_seq_seq',"
                    " (SELECT max(seq) FROM netcancel.payment))"
                )


class Mysql:
    """MariaDB or MySQL."""

    prefix = "netcancel_"

    def __init__(self, url: str) -> None:
        self._url = url

    def server(self) -> Server:
        """Return it."""
        return MysqlServer(parameters_of(self._url), None)

    def empty(self) -> None:
        """Remove the journal."""
        empty_mysql(self._url)

    def ask(self, statement: str) -> list[Row]:
        """Run a statement."""
        with closing(pymysql.connect(**parameters_of(self._url), autocommit=True)) as connection:
            cursor = connection.cursor(pymysql.cursors.DictCursor)
            cursor.execute(statement)
            return [*cursor.fetchall()]

    def restore(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows as they were."""
        with closing(pymysql.connect(**parameters_of(self._url), autocommit=True)) as connection:
            computed = self._computed(table)
            for row in rows:
                given = {name: row[name] for name in row if name not in computed}
                names, marks = ", ".join(given), ", ".join(["%s"] * len(given))
                insert = f"INSERT INTO {self.prefix}{table} ({names}) VALUES ({marks})"  # noqa: S608  words of ours
                connection.cursor().execute(insert, [*given.values()])

    def _computed(self, table: str) -> set[str]:
        """Name the columns that the server computes itself."""
        columns = run_mysql(self._url, f"SHOW COLUMNS FROM {self.prefix}{table}")
        return {name for name, *_, extra in columns if "GENERATED" in extra}


KINDS: Mapping[str, type[Kind]] = {"postgres": Postgres, "mysql": Mysql}


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database, of each kind."""
    empty: str = request.getfixturevalue(f"{request.param}_url")
    return empty


@pytest.fixture
def kind(url: str) -> Kind:
    """Return what is particular of the server there."""
    return KINDS["postgres" if url.startswith("postgres") else "mysql"](url)


def open_at(url: str, clock: Clock | None = None) -> Journal:
    """Open a journal with the tests' key."""
    return open_journal(url, vault_key=KEY, clock=clock or Clock())


def make_old(kind: Kind, schema: int) -> None:
    """Make the tables, with one payment in each state, as code of an older schema left them."""
    rows = {table: all_of(kind, table) for table in KEPT}
    meta = {row["name"]: row["value"] for row in all_of(kind, "meta")}
    kind.empty()
    steps = [each for each in kind.server().migrations if each.number <= schema]
    server = dataclasses.replace(kind.server(), migrations=steps)  # type: ignore[type-var]
    with closing(server.connect()) as session:
        session.begin(writes=True)
        # The first step's release kept its one key in the meta row; the third moves it.
        first, *later = steps
        session.apply(first)
        kept = {"id": meta[_key(meta, "id")], "secret": meta[_key(meta, "secret")]}
        for name, value in (kept | {"key_id": vault().key_id} | _form_of(session, 1)).items():
            session.execute(Query.WRITE_META, {"name": name, "value": value})
        session.announce_tables()
        session.commit()
        for step in later:
            session.begin(writes=True)
            session.apply(step)
            for name, value in _form_of(session, step.number).items():
                session.execute(Query.UPDATE_META, {"name": name, "value": value})
            session.commit()
    for table in KEPT:
        kind.restore(table, rows[table])


def all_of(kind: Kind, table: str) -> list[Row]:
    """Read a table."""
    return kind.ask(f"SELECT * FROM {kind.prefix}{table}")  # noqa: S608  words of ours


def _key(meta: Mapping[Any, Any], name: str) -> Any:
    """Return a name as this server's driver returns it."""
    return name if name in meta else name.encode()


@pytest.mark.parametrize("schema", OLDER)
def test_open_rows_of_every_older_schema_are_recovered_after_the_upgrade(
    url: str, kind: Kind, schema: int
) -> None:
    """Refused before it; then all is as it was, with its history, and what was owed is claimed."""
    with closing(open_at(url)) as journal:
        new = {state: bring_to(journal, state, merc_trx_no=state.value) for state in WAYS}
        made = {state: journal.read(payment.id).result() for state, payment in new.items()}
    make_old(kind, schema)
    with pytest.raises(ConfigurationError, match="netcancel db upgrade"):
        open_at(url)
    tables = open_tables(url)
    assert (tables.standing().schema, tables.standing().is_sum) == (schema, True)
    assert len(tables.upgrade()) == SCHEMA - schema
    assert tables.standing().is_good
    clock = Clock()
    with closing(open_at(url, clock)) as journal:
        for state, payment in made.items():
            assert payment is not None
            assert journal.read(payment.id).result() == payment, state
            assert journal.open_body(payment.id).result() == BODY
            known = journal.open_new(intent(merc_trx_no=state.value)).result()
            assert getattr(known, "same_data", None) is True
        clock.advance(SETTLE + HOLD)
        claims = journal.claim_due(world=WORLD, writer="w", limit=99, hold_seconds=HOLD).result()
        assert len(claims) == 5
        assert {claim.net_cancel_body for claim in claims} == {BODY}
        open_one(journal)


def upgrade_to_the_next_release(kind: Kind, *, lets_in: int) -> None:
    """Do to a journal what the next release's migration could do."""
    meta = f"UPDATE {kind.prefix}meta SET value ="  # noqa: S608  words of ours
    for statement in (
        f"ALTER TABLE {kind.prefix}payment ADD COLUMN wish TEXT",
        f"CREATE TABLE {kind.prefix}wishes (wish TEXT)",
        f"CREATE INDEX payment_of_world ON {kind.prefix}payment (world)",
        f"{meta} '{lets_in}' WHERE name = 'compatible_from'",
        f"{meta} '{SCHEMA + 1}' WHERE name = 'schema'",
    ):
        kind.ask(statement)


def remove_wishes(kind: Kind) -> None:
    """Remove what only the next release made."""
    kind.ask(f"DROP TABLE {kind.prefix}wishes")


def test_the_next_releases_journal_may_let_this_one_go_on(
    url: str, kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal that is open works on, and so does whoever opens it then, with a warning."""
    clock = Clock()
    with closing(open_at(url, clock)) as journal:
        payment = open_one(journal)
        upgrade_to_the_next_release(kind, lets_in=SCHEMA)
        move(journal, payment, Event.DECLINE_PROVEN, CHANGES[State.DECLINED])
        end_sessions(url)
        open_one(journal)
    with caplog.at_level(logging.WARNING, "netcancel"), closing(open_at(url, clock)) as journal:
        assert f"has schema {SCHEMA + 1}, this netcancel knows {SCHEMA}" in caplog.text
        payments = {state: bring_to(journal, state) for state in WAYS}
        clock.advance(SETTLE + HOLD)
        claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
        assert len(claims) == 6
        journal.note(payments[State.ESCALATED], Event.LATE_APPROVAL, "w", Change(note="x")).result()
        assert len(journal.page(after=None, limit=99).result()) == len(WAYS) + 2
        assert journal.strangers().result() == 0
    assert (open_tables(url).standing().is_newer, open_tables(url).upgrade()) == (True, [])
    remove_wishes(kind)


def test_the_next_releases_journal_may_refuse_this_one(url: str, kind: Kind) -> None:
    """Whoever opens it is told to upgrade, and so is one that is open and connects anew."""
    with closing(open_at(url)) as journal:
        open_one(journal)
        upgrade_to_the_next_release(kind, lets_in=SCHEMA + 1)
        end_sessions(url)
        with pytest.raises(JournalUnavailable, match="newer netcancel"):
            journal.open_new(intent()).result()
    with pytest.raises(ConfigurationError, match="newer netcancel"):
        open_at(url)
    remove_wishes(kind)


def end_sessions(url: str) -> None:
    """End the journal's sessions, as a restart of the server does."""
    name = "postgres" if url.startswith("postgres") else "mariadb"
    if name == "postgres":
        ADMINISTRATORS[name](url).terminate_all()
        return
    others = (
        "SELECT id FROM information_schema.processlist"
        " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    )
    for (number,) in run_mysql(url, others):
        run_mysql(url, f"KILL {number}")
    while run_mysql(url, others):
        pass
