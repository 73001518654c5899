"""What every journal promises, asked of each."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from netcancel.core.lifecycle import (
    FINAL,
    MOVES,
    RECOVERABLE,
    CancelReason,
    Event,
    IllegalMove,
    State,
    target,
)
from netcancel.core.payment import (
    MICROSECONDS,
    Asked,
    Change,
    KeptAnswer,
    Known,
    Opened,
    Payment,
    Used,
    Version,
)
from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal, open_journal
from netcancel.journal.contract import ArchivePlace, RewrapPlace
from netcancel.journal.life import Hold, Mark, Worker
from netcancel.kicc import Loss
from tests.journal.samples import (
    ANSWER,
    BODY,
    CHANGES,
    HOLD,
    KEY,
    SETTLE,
    START,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    fate,
    intent,
    move,
    open_file,
    open_one,
)

NOW = round(START * MICROSECONDS)


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still until it is advanced."""
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgres", "mysql"])
def journal(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    """Return an empty journal of each kind."""
    match request.param:
        case "memory":
            journal = open_journal("memory://", clock=clock)
        case "sqlite":
            journal = open_file(tmp_path / "journal.db", clock)
        case server:
            url = request.getfixturevalue(f"{server}_url")
            journal = open_journal(url, vault_key=KEY, clock=clock)
    yield journal
    journal.close()


def claim(journal: Journal, *, limit: int = 100, writer: str = "worker") -> list[Payment]:
    """Claim what is due in the tests' world."""
    claims = journal.claim_due(world=WORLD, writer=writer, limit=limit, hold_seconds=HOLD)
    return [each.payment for each in claims.result()]


def confirm(journal: Journal, number: str) -> Payment | None:
    """Confirm a number in the tests' world."""
    asked = journal.confirm_if_unconfirmed(
        worlds=[WORLD], tid="T123456789", merc_trx_no=number, writer="merchant"
    )
    return asked.result()


def again(journal: Journal, payment: Payment) -> Payment:
    """Read a payment that is there."""
    read = journal.read(payment.id).result()
    assert read is not None
    return read


def test_a_new_intent_is_approving_and_held(journal: Journal) -> None:
    """An intent becomes a payment whose owner holds it, and whose settle time is fixed."""
    sample = intent()
    opened = journal.open_new(sample).result()
    assert isinstance(opened, Opened)
    payment = opened.payment
    assert (payment.state, payment.version) == (State.APPROVING, Version(1, sample.writer))
    assert (payment.is_held, payment.due_at) == (True, NOW + round(HOLD * MICROSECONDS))
    assert payment.settle_at == NOW + round(SETTLE * MICROSECONDS)
    assert (payment.created_at, payment.updated_at, payment.read_at) == (NOW, NOW, NOW)
    assert (payment.trx_amt, payment.vat_amt, payment.svc_amt) == (10_000, 909, 0)
    assert replace(again(journal, payment), history=()) == payment


def test_what_is_unknown_is_none(journal: Journal) -> None:
    """Reading and finding what isn't there says so."""
    assert journal.read("nobody").result() is None
    for number in ("ORD_NEVER", "", "half of a pair \ud83d"):
        assert journal.find("T123456789", number).result() is None
        assert confirm(journal, number) is None


def test_a_payment_is_found_by_its_number(journal: Journal) -> None:
    """The number is the terminal's and the merchant's together, byte by byte."""
    payment = open_one(journal, merc_trx_no="ORD_a")
    found = journal.find(payment.tid, "ORD_a").result()
    assert found == again(journal, payment)
    assert journal.find(payment.tid, "ORD_A").result() is None
    assert journal.find("T000000000", "ORD_a").result() is None


@pytest.mark.parametrize("other", ["ORD_A", "ORD_a_", "ORD-a"])
def test_numbers_that_differ_at_all_are_different(journal: Journal, other: str) -> None:
    """Neither case nor a last character makes two numbers one."""
    open_one(journal, merc_trx_no="ORD_a")
    assert fate(journal.open_new(intent(merc_trx_no=other)).result()) == "Opened"


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("same", [True, False])
def test_a_used_number_is_never_opened_again(journal: Journal, state: State, *, same: bool) -> None:
    """Whatever became of it, and whoever asks: the row and whether the data are the same."""
    payment = bring_to(journal, state)
    data = b"the same order" if same else b"another order"
    second = intent(merc_trx_no=payment.merc_trx_no, same_data=data)
    known = journal.open_new(second).result()
    assert isinstance(known, Known)
    assert (known.payment, known.same_data) == (payment, same)
    assert journal.read(second.id).result() is None


@pytest.mark.parametrize("state", WAYS)
def test_what_another_world_knows_is_not_the_same_order(journal: Journal, state: State) -> None:
    """A number that a test gateway approved is used, but says nothing of the real gateway."""
    payment = bring_to(journal, state)
    for limit in (None, 100):
        second = intent(merc_trx_no=payment.merc_trx_no, world="elsewhere", max_in_doubt=limit)
        known = journal.open_new(second).result()
        assert isinstance(known, Known)
        assert (known.payment, known.same_data) == (payment, False)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(WAYS, Event)))
def test_exactly_the_tables_moves_are_made(journal: Journal, state: State, event: Event) -> None:
    """Every pair of the table leads to its target; every other pair raises and changes nothing."""
    payment = bring_to(journal, state)
    targets = {row.target for row in MOVES if (row.source, row.event) == (state, event)}
    before = again(journal, payment)
    if not targets:
        with pytest.raises(IllegalMove):
            journal.move_if_unchanged(payment, event, "w", Change()).result()
        assert again(journal, payment) == before
        return
    (expected,) = targets
    moved = move(journal, payment, event, CHANGES[expected], writer="w")
    assert (moved.state, moved.version) == (expected, Version(payment.version.counter + 1, "w"))
    after = again(journal, payment)
    assert replace(after, history=()) == moved
    assert after.history[:-1] == before.history
    line = after.history[-1]
    assert (line.source, line.event, line.target) == (state, event, expected)
    assert (line.at, line.version) == (NOW, moved.version)


