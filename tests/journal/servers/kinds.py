"""The kinds of servers that hold a journal, and what a test does there beside it."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, Protocol

import psycopg
import pymysql
import pytest

from netcancel.journal.mysql import MysqlServer, parameters_of
from netcancel.journal.postgres import server_at
from tests.servers.databases import empty_mysql, empty_postgres, run_mysql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netcancel.journal.server import Server

Row = dict[str, Any]


class Kind(Protocol):
    """A kind of server, and what a test does in one of its databases by itself."""

    prefix: str
    """What the names of the journal's tables begin with."""
    url: str

    def __init__(self, url: str) -> None:
        """Take an empty database."""

    def server(self) -> Server:
        """Return it, as the journal sees it."""
        ...

    def connect(self, **options: Any) -> Any:
        """Open a merchant's own connection, with options of the driver's."""
        ...

    def empty(self) -> None:
        """Remove the journal."""

    def is_empty(self) -> bool:
        """Whether there is nothing of a journal."""
        ...

    def ask(self, statement: str) -> list[Row]:
        """Run a statement, and commit it."""
        ...

    def is_refusal(self, error: Exception) -> bool:
        """Whether the database refused what it was asked to write."""
        ...

    def restore(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows as they were, whatever the triggers would say."""

    def end_sessions(self) -> None:
        """End all sessions, as a restart of the server does."""


class Postgres:
    """PostgreSQL."""

    prefix = "netcancel."

    def __init__(self, url: str) -> None:
        self.url = url

    def server(self) -> Server:
        """Return it."""
        return server_at(self.url)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection."""
        return psycopg.connect(self.url, **options)

    def empty(self) -> None:
        """Remove the journal."""
        empty_postgres(self.url)

    def is_empty(self) -> bool:
        """Look for the journal's schema."""
        return self.ask("SELECT to_regnamespace('netcancel') AS schema") == [{"schema": None}]

    def ask(self, statement: str) -> list[Row]:
        """Run a statement."""
        with self.connect(autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def is_refusal(self, error: Exception) -> bool:
        """Whether a constraint, a trigger or a type refused it."""
        return isinstance(error, (psycopg.IntegrityError, psycopg.DataError))

    def restore(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows as they were."""
        with self.connect() as connection:
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

    def end_sessions(self) -> None:
        """End all sessions but the one that does it."""
        ended = self.ask(
            "SELECT pg_terminate_backend(pid, 5000) AS is_over FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert all(session["is_over"] for session in ended)


REFUSALS: Final = frozenset({1048, 1062, 1265, 1366, 3819, 4025})
"""The codes by which MariaDB and MySQL refuse a value, also where a trigger does."""


class Mysql:
    """MariaDB or MySQL."""

    prefix = "netcancel_"

    def __init__(self, url: str) -> None:
        self.url = url

    def server(self) -> Server:
        """Return it."""
        return MysqlServer(parameters_of(self.url), None)

    def connect(self, **options: Any) -> Any:
        """Open a connection."""
        return pymysql.connect(**parameters_of(self.url) | options)

    def empty(self) -> None:
        """Remove the journal."""
        empty_mysql(self.url)

    def is_empty(self) -> bool:
        """Look for tables."""
        return self.ask("SHOW TABLES") == []

    def ask(self, statement: str) -> list[Row]:
        """Run a statement, as strictly as the journal does."""
        strictly = {"autocommit": True, "sql_mode": "STRICT_ALL_TABLES"}
        with closing(self.connect(**strictly)) as connection:
            cursor = connection.cursor(pymysql.cursors.DictCursor)
            cursor.execute(statement)
            return [*cursor.fetchall()]

    def is_refusal(self, error: Exception) -> bool:
        """Whether a constraint, a trigger or a type refused it."""
        return error.args[0] in REFUSALS

    def restore(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows as they were."""
        with closing(self.connect(autocommit=True)) as connection:
            computed = self._computed(table)
            for row in rows:
                given = {name: row[name] for name in row if name not in computed}
                names, marks = ", ".join(given), ", ".join(["%s"] * len(given))
                insert = f"INSERT INTO {self.prefix}{table} ({names}) VALUES ({marks})"  # noqa: S608  words of ours
                connection.cursor().execute(insert, [*given.values()])

    def _computed(self, table: str) -> set[str]:
        """Name the columns that the server computes itself."""
        columns = run_mysql(self.url, f"SHOW COLUMNS FROM {self.prefix}{table}")
        return {name for name, *_, extra in columns if "GENERATED" in extra}

    def end_sessions(self) -> None:
        """End all sessions but the one that does it, and wait until they are gone."""
        others = (
            "SELECT id FROM information_schema.processlist"
            " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        )
        for (number,) in run_mysql(self.url, others):
            run_mysql(self.url, f"KILL {number}")
        while run_mysql(self.url, others):
            run_mysql(self.url, "DO SLEEP(0.01)")


KINDS: Final[Mapping[str, type[Kind]]] = {"postgres": Postgres, "mysql": Mysql}

on_postgres = pytest.mark.parametrize("kind", ["postgres"], indirect=True)
on_mysql = pytest.mark.parametrize("kind", ["mysql"], indirect=True)
"""For what only one of them has, or has in a way of its own."""


def cases_of(tables: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Return the cases of each kind, with both names, for a test that takes `kind` and a case."""
    return [
        pytest.param(kind, case, id=f"{kind}-{name}")
        for kind, cases in tables.items()
        for name, case in cases.items()
    ]


def in_tables_of(kind: Kind, statement: str) -> str:
    """Name the tables of a statement as this kind of server does."""
    return re.sub(r"\b(UPDATE|FROM|INTO) (\w+)", rf"\1 {kind.prefix}\2", statement)
