"""The vault key of a journal is changed while it is used, and no key is dropped that is needed."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Asked, Change, KeptAnswer
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import Journal
from netcancel.journal.contract import RewrapPlace
from netcancel.journal.sqlite_file import SQL
from netcancel.journal.statements import Query
from netcancel.journal.vault import key_id_of
from tests.journal.samples import (
    BODY,
    HOLD,
    KEY,
    KEY_BYTES,
    OTHER_KEY,
    SETTLE,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    fate,
    intent,
    move,
    old_file,
    open_file,
    open_one,
)
from tests.journal.sqlite.files import run_sql

OLD_ID, NEW_ID = key_id_of(KEY_BYTES).hex(), key_id_of(KEY_BYTES[::-1]).hex()


def with_both(path: Path, clock: Clock | None = None, **options: object) -> Journal:
    """Open a file with the new key, and the old one to open with."""
    keys = {"vault_key": OTHER_KEY, "previous_vault_keys": KEY}
    return open_file(path, clock, **(keys | options))


def rotate(journal: Journal, *, limit: int = 3) -> tuple[int, int, list[str]]:
    """Go through all rows; return how many were done and damaged, and what was forgotten."""
    done, damaged = rewrap_all(journal, limit)
    return done, damaged, [*journal.forget_vault_keys().result()]


def rewrap_all(journal: Journal, limit: int) -> tuple[int, int]:
    """Go through all rows and forget nothing."""
    done = damaged = 0
    place: RewrapPlace | None = RewrapPlace()
    while place is not None:
        step = journal.rewrap(place, limit=limit).result()
        done, damaged, place = done + step.done, damaged + step.damaged, step.then
    return done, damaged


def keys_of(path: Path) -> set[str]:
    """Return the ids of the keys that a file's rows are sealed with."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT DISTINCT lower(hex(substr(sealed_key, 2, 8))) FROM payment"
        " WHERE sealed_key IS NOT NULL"
    ).fetchall()
    connection.close()
    return {row[0] for row in rows}


def test_a_rotated_journal_needs_the_old_key_no_more(path: Path) -> None:
    """Every row opens under the new key alone: bodies, answers, digests; the old one is refused."""
    first = open_file(path)
    payments = {state: bring_to(first, state) for state in WAYS}
    kept = Change(code="8521", kept_answer=KeptAnswer(Asked.APPROVAL, b"declined"))
    answered = move(first, open_one(first), Event.DECLINE_PROVEN, kept)
    first.close()
    both = with_both(path)
    assert [*both.vault_keys().result()] == sorted([OLD_ID, NEW_ID])
    assert rotate(both) == (len(WAYS) + 1, 0, [OLD_ID])
    assert rotate(both) == (0, 0, [])
    assert [*both.vault_keys().result()] == [NEW_ID]
    both.close()
    assert keys_of(path) == {NEW_ID}
    new = open_file(path, vault_key=OTHER_KEY)
    for payment in payments.values():
        assert new.open_body(payment.id).result() == BODY
        again = new.open_new(intent(merc_trx_no=payment.merc_trx_no)).result()
        assert getattr(again, "same_data", None) is True
    assert new.open_answer(answered.id, Asked.APPROVAL).result() == b"declined"
    new.close()
    with pytest.raises(ConfigurationError, match="another vault key"):
        open_file(path)


def test_a_key_that_a_row_needs_can_not_be_dropped(path: Path) -> None:
    """From the first start with the new key, every process must have both; the ids are named."""
    open_file(path).close()
    for only_new in (True, False):
        with pytest.raises(ConfigurationError, match=OLD_ID):
            open_file(path, vault_key=OTHER_KEY, create=only_new)
    with_both(path).close()
    with pytest.raises(ConfigurationError, match=NEW_ID):
        open_file(path)
    open_file(path, previous_vault_keys=OTHER_KEY).close()


def test_only_what_makes_payments_brings_a_key_into_use(path: Path) -> None:
    """A reader or a worker with the new key shuts nobody out."""
    open_file(path).close()
    with_both(path, create=False).close()
    journal = open_file(path)
    assert [*journal.vault_keys().result()] == [OLD_ID]
    journal.close()


def test_a_worker_that_lacks_a_key_claims_nothing(path: Path) -> None:
    """What it can't open is not damaged: nothing is escalated, and others go on."""
    clock = Clock()
    old = open_file(path, clock)
    both = with_both(path, clock)
    payment = bring_to(both, State.NET_CANCELLING)
    clock.advance(HOLD)
    with pytest.raises(JournalUnavailable, match=f"vault key {NEW_ID} is in use"):
        old.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    with pytest.raises(JournalUnavailable, match="lacks it"):
        old.open_body(payment.id).result()
    with pytest.raises(JournalUnavailable, match="lacks it"):
        old.open_answer(payment.id, Asked.APPROVAL).result()
    (claim,) = both.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert claim.net_cancel_body == BODY
    old.close()
    both.close()


def test_nothing_is_sealed_with_a_key_that_was_forgotten(path: Path) -> None:
    """A process that still has the old key as its current one is told; nothing is written."""
    late = open_file(path, previous_vault_keys=OTHER_KEY)
    both = with_both(path)
    assert rotate(both)[2] == [OLD_ID]
    for number in ("ORD_A", "ORD_B"):
        with pytest.raises(JournalUnavailable, match=f"vault key {OLD_ID} is not in use any more"):
            late.open_new(intent(merc_trx_no=number)).result()
    late.close()
    assert [*both.list_payments().result()] == []
    both.close()