def test_a_move_from_a_stale_view_changes_nothing(journal: Journal) -> None:
    """State, count and writer must all be as seen."""
    seen = open_one(journal)
    lost = CHANGES[State.NET_CANCELLING]
    move(journal, seen, Event.ANSWER_LOST, lost)
    stale = [
        seen,
        replace(seen, version=Version(2, seen.version.writer)),
        replace(seen, version=Version(2, "other"), state=State.NET_CANCELLING),
        replace(seen, version=Version(1, seen.version.writer), state=State.NET_CANCELLING),
        replace(seen, id="nobody"),
    ]
    before = again(journal, seen)
    for view in stale:
        event = Event.CLAIMED if view.state is State.NET_CANCELLING else Event.ANSWER_LOST
        assert journal.move_if_unchanged(view, event, "late", lost).result() is None
    assert again(journal, seen) == before


def test_one_of_many_moves_from_the_same_view_is_made(journal: Journal) -> None:
    """Sixteen threads move what they all saw: one wins."""
    seen = open_one(journal)
    change = CHANGES[State.NET_CANCELLING]

    def attempt(number: int) -> bool:
        moved = journal.move_if_unchanged(seen, Event.ANSWER_LOST, f"w{number}", change).result()
        return moved is not None

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(16))) == 1
    assert len(again(journal, seen).history) == 2


def test_one_of_many_intents_with_one_number_is_opened(journal: Journal) -> None:
    """Sixteen threads open the same number: one wins, the others are told of it."""
    start = threading.Barrier(16)

    def attempt(_: int) -> str:
        start.wait()
        return fate(journal.open_new(intent(merc_trx_no="ORD_RACE")).result())

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(attempt, range(16))) == ["Known"] * 15 + ["Opened"]


def test_a_change_writes_what_it_names_and_leaves_the_rest(journal: Journal) -> None:
    """None leaves a column; a debt begins anew only where the change says so."""
    payment = open_one(journal)
    change = Change(
        hold_seconds=5.0,
        begins_debt=True,
        attempts=1,
        loss=Loss.PARSING_ERROR,
        code="9999",
        message="odd",
        detail="broken",
        never_sent=True,
        alarmed=True,
    )
    first = move(journal, payment, Event.ANSWER_LOST, change)
    assert (first.loss, first.code, first.message) == (Loss.PARSING_ERROR, "9999", "odd")
    assert (first.detail, first.never_sent, first.alarmed) == ("broken", True, True)
    assert (first.attempts, first.owed_since) == (1, NOW)
    second = move(journal, first, Event.NOT_ACKNOWLEDGED, Change(due_seconds=7.5))
    due_at = NOW + 7_500_000
    assert second == replace(
        first, is_held=False, due_at=due_at, version=second.version, last_event=second.last_event
    )
    assert second.last_event is Event.NOT_ACKNOWLEDGED


def test_a_new_debt_forgets_alarm_and_attempts(journal: Journal, clock: Clock) -> None:
    """Its window begins with the move."""
    payment = bring_to(journal, State.ESCALATED)
    assert payment.alarmed
    clock.advance(10)
    retried = move(journal, payment, Event.RETRY_ASKED, Change(due_seconds=0.0, begins_debt=True))
    assert (retried.alarmed, retried.attempts) == (False, 0)
    assert retried.owed_since == retried.due_at == NOW + 10 * MICROSECONDS


def test_held_and_due_at_once_is_a_bug(journal: Journal) -> None:
    """A change that says both raises."""
    payment = open_one(journal)
    with pytest.raises(ValueError, match="not both"):
        journal.move_if_unchanged(
            payment, Event.ANSWER_LOST, "w", Change(hold_seconds=1.0, due_seconds=1.0)
        ).result()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(note="n", detail="d", code="c"), "n"),
        (Change(detail="d", code="c", message="m"), "d"),
        (Change(code="8521", message="limit"), "8521 limit"),
        (Change(code="8521"), "8521"),
    ],
)
def test_the_history_says_why(journal: Journal, change: Change, text: str) -> None:
    """The note, else the detail, else code and message."""
    payment = open_one(journal)
    change = replace(change, code=change.code or "8521")
    move(journal, payment, Event.DECLINE_PROVEN, change)
    assert again(journal, payment).history[-1].note == text


def test_a_note_adds_a_line_and_moves_nothing(journal: Journal, clock: Clock) -> None:
    """The line carries the row's version and names who wrote it; the row stays."""
    payment = bring_to(journal, State.ESCALATED)
    before = again(journal, payment)
    clock.advance(1)
    for text in ("first", "second"):
        journal.note(payment, Event.NOT_ACKNOWLEDGED, "late", Change(note=text)).result()
    after = again(journal, payment)
    assert replace(after, history=(), read_at=0) == replace(before, history=(), read_at=0)
    assert after.history[:-2] == before.history
    assert [line.note for line in after.history[-2:]] == [
        "first (noted by late)",
        "second (noted by late)",
    ]
    assert {line.version for line in after.history[-2:]} == {payment.version}
    assert {(line.source, line.target) for line in after.history[-2:]} == {
        (State.ESCALATED, State.ESCALATED)
    }
    assert not after.was_written_by(Version(payment.version.counter, "late"))


