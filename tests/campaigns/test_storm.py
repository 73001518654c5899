"""A small storm, and that the campaign would see each of its promises broken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from campaigns.debts import is_poison, number_of
from campaigns.drain import Drain
from campaigns.drain_promises import (
    PROMISES,
    Arrival,
    Evidence,
    Outage,
    Scale,
    check,
    most_within,
)
from campaigns.record import Account, Told
from netcancel import State
from netcancel.demo import scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from netcancel import Payment

SCALE = Scale(rows=200, per_second=100.0, in_flight=8)
LATE = 1e12
"""A time after any queue."""


def broken_in(evidence: Evidence) -> list[str]:
    """Name the promises that are broken."""
    return [promise.name for promise in check(evidence) if promise.broken]


def with_state(evidence: Evidence, number: str, state: State) -> Evidence:
    """Leave a debt of the past in another state."""
    payments = [
        replace(each, state=state) if each.merc_trx_no == number else each
        for each in evidence.payments
    ]
    return replace(evidence, payments=payments)


def without_arrivals(evidence: Evidence, number: str) -> Evidence:
    """Let nothing have arrived for a number."""
    arrivals = [each for each in evidence.arrivals if each.number != number]
    return replace(evidence, arrivals=arrivals)


def with_arrival(evidence: Evidence, number: str) -> Evidence:
    """Let a net-cancel have arrived for a number."""
    arrival = Arrival(number, "net-cancel", evidence.done_at, evidence.times[-1])
    return replace(evidence, arrivals=[*evidence.arrivals, arrival])


def with_half_the_gaps(evidence: Evidence) -> Evidence:
    """Let everything have arrived twice as fast, as if each worker took the pace for itself."""
    fast = SCALE.workers * SCALE.per_second
    arrivals = [
        replace(each, signed_at=place / fast) for place, each in enumerate(evidence.arrivals)
    ]
    return replace(evidence, arrivals=arrivals)


def with_told(evidence: Evidence, told: Told) -> Evidence:
    """Let the shop have been told one thing more."""
    account = evidence.account
    asked = account.asked | {told.number: [evidence.progress[0]]}
    return replace(evidence, account=Account(asked, [*account.told, told], account.refused))


def unheard(evidence: Evidence) -> Evidence:
    """Let the shop have been told nothing of a number."""
    account = evidence.account
    asked = account.asked | {"SHOP-unheard": [evidence.progress[0]]}
    return replace(evidence, account=Account(asked, account.told, account.refused))


def closed_late(evidence: Evidence) -> Evidence:
    """Let every sale have been closed long after the queue."""
    return replace(evidence, payments=[_closed_late(each) for each in evidence.payments])


def _closed_late(payment: Payment) -> Payment:
    if not payment.history:
        return payment
    last = replace(payment.history[-1], at=int(LATE * 1_000_000))
    return replace(payment, history=(*payment.history[:-1], last))


HEALTHY, POISON = number_of(1), number_of(0)

SPOILS: dict[str, list[Callable[[Evidence], Evidence]]] = {
    "every debt": [
        lambda evidence: with_state(evidence, HEALTHY, State.NET_CANCELLING),
        lambda evidence: without_arrivals(evidence, HEALTHY),
        lambda evidence: replace(evidence, payments=evidence.payments[1:]),
    ],
    "poison stays alone": [
        lambda evidence: with_state(evidence, POISON, State.NET_CANCELLED),
        lambda evidence: with_arrival(evidence, POISON),
    ],
    "no burst": [with_half_the_gaps],
    "a gateway that is away": [
        lambda evidence: replace(evidence, outage=Outage(SCALE.rows, evidence.outage.seconds)),
    ],
    "new payments": [
        lambda evidence: with_told(evidence, Told("SHOP-late", "Approved", LATE)),
        lambda evidence: with_told(evidence, Told("SHOP-wrong", "KeyError", evidence.half_at)),
        unheard,
    ],
    "new debts": [closed_late],
    "the books": [lambda evidence: replace(evidence, charges=[])],
    "no bug": [
        lambda evidence: replace(evidence, logs={"worker-1.log": "a CRITICAL thing"}),
        lambda evidence: replace(evidence, surprises=["worker-1 ended"]),
    ],
}
CASES = [(name, spoil) for name, spoils in SPOILS.items() for spoil in spoils]


def test_a_small_storm(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Each promise is put to the test and kept, and spoilt evidence of it is seen."""
    evidence = Drain(scene.journal_in(tmp_path), tmp_path, SCALE).run()
    assert broken_in(evidence) == []
    assert [promise.name for promise in check(evidence) if promise.checked == 0] == []
    for name, spoil in CASES:
        with subtests.test(name):
            assert any(each.startswith(name) for each in broken_in(spoil(evidence)))


def test_every_promise_is_tried() -> None:
    """No check is without evidence that it would fail on."""
    assert [name for name in PROMISES if not name.startswith(tuple(SPOILS))] == []


def test_a_second_is_any_second() -> None:
    """Not one that begins with a full second; its end belongs to the next one."""
    assert most_within(1.0, [0.0, 0.75, 1.0, 1.5, 1.75]) == 3
    assert most_within(1.0, [0.0, 1.0, 2.0]) == 1
    assert most_within(1.0, []) == 0


def test_what_the_pace_lets_through_is_no_more_than_it_must_be() -> None:
    """Twice the pace, as of workers that don't share it, is above what is allowed."""
    assert SCALE.most_within(10.0) < 1.2 * SCALE.per_second * 10.0
    assert [is_poison(number_of(place)) for place in (0, 99, 100)] == [True, False, True]