def test_a_batch_with_a_forgotten_key_is_refused_one_by_one(path: Path) -> None:
    """Each is told; what else was in the batch is done."""
    late = open_file(path, previous_vault_keys=OTHER_KEY)
    payment = open_one(late)
    both = with_both(path)
    rotate(both)
    futures = [late.open_new(intent()) for _ in range(50)]
    note = late.note(payment, Event.LATE_APPROVAL, "w", Change(note="x"))
    assert {type(future.exception()) for future in futures} == {JournalUnavailable}
    note.result()
    assert len(both.list_payments().result()) == 1
    late.close()
    both.close()


def test_a_rotation_goes_on_while_payments_are_made(path: Path) -> None:
    """By processes with either key as their current one; nothing is lost, and all is done."""
    open_file(path).close()
    old, new = open_file(path, previous_vault_keys=OTHER_KEY), with_both(path)
    rotating = with_both(path)

    def pay(journal: Journal) -> list[str]:
        return [move_on(journal) for _ in range(40)]

    def move_on(journal: Journal) -> str:
        return bring_to(journal, State.NET_CANCELLING).id

    with ThreadPoolExecutor(3) as pool:
        made = [pool.submit(pay, journal) for journal in (old, new)]
        while not all(future.done() for future in made):
            rewrap_all(rotating, limit=7)
    old.close()
    rotate(rotating)
    assert [*rotating.vault_keys().result()] == [NEW_ID]
    for future in made:
        for payment_id in future.result():
            assert new.open_body(payment_id).result() == BODY
    for journal in (new, rotating):
        journal.close()


def test_a_rotation_that_was_cut_off_is_begun_anew(path: Path) -> None:
    """What is done is passed over; each row is wrapped once."""
    first = open_file(path)
    for _ in range(10):
        open_one(first)
    first.close()
    both = with_both(path)
    assert both.rewrap(RewrapPlace(), limit=4).result().done == 4
    both.close()
    assert keys_of(path) == {OLD_ID, NEW_ID}
    both = with_both(path)
    assert rotate(both) == (6, 0, [OLD_ID])
    both.close()


def test_a_damaged_row_keeps_its_key_in_use(path: Path) -> None:
    """It is counted, never replaced, and its key's id is never forgotten."""
    first = open_file(path)
    for _ in range(5):
        open_one(first)
    run_sql(path, "UPDATE payment SET sealed_key = CAST(sealed_key || x'00' AS BLOB) WHERE seq = 2")
    first.close()
    both = with_both(path)
    assert rotate(both, limit=2) == (4, 1, [])
    assert [*both.vault_keys().result()] == sorted([OLD_ID, NEW_ID])
    both.close()
    with pytest.raises(ConfigurationError, match=OLD_ID):
        open_file(path, vault_key=OTHER_KEY)


def test_what_is_shredded_stays_shredded(path: Path) -> None:
    """A rotation opens nothing again, and needs nothing of it."""
    clock = Clock()
    first = open_file(path, clock)
    payment = bring_to(first, State.DECLINED)
    clock.advance(SETTLE)
    assert first.shred_closed(keep_seconds=0, limit=9).result() == 1
    first.close()
    both = with_both(path, clock)
    assert rotate(both) == (0, 0, [OLD_ID])
    assert both.open_body(payment.id).result() is None
    both.close()


def test_the_file_itself_keeps_the_keys(path: Path) -> None:
    """Neither a key that a row needs nor that of the digests' secret can be taken away."""
    journal = open_file(path)
    with pytest.raises(sqlite3.IntegrityError, match="only when nothing is sealed"):
        run_sql(path, "DELETE FROM vault_key")
    open_one(journal)
    with pytest.raises(sqlite3.IntegrityError, match="only when nothing is sealed"):
        run_sql(path, "DELETE FROM vault_key")
    journal.close()


def test_an_upgraded_journal_is_rotated(tmp_path: Path) -> None:
    """Rows that the first release sealed open under a new key."""
    from netcancel.journal.opening import open_tables

    path = old_file(tmp_path / "old.db")
    open_tables(f"sqlite:///{path}").upgrade()
    both = with_both(path)
    assert rotate(both) == (len(WAYS) + 1, 0, [OLD_ID])
    for state in WAYS:
        assert both.open_body(f"old-{state}").result() == BODY
    assert both.open_answer("old-kept", Asked.APPROVAL).result() == b"declined"
    assert fate(both.open_new(intent()).result()) == "Opened"
    both.close()


def test_the_wrapped_keys_of_the_old_key_are_nowhere_left(path: Path) -> None:
    """Whoever gets the old key and the file afterwards opens nothing with it."""
    first = open_file(path)
    for _ in range(9):
        open_one(first)
    first.close()
    connection = sqlite3.connect(path)
    wrapped = [row[0] for row in connection.execute("SELECT sealed_key FROM payment")]
    connection.close()
    both = with_both(path)
    rotate(both)
    left = b"".join(each.read_bytes() for each in path.parent.glob("journal.db*"))
    assert [key for key in wrapped if key[9:40] in left] == []
    both.close()


@pytest.mark.parametrize("query", [Query.REWRAP_KEY, Query.REWRAP_SECRET])
def test_only_what_was_read_is_replaced(path: Path, query: Query) -> None:
    """On a server, others write between the reading and the writing."""
    journal = open_file(path)
    open_one(journal)
    journal.close()
    statement = SQL.load(query)
    values = {"seq": 1, "rewrapped": b"new", "sealed_key": b"as it was before"}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(statement.text, statement.bind(values)).rowcount == 0
