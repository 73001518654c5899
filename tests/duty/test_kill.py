"""Processes killed with SIGKILL at every effect: the books balance all the same."""

from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.duty.books import check_books

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Nursery
    from tests.duty.shop import Shop

FATES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "approved": [],
    "declined": [("decline", {})],
    "charged, answer lost": [("commit-then-reset", {})],
    "not charged, answer lost": [("reset", {})],
    "another amount": [("wrong-amount", {})],
    "charged late": [("processing-delayed", {"loss": "reset", "until": "net-cancel"})],
    "net-cancel lost too": [
        ("commit-then-reset", {}),
        ("commit-then-reset", {"endpoint": "net-cancel"}),
    ],
    "net-cancel lost before it was worked": [
        ("commit-then-reset", {}),
        ("reset", {"endpoint": "net-cancel"}),
    ],
}
LEAST_EFFECTS = 6
"""Sign, open, what time is it, exchange, what time is it, write: no approval has fewer."""


def spoil(van: Sandbox, fate: str) -> None:
    """Let the next payment have this fate."""
    van.clear_faults()
    for name, options in FATES[fate]:
        van.inject(name, **options)


@pytest.mark.parametrize("fate", FATES)
def test_a_payment_process_dies_at_any_effect(
    van: Sandbox, shop: Shop, nursery: Nursery, fate: str
) -> None:
    """Wherever a payment process is killed, recovery closes its payment and the books balance."""
    effects = 0
    for effect in itertools.count(1):
        survived = []
        for side in ("before", "after"):
            spoil(van, fate)
            child = nursery.start(
                "approve_and_die",
                shop=shop.as_words(),
                number=f"{effect}-{side}",
                effect=effect,
                side=side,
            )
            survived += child.end()
            assert child.ended_by == (0 if survived else -signal.SIGKILL)
        if survived:
            assert len(survived) == 2
            break
        effects = effect
    assert effects >= LEAST_EFFECTS
    van.clear_faults()
    shop.recover_until_closed()
    check_books(van, shop)


WORKERS_FATES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "acknowledged": [],
    "voided, answer lost": [("commit-then-reset", {"endpoint": "net-cancel"})],
    "not voided, answer lost": [("reset", {"endpoint": "net-cancel"})],
    "refused": [("net-cancel-refused", {})],
}
EXCHANGE = 4
"""Sign, open, what time is it, exchange: the payment process dies with the answer in its hand."""

LEAST_RECOVERY_EFFECTS = 5
"""Sign, what time is it, exchange, draw, write."""


@pytest.mark.parametrize("fate", WORKERS_FATES)
@pytest.mark.parametrize("settle_seconds", [0.5, 600.0], ids=["late", "early"])
def test_a_worker_dies_at_any_effect(
    van: Sandbox, shop: Shop, nursery: Nursery, fate: str, settle_seconds: float
) -> None:
    """Wherever a worker is killed, another closes the payment and the books balance."""
    shop = shop.with_policy(settle_seconds=settle_seconds)
    # The owner's lease is over, and so is the settle time where it is short.
    ahead_seconds = shop.policy.hold_seconds + 5.0
    effects = 0
    for effect in itertools.count(1):
        survived = []
        for side in ("before", "after"):
            owner = nursery.start(
                "approve_and_die",
                shop=shop.as_words(),
                number=f"{effect}-{side}",
                effect=EXCHANGE,
                side="after",
            )
            assert owner.end() == []
            for name, options in WORKERS_FATES[fate]:
                van.inject(name, **options)
            worker = nursery.start(
                "recover_and_die",
                shop=shop.as_words(),
                ahead_seconds=ahead_seconds,
                effect=effect,
                side=side,
            )
            survived += worker.end()
            assert worker.ended_by == (0 if survived else -signal.SIGKILL)
            van.clear_faults()
        if survived:
            assert len(survived) == 2
            break
        effects = effect
    assert effects >= LEAST_RECOVERY_EFFECTS
    shop.recover_until_closed(ahead_seconds=ahead_seconds)
    check_books(van, shop)
    assert {charge["status"] for charge in van.charges()} == {"voided"}
