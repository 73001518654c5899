"""What is performed as one batch comes out as if one after the other."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcancel.core.lifecycle import MOVES, Event, IllegalMove, State
from netcancel.core.payment import Change, Claim, Intent, Known, Payment
from netcancel.errors import NetcancelError
from netcancel.journal import Journal, open_journal
from netcancel.journal.database import DatabaseJournal
from netcancel.journal.sqlite_file import SQL
from netcancel.journal.statements import ROWS_MAX
from tests.journal.samples import (
    ANSWER,
    CHANGES,
    HOLD,
    KEY,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    fate,
    intent,
    move,
    open_at,
    open_file,
    open_one,
)
from tests.servers.databases import empty_postgres

Ask = Callable[[Journal], Future[Any]]
"""One operation of a batch."""


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def journal(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    """Return an empty journal in each kind of database."""
    journal = open_at(database_of(request, tmp_path), clock)
    yield journal
    journal.close()


def database_of(request: pytest.FixtureRequest, directory: Path) -> str:
    """Return the URL of an empty database of a kind."""
    if request.param == "sqlite":
        return f"sqlite:///{directory / 'journal.db'}"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@contextmanager
def held(journal: Journal) -> Iterator[None]:
    """Keep the journal's thread busy: what is asked meanwhile is one batch."""
    busy, gate = threading.Event(), threading.Event()

    def wait(_session: object, _now: int) -> None:
        busy.set()
        assert gate.wait(10)

    assert isinstance(journal, DatabaseJournal)
    journal._writer.submit(wait, writes=False)
    assert busy.wait(10)
    try:
        yield
    finally:
        gate.set()


def together(journal: Journal, asks: Sequence[Ask]) -> list[Any]:
    """Ask everything in one batch; return the results."""
    with held(journal):
        futures = [ask(journal) for ask in asks]
    return [outcome(future) for future in futures]


def one_by_one(journal: Journal, asks: Sequence[Ask]) -> list[Any]:
    """Ask for each when the one before is done."""
    return [outcome(ask(journal)) for ask in asks]


def outcome(future: Future[Any]) -> object:
    """Return a result, or the type of the exception."""
    error = future.exception(10)
    return future.result() if error is None else type(error)


def opening(sample: Intent) -> Ask:
    """Return the asking for an intent."""
    return lambda journal: journal.open_new(sample)


def moving(seen: Payment, event: Event, change: Change, writer: str = "mover") -> Ask:
    """Return the asking for a move."""
    return lambda journal: journal.move_if_unchanged(seen, event, writer, change)


def approving(seen: Payment, writer: str = "mover") -> Ask:
    """Return the asking for the move to `approved`."""
    return moving(seen, Event.APPROVAL_PROVEN, CHANGES[State.APPROVED], writer)


def lines(journal: Journal, payment_id: str) -> list[tuple[str, str]]:
    """Return a payment's history: versions and events."""
    payment = journal.read(payment_id).result()
    assert payment is not None
    return [(str(entry.version), entry.event.value) for entry in payment.history]


@pytest.mark.parametrize("count", [1, 2, 3, ROWS_MAX - 1, ROWS_MAX, ROWS_MAX + 1, 200])
def test_each_of_many_is_written_with_its_history(journal: Journal, count: int) -> None:
    """However many there are: each its own row, its own result, in the order of asking."""
    samples = [intent(trx_amt=1_000 + place, vat_amt=0) for place in range(count)]
    opened = together(journal, [opening(sample) for sample in samples])
    assert [each.payment.id for each in opened] == [sample.id for sample in samples]
    seen = [each.payment for each in opened]
    moved = together(journal, [approving(payment, f"w{payment.trx_amt}") for payment in seen])
    assert [payment.id for payment in moved] == [sample.id for sample in samples]
    for payment in moved:
        read = journal.read(payment.id).result()
        assert read is not None
        assert replace(read, history=()) == payment
        assert lines(journal, payment.id) == [
            (f"1.{seen[payment.trx_amt - 1_000].version.writer}", "intent_written"),
            (f"2.w{payment.trx_amt}", "approval_proven"),
        ]