def test_a_note_keeps_a_proof_where_there_is_none(journal: Journal) -> None:
    """The first proven approval stays; a second is only a line."""
    payment = bring_to(journal, State.ESCALATED)
    other = replace(ANSWER, aprv_no="87654321")
    for answer in (ANSWER, other):
        journal.note(payment, Event.LATE_APPROVAL, "late", Change(answer=answer)).result()
    assert again(journal, payment).answer == ANSWER
    assert len(again(journal, payment).history) == 5
    retried = move(journal, payment, Event.RETRY_ASKED, Change(due_seconds=0.0, begins_debt=True))
    assert retried.answer == ANSWER


def test_only_what_is_due_is_claimed(journal: Journal, clock: Clock) -> None:
    """A lease is respected until its very end."""
    payment = open_one(journal)
    clock.advance(HOLD - 0.000_001)
    assert claim(journal) == []
    clock.advance(0.000_001)
    (held,) = claim(journal)
    assert held.id == payment.id
    assert claim(journal) == []


def test_a_claimed_approval_becomes_a_debt(journal: Journal, clock: Clock) -> None:
    """The owner is fenced, and the debt begins with one attempt."""
    payment = open_one(journal)
    clock.advance(HOLD)
    (claimed,) = journal.claim_due(
        world=WORLD, writer="worker", limit=1, hold_seconds=12.0
    ).result()
    held = claimed.payment
    now = NOW + round(HOLD * MICROSECONDS)
    assert claimed.net_cancel_body == BODY
    assert (held.state, held.version) == (State.NET_CANCELLING, Version(2, "worker"))
    assert (held.attempts, held.owed_since, held.alarmed) == (1, now, False)
    assert (held.is_held, held.due_at, held.read_at) == (True, now + 12 * MICROSECONDS, now)
    verdict = journal.move_if_unchanged(
        payment, Event.APPROVAL_PROVEN, payment.version.writer, CHANGES[State.APPROVED]
    )
    assert verdict.result() is None
    line = again(journal, payment).history[-1]
    assert (line.source, line.event, line.target) == (
        State.APPROVING,
        Event.LEASE_RAN_OUT,
        State.NET_CANCELLING,
    )


@pytest.mark.parametrize("state", [State.NET_CANCELLING, State.SETTLING])
def test_a_claimed_debt_stays_what_it_is(journal: Journal, clock: Clock, state: State) -> None:
    """One attempt more, the same window, a new version."""
    payment = bring_to(journal, state)
    clock.advance(1_000)
    (held,) = claim(journal)
    assert (held.state, held.owed_since) == (state, payment.owed_since)
    assert held.attempts == payment.attempts + 1
    assert held.version == Version(payment.version.counter + 1, "worker")
    assert again(journal, payment).history[-1].event is Event.CLAIMED


@pytest.mark.parametrize("state", WAYS)
def test_exactly_what_recovery_owes_is_claimed(
    journal: Journal, clock: Clock, state: State
) -> None:
    """Final states and a person's are never claimed, however old."""
    bring_to(journal, state)
    clock.advance(10**9)
    owed = {
        State.APPROVING,
        State.UNCONFIRMED,
        State.NET_CANCELLING,
        State.SETTLING,
        State.CANCELLING,
    }
    assert bool(claim(journal)) == (state in owed)


def test_other_worlds_are_left_alone(journal: Journal, clock: Clock) -> None:
    """A worker takes nothing that belongs to another gateway, channel or environment."""
    open_one(journal, world="staging")
    clock.advance(1_000)
    assert claim(journal) == []
    summary = journal.summary(worlds=[WORLD]).result()
    assert (summary.of_other_worlds, summary.in_doubt) == (1, 1)
    assert journal.summary(worlds=["staging"]).result().of_other_worlds == 0


@pytest.mark.parametrize("state", WAYS)
def test_what_nobody_takes_elsewhere_is_counted(
    journal: Journal, clock: Clock, state: State
) -> None:
    """Open payments of other worlds, from the moment on that they have been due for so long."""
    payment = bring_to(journal, state)

    def neglected(*worlds: str) -> int:
        return journal.neglected(worlds=worlds, due_seconds=180.0).result()

    if payment.due_at is None:
        clock.advance(10**9)
        assert neglected("staging") == 0
        return
    clock.advance((payment.due_at - NOW) / MICROSECONDS + 179.0)
    assert neglected("staging") == 0
    clock.advance(1.0)
    assert (neglected("staging"), neglected("staging", WORLD), neglected()) == (1, 0, 1)
    assert len(claim(journal)) == 1
    assert neglected("staging") == 0


def test_a_missed_confirmation_is_claimed_as_an_unsent_cancel(
    journal: Journal, clock: Clock
) -> None:
    """Who claims it knows by its attempts that nobody has sent a cancel yet."""
    bring_to(journal, State.UNCONFIRMED)
    clock.advance(1_000)
    (payment,) = claim(journal)
    assert (payment.state, payment.attempts) == (State.CANCELLING, 0)
    assert payment.cancel_reason is CancelReason.CONFIRMATION_MISSED
    clock.advance(1_000)
    (again,) = claim(journal)
    assert (again.state, again.attempts) == (State.CANCELLING, 0)


def test_a_cancel_is_kept_as_it_was_frozen(journal: Journal) -> None:
    """Its number, its body and its reason stay with the row."""
    payment = bring_to(journal, State.CANCELLED)
    row = again(journal, payment)
    assert (row.cancel_trx_no, row.cancel_body) == ("CANCEL_1", '{"mercTrxNo":"CANCEL_1"}')
    assert row.cancel_reason is CancelReason.ASKED


