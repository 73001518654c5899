"""How a server goes about the statements of a journal: by an index, however many rows there are."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from pymysql.cursors import DictCursor

from netcancel.core.lifecycle import State
from netcancel.journal import Journal, mysql_session, postgres_session
from netcancel.journal.postgres_session import numbered
from netcancel.journal.statements import Query
from tests.journal.samples import WORLD, bring_to
from tests.journal.servers.kinds import Kind, on_mysql

OFTEN = (
    Query.DUE, Query.DUE_NEWEST_FIRST, Query.COUNT_IN_DOUBT, Query.COUNT_OWED, Query.READ,
    Query.FIND, Query.FIND_BY_VAN_NUMBER, Query.HISTORY, Query.SHRED_KEYS, Query.SHRED_BODIES,
    Query.SHRED_ANSWERS, Query.MOVE, Query.NOTED_ANSWERS, Query.NEGLECTED,
    Query.SUMMARY_IN_DOUBT, Query.SUMMARY_REFUSALS,
)  # fmt: skip
OFTEN_IN_POSTGRES = (*OFTEN, Query.NOTE, Query.SEALED_WITH, Query.SUMMARY_STATES)
OFTEN_IN_MYSQL = (*OFTEN, Query.TELL)


def walks_of_postgres(kind: Kind, query: Query, values: Mapping[str, Any]) -> list[str]:
    """Return the steps through all payments, where the server is asked to take an index instead."""
    ((text, parameters),) = postgres_session.SQL.bound(query, [values])
    with psycopg.connect(kind.url) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(f"EXPLAIN {text}".encode(), parameters).fetchall()
        connection.rollback()
    return [step for (step,) in plan if "Seq Scan on payment" in step]


def walks_of_mysql(kind: Kind, query: Query, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps through all of a table or an index."""
    return [step for step in plan_of(kind, query, values) if step["type"] in ("ALL", "index")]


TABLES = {"payment", "netcancel_payment", "netcancel_history", "kept"}


def plan_of(kind: Kind, query: Query, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how MariaDB would go about a statement: the steps on tables of payments."""
    ((text, parameters),) = mysql_session.SQL.bound(query, [values])
    with closing(kind.connect(cursorclass=DictCursor)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"EXPLAIN {text}", parameters)
        return [row for row in cursor.fetchall() if row["table"] in TABLES]


@pytest.mark.parametrize(
    ("kind", "walks_of", "often"),
    [
        ("postgres", walks_of_postgres, OFTEN_IN_POSTGRES),
        ("mysql", walks_of_mysql, OFTEN_IN_MYSQL),
    ],
    ids=["postgres", "mysql"],
    indirect=["kind"],
)
def test_no_statement_that_runs_often_walks_through_the_whole_table(
    kind: Kind,
    journal: Journal,
    walks_of: Callable[[Kind, Query, Mapping[str, Any]], list[Any]],
    often: Sequence[Query],
) -> None:
    """Each finds its rows by an index."""
    for _ in range(30):
        bring_to(journal, State.APPROVED)
    numbers: dict[str, Any] = {"now": 1, "limit": 1, "seq": 1, "closed_before": 1, "after": 1}
    texts = {"world": WORLD, "worlds": "[]", "key_id": b"1"}
    values = defaultdict(lambda: "1", numbers | texts)
    for query in often:
        assert walks_of(kind, query, values) == [], query


@on_mysql
def test_payments_are_counted_by_an_index_alone(kind: Kind, journal: Journal) -> None:
    """Their rows, which are long, are not read."""
    for _ in range(30):
        bring_to(journal, State.APPROVED)
    (step,) = plan_of(kind, Query.SUMMARY_STATES, {"worlds": "[]"})
    assert (step["key"], "Using index" in step["Extra"]) == ("payment_due", True)


def test_parameters_are_numbered_from_one() -> None:
    """Each by its place; a text without any stays as it is."""
    assert numbered("SELECT %s WHERE a IN (%s, %s)") == b"SELECT $1 WHERE a IN ($2, $3)"
    assert numbered("SELECT 1") == b"SELECT 1"
