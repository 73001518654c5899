"""A flow asks the journal again soon at first, then ever less often, until its lease is over."""

from typing import Any

import pytest

from netcancel.core.effects import Effect, Flow, Read, Unavailable, Write
from netcancel.core.flows.writing import (
    JOURNAL_SILENT,
    Fate,
    Hand,
    await_decision,
    kept_answer,
    write,
)
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Asked, Change, Entry, KeptAnswer, Version
from netcancel.kicc import Loss, RawAnswer
from tests.core.samples import payment
from tests.core.waiting import run_waiting
from tests.core.world import SILENCE

SILENT = Unavailable("no answer")


def run(flow: Flow[Any], read: Any) -> tuple[list[float], Any]:
    """Drive a flow by a silent journal that can only be read; return its waits and its result."""
    waits: list[float] = []

    def answer(effect: Effect[Any]) -> Any:
        assert isinstance(effect, Read | Write)
        return read if isinstance(effect, Read) else SILENT

    return waits, run_waiting(flow, answer, waits)


def test_a_write_without_an_answer_is_tried_again_until_the_lease_is_over() -> None:
    """What became of it is unknown then; the row is told as it was seen, with the loss."""
    seen, change = payment(), Change(loss=Loss.READ_TIMEOUT)
    flow = write(seen, Event.ANSWER_LOST, change, Hand("owner", 2.0))
    waits, (row, fate) = run(flow, seen)
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5]
    assert fate is Fate.UNKNOWN
    assert (row.loss, row.detail) == (Loss.READ_TIMEOUT, JOURNAL_SILENT)


def test_a_loss_that_was_known_stays_with_a_row_of_unknown_fate() -> None:
    """A write that says nothing of a loss doesn't take it away."""
    seen = payment(loss=Loss.CONNECTION_ERROR)
    flow = write(seen, Event.CLAIMED, Change(), Hand("owner", 0.0))
    waits, (row, fate) = run(flow, seen)
    assert (waits, fate, row.loss) == ([], Fate.UNKNOWN, Loss.CONNECTION_ERROR)


def test_a_journal_that_is_gone_for_good_is_not_asked_again() -> None:
    """The lease may run on: nobody will answer."""
    flow = write(payment(), Event.CLAIMED, Change(), Hand("owner", 9.0))
    waits, (_, fate) = run(flow, Unavailable("gone", for_good=True))
    assert (waits, fate) == ([], Fate.UNKNOWN)


def test_a_second_caller_looks_again_ever_less_often() -> None:
    """What the journal doesn't tell leaves the payment as it was last seen."""
    seen = payment(due_at=100, read_at=99)
    waits, row = run(await_decision(seen, 1.0), SILENT)
    assert waits == [0.02, 0.04, 0.08, 0.16, 0.25, 0.25, 0.25]
    assert row is seen


@pytest.mark.parametrize(
    ("writers", "fate"),
    [
        (["owner"], Fate.APPLIED),
        (["owner", "worker"], Fate.APPLIED),
        (["worker"], Fate.FENCED),
        (["worker", "owner"], Fate.FENCED),
    ],
)
def test_the_history_tells_whether_an_unclear_write_was_applied(
    writers: list[str], fate: Fate
) -> None:
    """By its version, whatever came after it."""
    seen = payment()
    versions = [Version(count, writer) for count, writer in enumerate(writers, start=2)]
    history = tuple(
        Entry(0, version, State.APPROVING, Event.ANSWER_LOST, State.NET_CANCELLING, "")
        for version in versions
    )
    row = payment(state=State.NET_CANCELLING, version=versions[-1], history=history)
    flow = write(seen, Event.ANSWER_LOST, Change(), Hand("owner", 9.0))
    assert run(flow, row) == ([], (row, fate))


def test_a_second_caller_of_what_is_decided_does_not_wait() -> None:
    """Nor one whose time is over."""
    decided = payment(state=State.APPROVED)
    assert run(await_decision(decided, 9.0), SILENT) == ([], decided)
    open_still = payment(due_at=100, read_at=99)
    assert run(await_decision(open_still, 0.0), SILENT) == ([], open_still)


def test_an_applied_write_is_told_by_its_row() -> None:
    """Nothing is read for it."""
    seen, row = payment(), payment(state=State.DECLINED)
    flow = write(seen, Event.DECLINE_PROVEN, Change(), Hand("owner", 9.0))
    assert next(flow) == Write(seen, Event.DECLINE_PROVEN, "owner", Change())
    with pytest.raises(StopIteration) as stop:
        flow.send(row)
    assert stop.value.value == (row, Fate.APPLIED)


def test_the_very_bytes_of_an_answer_are_kept() -> None:
    """With what they answer; where none came, none are kept."""
    for asked in Asked:
        kept = kept_answer(asked, RawAnswer(200, (), b"{ }"))
        assert kept == KeptAnswer(asked, b"{ }")
        assert kept_answer(asked, SILENCE) is None