@pytest.mark.parametrize("state", WAYS)
def test_only_what_is_unconfirmed_is_confirmed(journal: Journal, state: State) -> None:
    """The others are told as they are, nothing is written; other worlds have no such payment."""
    payment = bring_to(journal, state)
    number = {"tid": payment.tid, "merc_trx_no": payment.merc_trx_no, "writer": "merchant"}
    assert journal.confirm_if_unconfirmed(worlds=["staging"], **number).result() is None
    confirmed = journal.confirm_if_unconfirmed(worlds=[WORLD], **number).result()
    assert confirmed is not None
    if state is State.UNCONFIRMED:
        assert (confirmed.state, confirmed.due_at) == (State.APPROVED, None)
        assert confirmed.version == Version(payment.version.counter + 1, "merchant")
    else:
        assert (confirmed.state, confirmed.version) == (state, payment.version)


def test_a_frozen_body_can_be_opened_until_it_is_shredded(journal: Journal, clock: Clock) -> None:
    """A lost cancel needs it; nobody else's is opened."""
    payment = bring_to(journal, State.APPROVED)
    assert journal.open_body(payment.id).result() == BODY
    assert journal.open_body("unknown").result() is None
    clock.advance(1_000)
    journal.shred_closed(keep_seconds=10, limit=10).result()
    assert journal.open_body(payment.id).result() is None


def test_pages_follow_the_numbers_in_the_order_of_their_bytes(journal: Journal) -> None:
    """Every payment comes once, whatever its world, behind the last page's last."""
    numbers = ["a", "B", "_", "B1", "~", "10", "9"]
    for tid in ("T2", "T10"):
        for number in numbers:
            open_one(journal, tid=tid, merc_trx_no=number, world=f"world of {number}")
    seen: list[tuple[str, str]] = []
    while page := journal.page(after=seen[-1] if seen else None, limit=3).result():
        assert len(page) <= 3
        seen += [(payment.tid, payment.merc_trx_no) for payment in page]
    assert seen == sorted((tid, number) for tid in ("T2", "T10") for number in numbers)


def test_the_longest_due_come_first_and_no_more_than_asked(journal: Journal, clock: Clock) -> None:
    """Claims follow the due times over all states."""
    late = bring_to(journal, State.SETTLING)
    first = open_one(journal, hold_seconds=2.0)
    second = bring_to(journal, State.NET_CANCELLING)
    clock.advance(1_000)
    expected = [first.id, second.id, late.id]
    assert [payment.id for payment in claim(journal, limit=2)] == expected[:2]
    assert [payment.id for payment in claim(journal, limit=2)] == expected[2:]


def test_claims_never_overlap(journal: Journal, clock: Clock) -> None:
    """Eight threads drain two hundred due payments: each is claimed once."""
    opened = [journal.open_new(intent(id=f"p{number}")) for number in range(200)]
    assert {fate(future.result()) for future in opened} == {"Opened"}
    clock.advance(1_000)

    def drain(number: int) -> list[str]:
        mine: list[str] = []
        while batch := claim(journal, limit=7, writer=f"worker{number}"):
            mine += [payment.id for payment in batch]
        return mine

    with ThreadPoolExecutor(8) as pool:
        claimed = [each for mine in pool.map(drain, range(8)) for each in mine]
    assert len(claimed) == 200
    assert set(claimed) == {f"p{number}" for number in range(200)}


@pytest.mark.parametrize("state", WAYS)
def test_what_a_holder_owes_is_handed_over(journal: Journal, clock: Clock, state: State) -> None:
    """Due at once, where the holder's is the last version and something is owed by it."""
    payment = bring_to(journal, state)
    before = again(journal, payment)
    holds = state in {State.APPROVING, State.NET_CANCELLING, State.CANCELLING}
    clock.advance(1)
    journal.hand_over_if_held(payment.id, "somebody else").result()
    assert again(journal, payment) == replace(before, read_at=NOW + MICROSECONDS)
    journal.hand_over_if_held(payment.id, payment.version.writer).result()
    after = again(journal, payment)
    if not holds:
        assert after == replace(before, read_at=NOW + MICROSECONDS)
        return
    assert after.state is target(state, Event.OWNER_GAVE_UP)
    assert (after.is_held, after.due_at) == (False, NOW + MICROSECONDS)
    assert after.history[-1].event is Event.OWNER_GAVE_UP
    begun = (NOW + MICROSECONDS, 0) if state is State.APPROVING else (NOW, payment.attempts)
    assert (after.owed_since, after.attempts) == begun
    assert [each.id for each in claim(journal)] == [payment.id]


def test_a_held_settling_payment_is_handed_over(journal: Journal, clock: Clock) -> None:
    """A worker that is interrupted while it verifies leaves it settling, due at once."""
    payment = bring_to(journal, State.SETTLING)
    clock.advance(1_000)
    claim(journal)
    journal.hand_over_if_held(payment.id, "worker").result()
    after = again(journal, payment)
    assert (after.state, after.is_held, after.due_at) == (State.SETTLING, False, after.read_at)


def test_handing_over_what_is_not_there_is_nothing(journal: Journal) -> None:
    """An intent that was never written owes nothing."""
    journal.hand_over_if_held("nobody", "w").result()


def test_too_many_in_doubt_opens_nothing(journal: Journal, clock: Clock) -> None:
    """Of this world only, and a lease that runs is no doubt."""
    bring_to(journal, State.NET_CANCELLING)
    bring_to(journal, State.NET_CANCELLING, world="staging")
    bring_to(journal, State.SETTLING)
    open_one(journal)
    assert fate(journal.open_new(intent(max_in_doubt=2)).result()) == "Opened"
    refused = intent(max_in_doubt=1)
    assert fate(journal.open_new(refused).result()) == "TooMany"
    assert journal.read(refused.id).result() is None
    clock.advance(HOLD)
    assert fate(journal.open_new(intent(max_in_doubt=3)).result()) == "TooMany"
    assert fate(journal.open_new(intent(max_in_doubt=4)).result()) == "Opened"


