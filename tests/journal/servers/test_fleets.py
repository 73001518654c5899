"""Old and new code on one server's journal: what an upgrade keeps, and who may go on."""

from __future__ import annotations

import dataclasses
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal.opening import open_tables
from netcancel.journal.rows import SCHEMA
from netcancel.journal.server import _form_of
from netcancel.journal.statements import Query
from tests.journal.samples import (
    BODY,
    CHANGES,
    HOLD,
    SETTLE,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    intent,
    move,
    open_at,
    open_one,
)
from tests.journal.servers.first import make_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.journal.servers.kinds import Kind, Row

OLDER = range(1, SCHEMA)
KEPT = ("payment", "kept_answer", "history")
"""Tables whose rows are of every schema."""


def make_old(kind: Kind, schema: int) -> None:
    """Make the tables, with one payment in each state, as code of an older schema left them."""
    rows = {table: all_of(kind, table) for table in KEPT}
    meta = {row["name"]: row["value"] for row in all_of(kind, "meta")}
    kind.empty()
    steps = [each for each in kind.server().migrations if each.number <= schema]
    server = dataclasses.replace(kind.server(), migrations=steps)  # type: ignore[type-var]
    with closing(server.connect()) as session:
        first, *later = steps
        kept = {"id": meta[_key(meta, "id")], "secret": meta[_key(meta, "secret")]}
        make_first(session, first, kept)
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
    kind: Kind, schema: int
) -> None:
    """Refused before it; then all is as it was, with its history, and what was owed is claimed."""
    with closing(open_at(kind.url, Clock())) as journal:
        new = {state: bring_to(journal, state, merc_trx_no=state.value) for state in WAYS}
        made = {state: journal.read(payment.id).result() for state, payment in new.items()}
    make_old(kind, schema)
    with pytest.raises(ConfigurationError, match="netcancel db upgrade"):
        open_at(kind.url, Clock())
    tables = open_tables(kind.url)
    assert (tables.standing().schema, tables.standing().is_sum) == (schema, True)
    assert len(tables.upgrade()) == SCHEMA - schema
    assert tables.standing().is_good
    clock = Clock()
    with closing(open_at(kind.url, clock)) as journal:
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
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal that is open works on, and so does whoever opens it then, with a warning."""
    clock = Clock()
    with closing(open_at(kind.url, clock)) as journal:
        payment = open_one(journal)
        upgrade_to_the_next_release(kind, lets_in=SCHEMA)
        move(journal, payment, Event.DECLINE_PROVEN, CHANGES[State.DECLINED])
        kind.end_sessions()
        open_one(journal)
    with (
        caplog.at_level(logging.WARNING, "netcancel"),
        closing(open_at(kind.url, clock)) as journal,
    ):
        assert f"has schema {SCHEMA + 1}, this netcancel knows {SCHEMA}" in caplog.text
        payments = {state: bring_to(journal, state) for state in WAYS}
        clock.advance(SETTLE + HOLD)
        claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
        assert len(claims) == 6
        journal.note(payments[State.ESCALATED], Event.LATE_APPROVAL, "w", Change(note="x")).result()
        assert len(journal.page(after=None, limit=99).result()) == len(WAYS) + 2
        assert journal.strangers().result() == 0
    assert (open_tables(kind.url).standing().is_newer, open_tables(kind.url).upgrade()) == (
        True,
        [],
    )
    remove_wishes(kind)


def test_the_next_releases_journal_may_refuse_this_one(kind: Kind) -> None:
    """Whoever opens it is told to upgrade, and so is one that is open and connects anew."""
    with closing(open_at(kind.url, Clock())) as journal:
        open_one(journal)
        upgrade_to_the_next_release(kind, lets_in=SCHEMA + 1)
        kind.end_sessions()
        with pytest.raises(JournalUnavailable, match="newer netcancel"):
            journal.open_new(intent()).result()
    with pytest.raises(ConfigurationError, match="newer netcancel"):
        open_at(kind.url, Clock())
    remove_wishes(kind)