def test_the_first_of_two_openings_of_a_number_wins(journal: Journal) -> None:
    """The second is told of the first; the rest of the batch is opened."""
    first, other = intent(), intent()
    second = intent(merc_trx_no=first.merc_trx_no, same_data=b"another order")
    asks = [opening(sample) for sample in (first, second, other)]
    opened, known, opened_too = together(journal, asks)
    assert (fate(opened), fate(opened_too)) == ("Opened", "Opened")
    assert known == Known(opened.payment, same_data=False)
    assert journal.read(second.id).result() is None


def test_the_first_of_two_moves_of_a_payment_wins(journal: Journal) -> None:
    """The second finds another version and changes nothing."""
    payment, other = open_one(journal), open_one(journal)
    lost = moving(payment, Event.ANSWER_LOST, CHANGES[State.NET_CANCELLING], "second")
    moved, fenced, moved_too = together(
        journal, [approving(payment, "first"), lost, approving(other)]
    )
    assert moved.state is State.APPROVED
    assert fenced is None
    assert moved_too.id == other.id
    assert [version for version, _ in lines(journal, payment.id)][1:] == ["2.first"]


def test_a_fenced_move_stops_no_other(journal: Journal) -> None:
    """Whoever comes too late is told, and the neighbours are moved."""
    stale, fresh = open_one(journal), open_one(journal)
    now = move(journal, stale, Event.ANSWER_LOST, CHANGES[State.NET_CANCELLING], writer="worker")
    fenced, moved = together(journal, [approving(stale), approving(fresh)])
    assert (fenced, moved.state) == (None, State.APPROVED)
    read = journal.read(stale.id).result()
    assert read is not None
    assert read.version == now.version


@pytest.mark.parametrize("first", ["move", "hand-over"])
def test_a_move_and_a_hand_over_keep_their_order(journal: Journal, first: str) -> None:
    """What its writer has decided is not handed over; what it gave up it can't decide."""
    payment, neighbour = open_one(journal), open_one(journal)
    owner = payment.version.writer
    asks = [approving(payment, owner), lambda journal: hand_over(journal, payment.id, owner)]
    if first == "hand-over":
        asks.reverse()
    together(journal, [approving(neighbour), *asks, opening(intent())])
    events = [event for _, event in lines(journal, payment.id)]
    assert events[1:] == ["approval_proven" if first == "move" else "owner_gave_up"]


def hand_over(journal: Journal, payment_id: str, writer: str) -> Future[None]:
    """Hand over."""
    return journal.hand_over_if_held(payment_id, writer)


def claiming(journal: Journal) -> Future[list[Claim]]:
    """Claim what is due."""
    return journal.claim_due(world=WORLD, writer="worker", limit=100, hold_seconds=HOLD)


@pytest.mark.parametrize("first", ["move", "claim"])
def test_a_claim_beside_moves_keeps_its_place(journal: Journal, clock: Clock, first: str) -> None:
    """What was moved before it is not claimed; what it claimed is fenced."""
    payments = [open_one(journal) for _ in range(3)]
    clock.advance(HOLD)
    moves = [approving(payment) for payment in payments]
    asks = [*moves, claiming] if first == "move" else [claiming, *moves]
    results = together(journal, asks)
    claims = results.pop(-1 if first == "move" else 0)
    if first == "move":
        assert claims == []
        assert [moved.state for moved in results] == [State.APPROVED] * 3
    else:
        assert [claim.payment.id for claim in claims] == [payment.id for payment in payments]
        assert results == [None] * 3


def test_a_move_and_an_opening_of_its_number_keep_their_order(journal: Journal) -> None:
    """Who asks for a used number is told what was written before, and no more."""
    payment = open_one(journal)
    again = intent(merc_trx_no=payment.merc_trx_no)
    early, _, late = together(
        journal, [opening(again), approving(payment), opening(replace(again, id="late"))]
    )
    assert (early.payment.state, late.payment.state) == (State.APPROVING, State.APPROVED)


