"""A journal that was restored from a backup voids nothing until a person says so."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import Approved, State
from netcancel.attendance import Attendance
from netcancel.core.lifecycle import Event
from netcancel.journal.opening import host_copy_of, open_journal, open_tables
from netcancel.operators import release_hold
from netcancel.recovery import Recovery
from tests.duty.shop import order_of
from tests.journal.samples import KEY, old_file

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netcancel.core.payment import Claim
    from netcancel.journal.life import Hold, Presence, Worker
    from netcancel.recovery import Report
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop

AHEAD_SECONDS = 3_600.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the host a state directory that has seen nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def recover(shop: Shop, *, ahead_seconds: float = 0.0) -> Report:
    """Make one pass as a worker of this host."""
    with shop.desk(ahead_seconds=ahead_seconds) as desk:
        ours = replace(desk, host_copy=host_copy_of(shop.journal))
        return asyncio.run(Recovery(ours).run_once())


def restore_an_order_that_is_confirmed_since(shop: Shop, backup: Path) -> None:
    """Charge, back up, confirm, and put the backup in the journal's place."""
    with shop.guard() as guard:
        assert isinstance(guard.approve(**order_of("ORD_1"), confirm_within=60.0), Approved)
    recover(shop)
    shutil.copyfile(shop.journal_path, backup)
    recover(shop)
    with shop.guard() as guard:
        assert guard.confirm("ORD_1")
    shutil.copyfile(backup, shop.journal_path)