def test_a_used_number_is_known_however_many_are_in_doubt(journal: Journal) -> None:
    """A second caller is told of its payment, not of the others."""
    payment = bring_to(journal, State.NET_CANCELLING)
    again_asked = intent(merc_trx_no=payment.merc_trx_no, max_in_doubt=1)
    assert fate(journal.open_new(again_asked).result()) == "Known"


@pytest.mark.parametrize("text", ["\udcff", "\0", "ORD\ud83d"])
def test_what_no_journal_can_hold_is_not_there(journal: Journal, text: str) -> None:
    """A number that a shell or a JSON text brought along is looked for like any other."""
    open_one(journal)
    assert journal.read(text).result() is None
    assert journal.find("T123456789", text).result() is None
    assert journal.find_by_van_number("T123456789", text).result() is None
    assert journal.find_used("T123456789", text).result() is None


def test_listing_chooses_by_state_and_doubt(journal: Journal, clock: Clock) -> None:
    """Newest first, without history, at most so many."""
    payments = {state: bring_to(journal, state) for state in WAYS}
    newest_first = [payment.id for payment in reversed(payments.values())]

    def ids(**options: object) -> list[str]:
        listed: Callable[..., object] = journal.list_payments
        return [payment.id for payment in listed(**options).result()]  # type: ignore[attr-defined]

    assert ids() == newest_first
    assert ids(limit=3) == newest_first[:3]
    assert ids(states=[State.DECLINED]) == [payments[State.DECLINED].id]
    assert ids(states=[]) == []
    always = {State.NET_CANCELLING, State.CANCELLING}
    doubtful = [payment.id for state, payment in payments.items() if state in always]
    assert ids(in_doubt=True) == doubtful[::-1]
    clock.advance(HOLD)
    doubtful.insert(0, payments[State.APPROVING].id)
    assert ids(in_doubt=True) == doubtful[::-1]
    assert ids(in_doubt=True, states=[State.APPROVING]) == doubtful[:1]
    listed = journal.list_payments(in_doubt=True).result()
    assert all(payment.in_doubt and payment.history == () for payment in listed)


def test_the_summary_counts(journal: Journal, clock: Clock) -> None:
    """By state, in doubt, of other worlds, and what net-cancels were refused with."""
    empty = journal.summary(worlds=[WORLD]).result()
    assert (empty.by_state, empty.in_doubt, empty.oldest_in_doubt_seconds) == ({}, 0, 0.0)
    for state in WAYS:
        bring_to(journal, state)
    lost = bring_to(journal, State.NET_CANCELLING)
    refused = Change(due_seconds=50.0, code="7777")
    lost = move(journal, lost, Event.NOT_ACKNOWLEDGED, refused)
    clock.advance(30)
    summary = journal.summary(worlds=[WORLD]).result()
    assert summary.by_state == dict.fromkeys(WAYS, 1) | {State.NET_CANCELLING: 2}
    assert (summary.in_doubt, summary.oldest_in_doubt_seconds) == (3, 30.0)
    assert (summary.of_other_worlds, summary.refusals) == (0, {"7777": 1})
    move(journal, lost, Event.LATE_APPROVAL, Change(due_seconds=0.0, begins_debt=True))
    assert journal.summary(worlds=[WORLD]).result().refusals == {}
    clock.advance(HOLD)
    assert journal.summary(worlds=[WORLD]).result().in_doubt == 4


@pytest.mark.parametrize("state", WAYS)
def test_exactly_closed_payments_are_shredded(journal: Journal, clock: Clock, state: State) -> None:
    """After the grace, and never what is still owed or a person's."""
    bring_to(journal, state)
    clock.advance(99)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 0
    clock.advance(1)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == int(state.is_final)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 0


def test_a_reopened_payment_starts_its_grace_anew(journal: Journal, clock: Clock) -> None:
    """A late proof needs the token again; once shredded, its claim has no body."""
    payment = bring_to(journal, State.NET_CANCELLED)
    clock.advance(99)
    debt = Change(due_seconds=0.0, begins_debt=True, answer=ANSWER)
    reopened = move(journal, payment, Event.LATE_APPROVAL, debt)
    (claimed,) = journal.claim_due(world=WORLD, writer="w", limit=1, hold_seconds=HOLD).result()
    assert claimed.net_cancel_body == BODY
    closed = move(journal, claimed.payment, Event.ACKNOWLEDGED_LATE, Change(code="0000"))
    clock.advance(99)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 0
    clock.advance(1)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 1
    assert reopened.id == closed.id
    move(journal, closed, Event.LATE_APPROVAL, debt)
    (claimed,) = journal.claim_due(world=WORLD, writer="w", limit=1, hold_seconds=HOLD).result()
    assert claimed.net_cancel_body is None


def test_shredding_takes_the_oldest_first_and_no_more_than_asked(
    journal: Journal, clock: Clock
) -> None:
    """A limit keeps one pass short; the next takes the rest."""
    for _ in range(5):
        bring_to(journal, State.DECLINED)
        clock.advance(1)
    taken = [journal.shred_closed(keep_seconds=0, limit=2).result() for _ in range(4)]
    assert taken == [2, 2, 1, 0]


def test_versions_never_repeat(journal: Journal, clock: Clock) -> None:
    """Over a long life each write has a version of its own, in the order of the history."""
    payment = open_one(journal)
    for number in range(20):
        clock.advance(1_000)
        (payment,) = claim(journal, writer=f"w{number % 2}")
        journal.hand_over_if_held(payment.id, payment.version.writer).result()
    versions = [line.version for line in again(journal, payment).history]
    assert len(versions) == len(set(versions)) == 41
    assert [version.counter for version in versions] == list(range(1, 42))