def test_readings_between_moves_see_what_was_before_them(journal: Journal) -> None:
    """Each reading has its place: behind what was asked earlier, before what was asked later."""
    payments = [open_one(journal) for _ in range(3)]

    def read_all(journal: Journal) -> Future[Sequence[Payment]]:
        return journal.list_payments(states=[State.APPROVED])

    asks = [ask for payment in payments for ask in (approving(payment), read_all)]
    results = together(journal, [read_all, *asks, opening(intent())])
    assert [len(read) for read in results[:-1:2]] == [0, 1, 2, 3]
    assert fate(results[-1]) == "Opened"


def test_a_bug_in_one_stops_no_other(journal: Journal) -> None:
    """A move off the table and a row against the constraints are told to their callers alone."""
    payments = [open_one(journal) for _ in range(3)]
    illegal = moving(payments[0], Event.ACKNOWLEDGED_LATE, Change())
    broken = opening(intent(trx_amt=0))
    bug, moved, refused, opened = together(
        journal, [illegal, approving(payments[1]), broken, opening(intent())]
    )
    assert bug is IllegalMove
    assert issubclass(refused, Exception)
    assert not issubclass(refused, NetcancelError)
    assert (moved.state, fate(opened)) == (State.APPROVED, "Opened")


def test_a_noted_proof_comes_back_with_each_move(journal: Journal) -> None:
    """Of several payments, exactly those that have one, whatever had been seen of it."""
    payments = [bring_to(journal, State.NET_CANCELLING) for _ in range(4)]
    for payment in payments[::2]:
        journal.note(payment, Event.LATE_APPROVAL, "late", Change(answer=ANSWER)).result()
    read = journal.read(payments[0].id).result()
    assert read is not None
    acknowledged = CHANGES[State.SETTLING]
    asks = [
        moving(payment, Event.ACKNOWLEDGED_EARLY, acknowledged) for payment in [read, *payments[1:]]
    ]
    assert [moved.answer for moved in together(journal, asks)] == [ANSWER, None, ANSWER, None]


@pytest.mark.parametrize("room", [0, 1, 2, 5])
def test_a_limit_of_payments_in_doubt_is_kept(journal: Journal, room: int) -> None:
    """Moves of the same batch count for openings behind them, and for none before."""
    held_ones = [open_one(journal) for _ in range(3)]
    losing = [
        moving(payment, Event.ANSWER_LOST, CHANGES[State.NET_CANCELLING]) for payment in held_ones
    ]
    asks = [ask for each in losing for ask in (opening(intent(max_in_doubt=room)), each)]
    results = together(journal, [*asks, opening(intent(max_in_doubt=room))])
    wanted = ["Opened" if in_doubt < room else "TooMany" for in_doubt in range(4)]
    assert [fate(each) for each in results[::2]] == wanted


@dataclass(frozen=True)
class Plan:
    """A random batch: the states that are there before, and what is asked then."""

    states: tuple[State, ...]
    length: int
    trouble: float
    """How much of the batch meets itself: used numbers, stale views, moves off the table."""
    seed: int


PLANS = st.builds(
    Plan,
    states=st.lists(st.sampled_from(list(WAYS)), min_size=1, max_size=12).map(tuple),
    length=st.integers(2, 40),
    trouble=st.sampled_from([0.0, 0.0, 0.03, 0.5]),
    seed=st.integers(0, 2**32),
)


def asks_of(plan: Plan, payments: Sequence[Payment]) -> list[Ask]:
    """Return a batch, the same each time."""
    chance = random.Random(plan.seed)
    unmoved = [payment for payment in payments if ways_on(payment)]
    asks: list[Ask] = []
    for place in range(plan.length):
        fresh = intent(id=f"new-{place}", writer=f"o{place}", merc_trx_no=f"NEW_{place}")
        fresh = replace(fresh, max_in_doubt=chance.choice([None, 100, len(payments)]))
        payment = chance.choice(payments)
        if chance.random() < plan.trouble:
            used = chance.choice([payment.merc_trx_no, f"NEW_{place - 1}"])
            event = chance.choice(list(Event))
            asks += opening(replace(fresh, merc_trx_no=used)), moving(payment, event, Change())
        elif chance.random() < 0.2:
            asks.append(other_ask(chance, payment))
        elif unmoved and chance.random() < 0.5:
            payment = unmoved.pop(chance.randrange(len(unmoved)))
            event, target = chance.choice(ways_on(payment))
            asks.append(moving(payment, event, CHANGES[target], f"m{place}"))
        else:
            asks.append(opening(fresh))
    return asks


