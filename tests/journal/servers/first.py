"""A server's journal as the first release made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.journal.server import _form_of
from netcancel.journal.statements import Query
from tests.journal.samples import vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.journal.server import ServerSession
    from netcancel.journal.statements import Migration


def make_first(session: ServerSession, first: Migration, kept: Mapping[str, bytes]) -> None:
    """Make the tables, with what that release wrote of itself; `kept`: its id and its secret."""
    session.begin(writes=True)
    session.apply(first)
    # That release kept its one key here; the third step moves it.
    meta = {**kept, "key_id": vault().key_id, **_form_of(session, 1)}
    for name, value in meta.items():
        session.execute(Query.WRITE_META, {"name": name, "value": value})
    session.announce_tables()
    session.commit()