def test_the_history_is_a_chain(journal: Journal) -> None:
    """Each line begins in the state in which the last one ended."""
    history = again(journal, bring_to(journal, State.NET_CANCELLED)).history
    assert history[0].source is None
    assert [line.source for line in history[1:]] == [line.target for line in history[:-1]]


def test_a_closed_journal_says_so(journal: Journal) -> None:
    """Calls after the end fail; closing twice is nothing."""
    journal.close()
    journal.close()
    with pytest.raises(JournalUnavailable):
        journal.read("x").result()
    with pytest.raises(JournalUnavailable):
        journal.open_new(intent()).result()


def test_closing_finishes_what_was_handed_over(journal: Journal) -> None:
    """Every future that was handed out before is done."""
    futures = [journal.open_new(intent()) for _ in range(500)]
    journal.close()
    assert all(future.done() and fate(future.result()) == "Opened" for future in futures)


def test_a_payment_is_found_by_its_van_number(journal: Journal) -> None:
    """The newest of a terminal whose proven answer has it, however the answer came there."""
    proven, noted = open_one(journal), open_one(journal)
    answer = replace(ANSWER, van_trx_no="VAN1")
    proven = move(journal, proven, Event.APPROVAL_PROVEN, Change(answer=answer))
    assert journal.find_by_van_number(proven.tid, "VAN1").result() == again(journal, proven)
    late = Change(answer=answer, hold_seconds=HOLD)
    journal.note(noted, Event.LATE_APPROVAL, "owner", late).result()
    assert journal.find_by_van_number(noted.tid, "VAN1").result() == again(journal, noted)
    assert journal.find_by_van_number("T000000000", "VAN1").result() is None
    assert journal.find_by_van_number(noted.tid, "van1").result() is None


def test_an_answer_is_kept_with_its_move(journal: Journal) -> None:
    """The very bytes, each under what was asked; the last one counts."""
    payment = open_one(journal)
    approval = KeptAnswer(Asked.APPROVAL, b'{"respCd": "0000"}\n')
    change = Change(answer=ANSWER, kept_answer=approval)
    approved = move(journal, payment, Event.APPROVAL_PROVEN, change)
    for body in (b"first", b"second"):
        change = Change(
            hold_seconds=HOLD,
            begins_debt=True,
            cancel_reason=CancelReason.ASKED,
            kept_answer=KeptAnswer(Asked.CANCEL, body),
        )
        event = Event.CANCEL_ASKED if body == b"first" else Event.OWNER_GAVE_UP
        approved = move(journal, approved, event, change)
    assert journal.open_answer(payment.id, Asked.APPROVAL).result() == approval.body
    assert journal.open_answer(payment.id, Asked.CANCEL).result() == b"second"


def test_no_answer_is_kept_by_a_move_that_was_not_made(journal: Journal) -> None:
    """Whoever lost the version leaves nothing behind."""
    payment = open_one(journal)
    move(journal, payment, Event.DECLINE_PROVEN, CHANGES[State.DECLINED])
    change = Change(answer=ANSWER, kept_answer=KeptAnswer(Asked.APPROVAL, b"late"))
    late = journal.move_if_unchanged(payment, Event.APPROVAL_PROVEN, "owner", change)
    assert late.result() is None
    assert journal.open_answer(payment.id, Asked.APPROVAL).result() is None
    assert journal.open_answer("nobody", Asked.APPROVAL).result() is None


def test_a_kept_answer_is_shredded_with_the_token(journal: Journal, clock: Clock) -> None:
    """What the gateway sent may name a card: it goes when the payment's key goes."""
    payment = open_one(journal)
    change = Change(code="8521", kept_answer=KeptAnswer(Asked.APPROVAL, b"declined"))
    move(journal, payment, Event.DECLINE_PROVEN, change)
    clock.advance(100)
    assert journal.shred_closed(keep_seconds=99, limit=10).result() == 1
    assert journal.open_answer(payment.id, Asked.APPROVAL).result() is None


def test_what_fell_due_last_can_be_claimed_first(journal: Journal, clock: Clock) -> None:
    """Behind a long queue, new debts are reached as well."""
    numbers = []
    for _ in range(6):
        payment = move(
            journal, open_one(journal), Event.ANSWER_LOST, Change(due_seconds=1.0, begins_debt=True)
        )
        numbers.append(payment.merc_trx_no)
        clock.advance(1)
    clock.advance(10)
    claims = journal.claim_due(
        world=WORLD, writer="worker", limit=2, hold_seconds=HOLD, newest_first=True
    ).result()
    assert [each.payment.merc_trx_no for each in claims] == numbers[:-3:-1]
    assert [payment.merc_trx_no for payment in claim(journal, limit=2)] == numbers[:2]


def test_a_worker_that_checks_in_counts_the_mark_up(journal: Journal, clock: Clock) -> None:
    """By one each time, in one life; it is listed with its host, since when, and when last seen."""
    first = journal.check_in("1-a", "host", 15.0).result()
    clock.advance(5)
    second = journal.check_in("1-a", "host", 15.0).result()
    other = journal.check_in("2-b", "elsewhere", 15.0).result()
    assert first.found.id == second.found.id == other.mark.id
    assert [(each.found.count, each.mark.count) for each in (first, second, other)] == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]
    assert (first.replaced, first.hold) == (frozenset(), None)
    later = NOW + 5 * MICROSECONDS
    assert [*journal.workers().result()] == [
        Worker("1-a", "host", NOW, later),
        Worker("2-b", "elsewhere", later, later),
    ]


