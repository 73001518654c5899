"""Whoever writes to the journal's tables on a server, these things can't be done."""

import psycopg
import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal import Journal
from netcancel.journal.opening import open_tables
from tests.journal.samples import FORBIDDEN, open_at, open_one
from tests.journal.servers.kinds import Kind, cases_of, in_tables_of, on_postgres


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_database_itself_repeats_the_law(journal: Journal, kind: Kind, statement: str) -> None:
    """What no journal would write, nobody else can."""
    open_one(journal)
    journal.hold_if_unheld("restored").result()
    with pytest.raises(kind.server().driver_error) as refused:
        kind.ask(in_tables_of(kind, statement))
    assert kind.is_refusal(refused.value)


@pytest.mark.parametrize("table", ["payment", "history"])
@on_postgres
def test_nothing_is_truncated(journal: Journal, kind: Kind, table: str) -> None:
    """That is another way to delete."""
    open_one(journal)
    with pytest.raises(psycopg.IntegrityError):
        kind.ask(f"TRUNCATE netcancel.{table} CASCADE")


CHANGED = {
    "postgres": {
        "a guard is dropped": "DROP TRIGGER history_is_not_changed ON netcancel.history",
        "a guard is off": "ALTER TABLE netcancel.payment"
        " DISABLE TRIGGER a_payment_leaves_its_number",
        "a constraint is dropped": "ALTER TABLE netcancel.payment DROP CONSTRAINT amounts_fit",
        "a number may repeat": "ALTER TABLE netcancel.payment"
        " DROP CONSTRAINT a_number_is_used_once",
        "a column is another": "ALTER TABLE netcancel.payment ALTER COLUMN attempts TYPE NUMERIC",
        "a column may be empty": "ALTER TABLE netcancel.payment"
        " ALTER COLUMN same_data DROP NOT NULL",
        "an index is gone": "DROP INDEX netcancel.payment_due",
        "a function does nothing": "CREATE OR REPLACE FUNCTION netcancel.refuse() RETURNS trigger"
        " LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    },
    "mysql": {
        "a guard is dropped": "DROP TRIGGER netcancel_history_is_not_changed",
        "a constraint is dropped": "ALTER TABLE netcancel_payment DROP CONSTRAINT amounts_fit",
        "a number may repeat": "ALTER TABLE netcancel_payment DROP INDEX a_number_is_used_once",
        "a column is another": "ALTER TABLE netcancel_payment MODIFY attempts INT NOT NULL",
        "a collation is another": "ALTER TABLE netcancel_payment MODIFY tid VARCHAR(64) NOT NULL",
        "an index is gone": "ALTER TABLE netcancel_payment DROP INDEX payment_due",
    },
}


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(("kind", "change"), cases_of(CHANGED), indirect=["kind"])
def test_changed_tables_are_refused(kind: Kind, change: str) -> None:
    """At the next start, with a sentence."""
    kind.ask(change)
    with pytest.raises(ConfigurationError, match="changed the tables"):
        open_at(kind.url)


@on_postgres
@pytest.mark.usefixtures("journal")
def test_tables_of_others_are_welcome(kind: Kind) -> None:
    """Also in the same schema: a merchant's orders commit together with their confirmations."""
    kind.ask("CREATE TABLE netcancel.orders (number TEXT PRIMARY KEY)")
    kind.ask("CREATE INDEX orders_of_number ON netcancel.orders (number)")
    journal = open_at(kind.url)
    open_one(journal)
    journal.close()
    assert open_tables(kind.url).standing().is_good