@pytest.mark.usefixtures("home")
def test_a_restored_journal_voids_no_confirmed_order(
    van: Sandbox, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its order was shipped; the host remembers more than the journal, and recovery is held."""
    restore_an_order_that_is_confirmed_since(shop, tmp_path / "backup.db")
    with caplog.at_level(logging.ERROR, "netcancel"):
        assert recover(shop, ahead_seconds=AHEAD_SECONDS).claimed == 0
    assert "recovery is held" in caplog.text
    assert [charge["status"] for charge in van.charges()] == ["live"]
    hold = hold_of(shop)
    assert hold is not None
    assert "was it restored?" in hold.reason
    # Still so for the next worker; then the merchant confirms again, and a person lets it go on.
    assert recover(shop, ahead_seconds=AHEAD_SECONDS).claimed == 0
    with shop.guard() as guard:
        assert guard.confirm("ORD_1")
        late = guard.approve(**order_of("ORD_2"), confirm_within=60.0)
        assert isinstance(late, Approved)
    with shop.desk() as desk:
        assert release_hold(desk.journal, by="me", note="compared").result() is not None
    assert recover(shop, ahead_seconds=AHEAD_SECONDS).left_in == {State.CANCELLED: 1}
    by_number = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert by_number == {"ORD_1": "live", "ORD_2": "refunded"}
    assert recover(shop).claimed == 0
    assert hold_of(shop) is None


def test_a_host_that_never_saw_the_journal_notices_nothing(
    van: Sandbox, shop: Shop, tmp_path: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit, and what the guard guards from: the confirmed order is refunded."""
    restore_an_order_that_is_confirmed_since(shop, tmp_path / "backup.db")
    shutil.rmtree(home)
    with caplog.at_level(logging.WARNING, "netcancel"):
        recover(shop, ahead_seconds=AHEAD_SECONDS)
    assert "sees this journal for the first time" in caplog.text
    assert [charge["status"] for charge in van.charges()] == ["refunded"]


class Dying:
    """A desk's journal in which a worker ends as soon as its check-in is written."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def check_in(self, *words: Any) -> Future[Presence]:
        """Check in."""
        raise KeyboardInterrupt(self._inner.check_in(*words).result())


@pytest.mark.usefixtures("home")
def test_a_worker_that_dies_when_it_has_checked_in_has_held_recovery(
    van: Sandbox, shop: Shop, tmp_path: Path
) -> None:
    """One check-in was lost by the restore, and its own must not make up for it."""
    restore_an_order_that_is_confirmed_since(shop, tmp_path / "backup.db")
    with shop.desk() as desk:
        journal: Any = Dying(desk.journal)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(Attendance(journal, host_copy_of(shop.journal)).renew())
    assert hold_of(shop) is not None
    assert recover(shop, ahead_seconds=AHEAD_SECONDS).claimed == 0
    assert [charge["status"] for charge in van.charges()] == ["live"]


def hold_of(shop: Shop) -> Hold | None:
    """Return the hold that stands."""
    with shop.desk() as desk:
        return desk.journal.hold().result()


@pytest.mark.usefixtures("home")
def test_a_journal_that_was_begun_anew_is_only_noticed(
    shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no past to forget; but the one before, put back in its place, is held."""
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_1"))
    recover(shop)
    Path(shop.journal_path).rename(tmp_path / "before.db")
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_2"))
    with caplog.at_level(logging.WARNING, "netcancel"):
        recover(shop)
    assert "sees this journal for the first time" in caplog.text
    assert hold_of(shop) is None
    (tmp_path / "before.db").replace(shop.journal_path)
    recover(shop)
    assert hold_of(shop) is not None


@pytest.mark.usefixtures("home")
def test_a_backup_from_before_the_first_worker_is_held(shop: Shop, tmp_path: Path) -> None:
    """A journal has its life from its first day."""
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_1"))
    shutil.copyfile(shop.journal_path, tmp_path / "backup.db")
    recover(shop)
    shutil.copyfile(tmp_path / "backup.db", shop.journal_path)
    recover(shop)
    assert hold_of(shop) is not None


@pytest.mark.usefixtures("home")
def test_a_backup_from_before_an_upgrade_is_held(tmp_path: Path) -> None:
    """The tables of the first release kept no lives: a second upgrade is seen as a step back."""
    path = old_file(tmp_path / "old.db")
    backup = shutil.copyfile(path, tmp_path / "backup.db")
    url = f"sqlite:///{path}"
    for is_held in (False, True):
        open_tables(url).upgrade()
        with closing(open_journal(url, vault_key=KEY)) as journal:
            asyncio.run(Attendance(journal, host_copy_of(url)).renew())
            assert (journal.hold().result() is not None) == is_held
        shutil.copyfile(backup, path)


@pytest.mark.usefixtures("home")
def test_an_empty_journal_is_adopted_without_a_word(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """The first ever, and one that is begun anew in the place of another."""
    with caplog.at_level(logging.WARNING, "netcancel"):
        for _ in range(2):
            recover(shop)
            Path(shop.journal_path).unlink()
    assert caplog.records == []


def test_a_host_that_can_not_remember_recovers_all_the_same(
    van: Sandbox, shop: Shop, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Net-cancels are owed whatever becomes of the copy; it is said once."""
    van.inject("commit-then-reset")
    van.inject("reset", endpoint="net-cancel")
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_1"))
    home.write_text("no directory")
    with caplog.at_level(logging.WARNING, "netcancel"):
        assert recover(shop, ahead_seconds=AHEAD_SECONDS).left_in == {State.NET_CANCELLED: 1}
    assert caplog.text.count("will not be noticed here") == 1


class Seen:
    """A desk's journal that is asked who is there when a worker first claims; then it stops."""

    def __init__(self, inner: Any, stop: asyncio.Event) -> None:
        self._inner = inner
        self._stop = stop
        self.there: list[Future[list[Worker]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def claim_due(self, **terms: Any) -> Future[list[Claim]]:
        """Look who is there, and claim."""
        self.there.append(self._inner.workers())
        self._stop.set()
        claims: Future[list[Claim]] = self._inner.claim_due(**terms)
        return claims


def test_a_worker_is_there_from_its_first_claim_to_its_end(shop: Shop) -> None:
    """It checks in before it claims anything, and checks out."""
    shop.guard().close()
    with shop.desk() as desk:

        async def work() -> Seen:
            stop = asyncio.Event()
            journal: Any = Seen(desk.journal, stop)
            await Recovery(replace(desk, journal=journal)).run(stop)
            seen: Seen = journal
            return seen

        seen = asyncio.run(work())
        assert [len(future.result()) for future in seen.there] == [1]
        assert desk.journal.workers().result() == []


def test_a_state_of_a_newer_netcancel_is_alarmed(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody here may touch it, so somebody must hear of it."""
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_1"), confirm_within=60.0)
    with sqlite3.connect(shop.journal_path) as connection:
        connection.execute("PRAGMA ignore_check_constraints=1")
        connection.execute("UPDATE payment SET state = 'haggling'")
    connection.close()
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk, caplog.at_level(logging.ERROR):
        recovery = Recovery(desk)
        asyncio.run(recovery._look_for_strangers())
        assert asyncio.run(Recovery(desk).run_once()).claimed == 0
    assert "1 payments are in a state of a newer netcancel" in caplog.text


def test_the_owner_voids_its_own_loss_under_a_hold(van: Sandbox, shop: Shop) -> None:
    """What is held is recovery: a living caller knows what it sent."""
    shop.guard().close()
    with shop.desk() as desk:
        desk.journal.hold_if_unheld("restored").result()
    van.inject("commit-then-reset")
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_1"))
        payment = guard.find("ORD_1")
    assert payment is not None
    assert payment.state in {State.SETTLING, State.NET_CANCELLED}
    assert [charge["status"] for charge in van.charges()] == ["voided"]
    assert Event.ANSWER_LOST in {entry.event for entry in payment.history}
