"""A journal that can't be written for a while: nothing is sent, or nobody is told what isn't so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.duty import parts
from tests.duty.books import by_number, check_books
from tests.duty.lock import Lock
from tests.duty.shop import order_of
from tests.missing import missing

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Child, Nursery
    from tests.duty.shop import Shop

TROUBLES = ("full", "read-only", "locked")

FAULTS = {"approved": None, "lost": "commit-then-reset", "declined": "decline"}
MENDED = {
    "approved": {"Approved"},
    # Two seconds after its claim a net-cancel isn't sent any more: recovery claims it anew.
    "lost": {"NetCancelled", "InDoubt"},
    "declined": {"Declined"},
}


def accompany(child: Child, shop: Shop) -> list[str]:
    """Lock the journal when the child asks for it; return what else it says."""
    said: list[str] = []
    with Lock(shop, is_held=False) as lock:
        while (word := child.hear()) != "done":
            if word == "lock":
                lock.take()
                parts.go_file(shop, "locked").touch()
            elif word == "unlock":
                lock.release()
            else:
                said.append(word)
    assert child.end() == []
    assert child.ended_by == 0
    return said


def start(nursery: Nursery, shop: Shop, trouble: str, when: str) -> Child:
    """Start a child that approves in trouble."""
    words = shop.as_words()
    return nursery.start("approve_in_trouble", shop=words, trouble=trouble, when=when)


@pytest.mark.parametrize("trouble", ["full", "locked"])
def test_trouble_before_the_intent(
    van: Sandbox, shop: Shop, nursery: Nursery, trouble: str
) -> None:
    """Where the intent can't be written nothing is sent; when it can be, the guard goes on."""
    child = start(nursery, shop, trouble, "before")
    said = accompany(child, shop)
    assert said == ["JournalUnavailable", "Approved"]
    assert [len(each) for each in by_number(van.requests()).values()] == [1]
    shop.recover_until_closed()
    check_books(van, shop)


WHENS = {
    "before": ["JournalUnavailable", "Approved"],
    "between, mends": ["Approved"],
    "between, lasts": ["InDoubt"],
}


@pytest.mark.parametrize("when", WHENS)
def test_a_disk_that_is_full(van: Sandbox, shop: Shop, nursery: Nursery, when: str) -> None:
    """On a real file system without room the outcomes are clear too, and room mends it."""
    shop = shop.with_policy(timeout_seconds=1.5)
    child = nursery.start("approve_on_a_small_disk", shop=shop.as_words(), when=when)
    said = child.end()
    if said == ["no disk"]:
        missing("the right to mount a file system")
    assert said == [*WHENS[when], "done"]
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("fate", FAULTS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_before_the_verdict_that_mends(
    van: Sandbox, shop: Shop, nursery: Nursery, trouble: str, fate: str
) -> None:
    """A verdict that can't be written is written again within the lease, and only then told."""
    if fault := FAULTS[fate]:
        van.inject(fault)
    child = start(nursery, shop, trouble, "between, mends")
    [said] = accompany(child, shop)
    assert said in MENDED[fate]
    with shop.guard() as guard:
        told = guard.approve(**order_of("ORD_1"))
    assert type(told).__name__ == said
    shop.recover_until_closed()
    check_books(van, shop, {"ORD_1": told})


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_before_the_verdict_that_lasts(
    van: Sandbox, shop: Shop, nursery: Nursery, trouble: str
) -> None:
    """A verdict that can't be written while the lease lasts is never told: in doubt, then void."""
    # An answer comes at once; the time-out is in the lease, which is waited for here.
    shop = shop.with_policy(timeout_seconds=1.5)
    child = start(nursery, shop, trouble, "between, lasts")
    assert accompany(child, shop) == ["InDoubt"]
    shop.recover_until_closed()
    with shop.guard() as guard:
        told = guard.approve(**order_of("ORD_1"))
    assert type(told).__name__ == "NetCancelled"
    check_books(van, shop, {"ORD_1": told})
    assert [charge["status"] for charge in van.charges()] == ["voided"]
