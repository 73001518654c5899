"""A journal's connection that can't be used any more: a fork amid a commit, a read-only opening."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.duty.books import check_books

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Nursery
    from tests.duty.shop import Shop


def test_a_connection_that_was_opened_read_only_is_replaced(
    van: Sandbox, shop: Shop, nursery: Nursery
) -> None:
    """A guard whose file was read-only at its first call goes on by itself when it no longer is."""
    child = nursery.start(
        "approve_in_trouble", shop=shop.as_words(), trouble="read-only", when="before"
    )
    assert child.end() == ["JournalUnavailable", "Approved", "done"]
    check_books(van, shop)


def test_a_child_forked_amid_a_commit_can_use_the_journal(
    van: Sandbox, shop: Shop, nursery: Nursery
) -> None:
    """A child that is forked while the journal commits finds no lock of its parent's in hand."""
    child = nursery.start("fork_amid_a_commit", shop=shop.as_words())
    assert child.end() == ["Approved"]
    assert child.ended_by == 0
    check_books(van, shop)