def test_a_journal_that_is_behind_is_not_counted_up(journal: Journal) -> None:
    """Whoever checks in next finds it behind as well, though nobody has placed a hold yet."""
    open_one(journal)
    mark = journal.check_in("w", "host", 15.0).result().mark
    ahead = replace(mark, count=mark.count + 1)
    for remembered in [(ahead, None), (mark, ahead), (Mark("another", 0),)]:
        presence = journal.check_in("w", "host", 15.0, remembered).result()
        assert (presence.found, presence.mark) == (mark, mark)
    assert journal.check_in("w", "host", 15.0, (mark, None)).result().mark == ahead


def test_only_workers_that_were_seen_are_alive(journal: Journal, clock: Clock) -> None:
    """One that missed its time doesn't count, one that checked out is gone, a day forgets."""
    for worker in ("killed", "ended", "there"):
        journal.check_in(worker, "host", 15.0).result()
    journal.check_out("ended").result()
    journal.check_out("nobody").result()
    clock.advance(15)
    assert journal.check_in("there", "host", 15.0).result().workers == 2
    clock.advance(0.000_001)
    assert journal.check_in("there", "host", 15.0).result().workers == 1
    assert {worker.id for worker in journal.workers().result()} == {"killed", "there"}
    clock.advance(86_400)
    journal.check_in("there", "host", 15.0).result()
    assert {worker.id for worker in journal.workers().result()} == {"there"}


def test_a_journal_says_whether_it_is_empty(journal: Journal) -> None:
    """One payment is enough to have something to lose."""
    assert journal.check_in("w", "host", 15.0).result().is_empty
    open_one(journal)
    assert not journal.check_in("w", "host", 15.0).result().is_empty


def test_check_ins_at_once_are_all_counted(journal: Journal) -> None:
    """Sixteen threads: no two leave the same mark."""

    def attempt(number: int) -> int:
        return journal.check_in(f"w{number}", "host", 15.0).result().mark.count

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(attempt, range(16))) == list(range(1, 17))


@pytest.mark.parametrize("state", WAYS)
def test_what_is_held_is_not_claimed(journal: Journal, clock: Clock, state: State) -> None:
    """By nobody, whatever is due; it is as it was, and claimed once the hold is released."""
    payment = bring_to(journal, state)
    clock.advance(10**9)
    held = journal.hold_if_unheld("restored").result()
    assert held == journal.hold().result() == Hold("restored", NOW + 10**9 * MICROSECONDS)
    before = again(journal, payment)
    assert claim(journal) == []
    assert again(journal, payment) == before
    journal.release_hold(by="me", note="looked").result()
    assert bool(claim(journal)) == (state not in FINAL | {State.ESCALATED})


def test_a_hold_stops_recovery_only(journal: Journal, clock: Clock) -> None:
    """Payments are made, decided, confirmed and cancelled as ever."""
    journal.hold_if_unheld("restored").result()
    approving, unconfirmed = open_one(journal), bring_to(journal, State.UNCONFIRMED)
    move(journal, approving, Event.ANSWER_LOST, CHANGES[State.NET_CANCELLING])
    confirmed = journal.confirm_if_unconfirmed(
        worlds=[WORLD], tid=unconfirmed.tid, merc_trx_no=unconfirmed.merc_trx_no, writer="m"
    ).result()
    assert confirmed is not None
    assert confirmed.state is State.APPROVED
    move(journal, confirmed, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
    clock.advance(1)
    assert journal.check_in("w", "host", 15.0).result().hold == Hold("restored", NOW)


def test_the_first_hold_stands(journal: Journal, clock: Clock) -> None:
    """A second worker that notices the same changes nothing."""
    first = journal.hold_if_unheld("first").result()
    clock.advance(1)
    assert journal.hold_if_unheld("second").result() == first
    assert journal.hold().result() == first


def test_a_release_begins_a_life_that_replaces_the_others(journal: Journal) -> None:
    """Each release one more; what is not held can't be released, and nothing changes."""
    assert journal.release_hold(by="me", note="why").result() is None
    lives = [journal.check_in("w", "host", 15.0).result().mark.id]
    for place in range(3):
        journal.hold_if_unheld("restored").result()
        mark = journal.release_hold(by="me", note=f"looked {place}").result()
        assert mark is not None
        assert mark.id not in lives
        presence = journal.check_in("w", "host", 15.0).result()
        assert (presence.found, presence.hold) == (mark, None)
        assert presence.replaced == frozenset(lives)
        lives.append(mark.id)
    assert journal.release_hold(by="me", note="why").result() is None


def test_nothing_is_claimed_of_a_journal_that_is_behind(journal: Journal, clock: Clock) -> None:
    """A worker that was at work when it was restored claims nothing; a released one it may."""
    open_one(journal)
    clock.advance(HOLD)
    mark = journal.check_in("w", "host", 15.0).result().mark

    def claimed(seen: Mark) -> int:
        claims = journal.claim_due(
            world=WORLD, writer="w", limit=1, hold_seconds=0.001, seen=seen
        ).result()
        clock.advance(1)
        return len(claims)

    assert claimed(mark) == 1
    assert claimed(replace(mark, count=mark.count + 1)) == 0
    assert claimed(replace(mark, id="another")) == 0
    journal.check_in("w", "host", 15.0).result()
    assert claimed(replace(mark, count=mark.count + 1)) == 1
    journal.hold_if_unheld("restored").result()
    journal.release_hold(by="me", note="looked").result()
    assert claimed(replace(mark, count=10**6)) == 1


def test_nobody_is_a_stranger_among_known_states(journal: Journal) -> None:
    """Every state of the table is this code's own."""
    for state in WAYS:
        bring_to(journal, state)
    assert journal.strangers().result() == 0


def test_what_is_owed_is_counted(journal: Journal) -> None:
    """Of these worlds only, in every state that recovery takes, due or not."""
    for state in WAYS:
        bring_to(journal, state)
    assert journal.owed(worlds=[WORLD]).result() == len(RECOVERABLE)
    assert journal.owed(worlds=["another", WORLD]).result() == len(RECOVERABLE)
    assert journal.owed(worlds=["another"]).result() == journal.owed(worlds=[]).result() == 0


def test_a_journal_tells_its_own_time(journal: Journal, clock: Clock) -> None:
    """Its clock is the one that decides leases, and it names what it found out."""
    clock.advance(5.0)
    health = journal.health().result()
    assert health.now == NOW + 5 * MICROSECONDS
    assert health.facts


def test_a_rotation_of_keys_changes_nothing_that_can_be_seen(journal: Journal) -> None:
    """Neither payments nor versions nor bodies; where one key is in use, none is forgotten."""
    payments = [bring_to(journal, state) for state in WAYS]
    before = [again(journal, payment) for payment in payments]
    in_use = [*journal.vault_keys().result()]
    place: RewrapPlace | None = RewrapPlace()
    while place is not None:
        place = journal.rewrap(place, limit=3).result().then
    assert [again(journal, payment) for payment in payments] == before
    assert {journal.open_body(payment.id).result() for payment in payments} == {BODY}
    assert [*journal.forget_vault_keys().result()] == []
    assert [*journal.vault_keys().result()] == in_use


def leaving(journal: Journal, *, closed_seconds: float = 0.0, limit: int = 100) -> list[Payment]:
    """Return what may leave."""
    found = journal.archivable(ArchivePlace(), closed_seconds=closed_seconds, limit=limit).result()
    assert found.unreadable == 0
    return [*found.payments]


@pytest.mark.parametrize("state", WAYS)
def test_only_what_is_closed_and_shredded_may_leave(
    journal: Journal, clock: Clock, state: State
) -> None:
    """After its time; whatever is owed or a person's stays, however old."""
    payment = bring_to(journal, state)
    clock.advance(100)
    assert leaving(journal) == []
    assert journal.archive([again(journal, payment)]).result() == 0
    journal.shred_closed(keep_seconds=0, limit=10).result()
    assert leaving(journal, closed_seconds=100.000_001) == []
    expected = [again(journal, payment)] if state.is_final else []
    assert leaving(journal, closed_seconds=100) == expected
    assert journal.archive([again(journal, payment)]).result() == int(state.is_final)
    assert (journal.read(payment.id).result() is None) == state.is_final


def closed_one(journal: Journal, clock: Clock, **changes: str) -> Payment:
    """Return a payment that may leave, with its history."""
    payment = bring_to(journal, State.DECLINED, **changes)
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=10).result()
    return again(journal, payment)