def ways_on(payment: Payment) -> list[tuple[Event, State]]:
    """Return the table's moves out of a payment's state."""
    moves = [row for row in MOVES if row.source is payment.state and row.target in CHANGES]
    return [(row.event, row.target) for row in moves]


def other_ask(chance: random.Random, payment: Payment) -> Ask:
    """Return something that no statement does for many."""
    event, change = Event.LATE_APPROVAL, Change(answer=ANSWER)
    others: list[Ask] = [
        lambda journal: journal.read(payment.id),
        lambda journal: journal.note(payment, event, "noter", change),
        lambda journal: hand_over(journal, payment.id, payment.version.writer),
        claiming,
    ]
    return chance.choice(others)


@settings(max_examples=60, deadline=None)
@given(plan=PLANS)
def test_a_batch_is_as_if_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan
) -> None:
    """Any batch: the same results and the same rows, with the same histories."""
    check_order(plan, lambda: open_file(tmp_path_factory.mktemp("one") / "journal.db"))


@settings(max_examples=20, deadline=None)
@given(plan=PLANS)
def test_a_batch_on_a_server_is_as_if_one_after_the_other(
    postgres_database: str, plan: Plan
) -> None:
    """The same on PostgreSQL, where a failed statement ends all that came before it."""

    def emptied() -> Journal:
        empty_postgres(postgres_database)
        return open_journal(postgres_database, vault_key=KEY, clock=Clock())

    check_order(plan, emptied)


def check_order(plan: Plan, open_empty: Callable[[], Journal]) -> None:
    """Ask for the same once in one batch and once one by one."""
    ends: list[object] = []
    for perform in (together, one_by_one):
        journal = open_empty()
        payments = [
            bring_to(journal, state, id=f"p{place}", writer=f"w{place}", merc_trx_no=f"ORD_{place}")
            for place, state in enumerate(plan.states)
        ]
        results = perform(journal, asks_of(plan, payments))
        rows = journal.list_payments().result()
        ends.append((results, [journal.read(row.id).result() for row in rows]))
        journal.close()
    assert ends[0] == ends[1]


@pytest.mark.parametrize("journal", ["sqlite"], indirect=True)
def test_many_are_written_without_a_second_try(journal: Journal) -> None:
    """New numbers and unmoved payments take one statement for each kind."""
    payments = [open_one(journal) for _ in range(8)]
    statements: list[str] = []

    def listen(session: Any, _now: int) -> None:
        session._connection.set_trace_callback(statements.append)

    assert isinstance(journal, DatabaseJournal)
    journal._writer.submit(listen, writes=False).result()
    asks = [ask for payment in payments for ask in (opening(intent()), approving(payment))]
    together(journal, asks)
    # A trigger has its statement told again, word for word.
    firsts = [text.split()[0] for text in set(statements)]
    assert [firsts.count(word) for word in ("INSERT", "UPDATE", "ROLLBACK")] == [1, 1, 0]


@pytest.mark.parametrize("count", [2, 3, ROWS_MAX - 1, ROWS_MAX + 1])
def test_many_are_done_at_the_first_try(journal: Journal, count: int) -> None:
    """However many there are, and by however many statements."""
    payments = [open_one(journal) for _ in range(count)]
    tries: list[int] = []

    def count_try(_session: object, now: int) -> None:
        tries.append(now)

    assert isinstance(journal, DatabaseJournal)
    with held(journal):
        journal._writer.submit(count_try, writes=False)
        opened = [journal.open_new(intent()) for _ in range(count)]
        moved = [approving(payment)(journal) for payment in payments]
    assert {fate(each.result(10)) for each in opened} == {"Opened"}
    assert None not in [each.result(10) for each in moved]
    assert len(tries) == 1


@pytest.mark.parametrize("name", ["find", "note"])
def test_a_statement_for_many_has_one_row_of_parameters(name: str) -> None:
    """Any other parameter would belong to no row."""
    with pytest.raises(ValueError, match="one row of VALUES"):
        SQL.load_rows(name)
