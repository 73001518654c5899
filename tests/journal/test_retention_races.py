"""A number is asked for in the moment in which its payment leaves the journal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import State
from netcancel.core.payment import Opened
from netcancel.journal.contract import ArchivePlace
from tests.journal.samples import Clock, bring_to, intent, open_at

if TYPE_CHECKING:
    from pathlib import Path

PAYMENTS = 60


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a journal may be made, on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'payments.db'}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def test_a_number_that_is_just_leaving_is_never_opened_again(url: str) -> None:
    """One host archives what another one asks for: it is known, or used, and never new."""
    clock = Clock()
    archiving = open_at(url, clock)
    asking = open_at(url, clock)
    for _ in range(PAYMENTS):
        bring_to(archiving, State.DECLINED)
    clock.advance(1)
    archiving.shred_closed(keep_seconds=0, limit=PAYMENTS).result()
    page = archiving.archivable(ArchivePlace(), closed_seconds=0.0, limit=PAYMENTS).result()
    together = Barrier(2)

    def archive() -> int:
        archived = 0
        for payment in page.payments:
            together.wait()
            archived += archiving.archive([payment]).result()
        return archived

    def ask() -> list[object]:
        told: list[object] = []
        for payment in page.payments:
            together.wait()
            told.append(asking.open_new(intent(merc_trx_no=payment.merc_trx_no)).result())
        return told

    with ThreadPoolExecutor(2) as hosts:
        leaving, asked = hosts.submit(archive), hosts.submit(ask)
        assert leaving.result() == PAYMENTS
        assert [told for told in asked.result() if isinstance(told, Opened)] == []
    archiving.close()
    asking.close()
