"""Databases for tests, on servers that are started when the first test asks for one."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pymysql

from netcancel.journal.mysql import parameters_of
from tests.missing import missing
from tests.servers.keeper import used
from tests.servers.kinds import found

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POSTGRES = "NETCANCEL_TEST_POSTGRES_URL"
"""A server of PostgreSQL to use instead, as somebody who may make databases there."""


@contextmanager
def postgres(shared: Path, name: str) -> Iterator[str]:
    """Make an empty database, and return its URL; `shared` is the same for the whole run."""
    with server("postgres", os.environ.get(POSTGRES), shared) as url:
        yield make_postgres(url, name)


def make_postgres(url: str, name: str) -> str:
    """Make an empty database of this name, in place of the last one, and return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(f"CREATE DATABASE {name} ENCODING UTF8 TEMPLATE template0".encode())
    return with_database(url, name)


def empty_postgres(url: str) -> None:
    """Remove a journal from a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = 'error'")
        connection.execute("DROP SCHEMA IF EXISTS netcancel CASCADE")


MYSQL = "NETCANCEL_TEST_MYSQL_URL"
"""A server of MariaDB or MySQL, likewise."""


@contextmanager
def mysql(shared: Path, name: str) -> Iterator[str]:
    """Make an empty database, and return its URL; `shared` is the same for the whole run."""
    with server("mariadb", os.environ.get(MYSQL), shared) as url:
        yield make_mysql(url, name)


def make_mysql(url: str, name: str) -> str:
    """Make an empty database of this name, in place of the last one, and return its URL."""
    run_mysql(url, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    return with_database(url, name)


def empty_mysql(url: str) -> None:
    """Remove a journal from a database."""
    tables = (
        "history kept_answer payment meta worker incarnation hold vault_key used_number".split()
    )
    run_mysql(url, *(f"DROP TABLE IF EXISTS netcancel_{table}" for table in tables))


def run_mysql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements, each by itself, and return the rows of the last one."""
    with (
        closing(pymysql.connect(**parameters_of(url), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@contextmanager
def server(name: str, given: str | None, shared: Path) -> Iterator[str]:
    """Return the URL of a server: the given one, else one of the run's own."""
    if given is not None:
        yield given
        return
    if found(name) is None:
        missing(f"the programs of {name}")
    with used(name, shared, in_memory=True) as url:
        yield url


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