def test_the_number_of_what_has_left_stays_used(journal: Journal, clock: Clock) -> None:
    """Nobody opens it again, in no batch and however many are in doubt; what it was is kept."""
    payment = closed_one(journal, clock, merc_trx_no="ORD_GONE")
    assert journal.find_used(payment.tid, "ORD_GONE").result() is None
    assert journal.archive([payment]).result() == 1
    used = Used("declined", NOW, NOW + MICROSECONDS)
    assert journal.find_used(payment.tid, "ORD_GONE").result() == used
    assert journal.find(payment.tid, "ORD_GONE").result() is None
    bring_to(journal, State.NET_CANCELLING)
    for limit in (None, 1):
        sample = intent(merc_trx_no="ORD_GONE", max_in_doubt=limit)
        assert journal.open_new(sample).result() == used
        assert journal.read(sample.id).result() is None
    futures = [
        journal.open_new(intent(merc_trx_no=number))
        for number in ("ORD_A", "ORD_GONE", "ORD_B", "ORD_gone")
    ]
    assert [fate(future.result()) for future in futures] == ["Opened", "Used", "Opened", "Opened"]
    assert fate(journal.open_new(intent(tid="T0", merc_trx_no="ORD_GONE")).result()) == "Opened"


def test_what_was_written_since_it_was_read_stays(journal: Journal, clock: Clock) -> None:
    """A move, or only a line of the history: it would be in no file."""
    noted, moved, good = (closed_one(journal, clock) for _ in range(3))
    journal.note(noted, Event.LATE_APPROVAL, "late", Change(answer=ANSWER)).result()
    approved = bring_to(journal, State.APPROVED)
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=10).result()
    seen = again(journal, approved)
    move(journal, seen, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
    assert journal.archive([noted, moved, seen, good]).result() == 2
    assert journal.read(noted.id).result() is not None
    assert again(journal, approved).state is State.CANCELLING
    assert journal.archive([noted]).result() == 0
    assert journal.archive([again(journal, noted)]).result() == 1


def test_the_longest_closed_leave_first_and_no_more_than_asked(
    journal: Journal, clock: Clock
) -> None:
    """Each page goes on behind the last one, also where nothing has left meanwhile."""
    closed = [closed_one(journal, clock) for _ in range(7)]
    seen: list[Payment] = []
    place: ArchivePlace | None = ArchivePlace()
    while place is not None:
        page = journal.archivable(place, closed_seconds=0, limit=3).result()
        assert len(page.payments) <= 3
        seen += page.payments
        place = page.then
    assert [payment.id for payment in seen] == [payment.id for payment in closed]


def test_a_payment_leaves_once(journal: Journal, clock: Clock) -> None:
    """Eight threads archive the same fifty: each leaves for one of them."""
    for _ in range(50):
        bring_to(journal, State.DECLINED)
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=100).result()
    payments = leaving(journal)

    def attempt(_: int) -> int:
        return sum(journal.archive([payment]).result() for payment in payments)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 50
