"""cancel and resolve: what is told, with which exit code, and that nobody is overruled."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change, Intent, Opened
from netcancel.journal import open_journal

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal
    from netcancel.sandbox import Sandbox
    from tests.cli.conftest import Plant, Run

FLAGS = ("--merc-trx-no", "A", "--trx-amt", "10000", "--vat-amt", "909", "--token-file", "token")
RESOLVE = ("resolve", "A", "--as", "no-charge", "--note", "the acquirer knows nothing of it")
AGO = 3600.0

TOLD = {
    None: (0, "Cancelled", "refunded"),
    "commit-then-reset": (0, "NetCancelled", "void"),
    "net-cancel-refused": (1, "CancelRefused", "not cancelled"),
}


def approved(run: Run) -> None:
    """Approve A."""
    assert run("approve", *FLAGS).code == 0


@pytest.mark.parametrize("fault", TOLD)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_cancel_is_told(
    run: Run, van: Sandbox, fault: str | None, options: tuple[str, ...]
) -> None:
    """Refunded or void is done, refused is no; a second call hears the same, and sends nothing."""
    approved(run)
    if fault is not None:
        van.inject(fault, endpoint="cancel")
    code, outcome, word = TOLD[fault]
    ran = run("cancel", "A", *options)
    assert ran.code == code
    assert (ran.document["outcome"] == outcome) if options else (word in ran.out)
    arrived = len(van.requests())
    assert run("cancel", "A").code == code
    assert len(van.requests()) == arrived


def test_a_cancel_in_doubt_is_exit_3(run: Run, van: Sandbox) -> None:
    """Neither the cancel nor its net-cancel is answered: a worker carries on."""
    approved(run)
    van.inject("reset", endpoint="cancel")
    van.inject("net-cancel-refused")
    ran = run("cancel", "A")
    assert ran.code == 3
    assert "in doubt" in ran.out


def test_what_can_not_be_cancelled_is_said(run: Run, van: Sandbox) -> None:
    """An unknown number, and a number of its own that is none: one sentence, nothing sent."""
    approved(run)
    unknown = run("cancel", "B")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no payment" in unknown.err
    used = run("cancel", "A", "--cancel-trx-no", "A")
    assert used.code == 2
    assert "cancel_trx_no" in used.err
    assert run("show", "A", "--json").document["state"] == "approved"
    assert [request["endpoint"] for request in van.requests()] == ["approval"]


def test_a_cancel_never_makes_a_journal(run: Run, van: Sandbox, place: Path) -> None:
    """A wrong path is said, and no empty file is left there."""
    assert van.requests() == []
    ran = run("cancel", "A", "--journal", f"sqlite:///{place}/wrong.db")
    assert (ran.code, ran.out) == (2, "")
    assert not (place / "wrong.db").exists()
    assert run("cancel", "A", "--journal", "memory://").code == 2


@pytest.fixture
def escalated(journal: Journal, place: Path) -> Payment:
    """Return a payment that became a person's an hour ago."""
    assert journal.list_payments().result(10) == []
    url = f"sqlite:///{place}/netcancel.db"
    with closing(open_journal(url, clock=lambda: time.time() - AGO)) as earlier:
        opened = earlier.open_new(
            Intent(
                id="p1", writer="w", world="a world", tid="T123456789", svc_id="SVC_SIMPLE",
                bizr_no="1234567890", merc_trx_no="A", alot_month="00", trx_amt=10_000, vat_amt=0,
                svc_amt=0, tran_dt="20260102", tran_tm="030405", same_data=b"same",
                net_cancel_body=b"body", hold_seconds=60.0, settle_after_seconds=60.0,
            )
        ).result(10)  # fmt: skip
        assert isinstance(opened, Opened)
        owed = Change(due_seconds=60.0, begins_debt=True)
        lost = earlier.move_if_unchanged(opened.payment, Event.OWNER_GAVE_UP, "w", owed).result(10)
        assert lost is not None
        closed = earlier.move_if_unchanged(lost, Event.WINDOW_CLOSED, "w", Change()).result(10)
        assert closed is not None
        return closed


@pytest.mark.parametrize("kind", ["no-charge", "charge-stands", "refunded-outside"])
def test_a_person_closes_a_payment(run: Run, escalated: Payment, kind: str) -> None:
    """The history says who, how and why."""
    note = "the acquirer told me"
    given = ("--as", kind, "--note", note, "--seen", escalated.version, "--by", "Kim")
    ran = run("resolve", "A", *given)
    assert ran.code == 0
    shown = run("show", "A", "--json").document
    assert (shown["state"], shown["resolution"]) == ("resolved", kind)
    assert all(word in shown["history"][-1]["note"] for word in ("Kim", kind, note))
    again = run("resolve", "A", *given)
    assert again.code == 1
    assert "only an escalated payment" in again.err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("resolve", "B", *RESOLVE[2:], "--seen", "3.w"), 1, "no payment"),
        ((*RESOLVE, "--seen", "2.w"), 1, "has changed"),
        ((*RESOLVE, "--seen", "three"), 2, "a version looks like"),
        ((*RESOLVE[:4], "--note", "bell\a", "--seen", "3.w"), 2, "printable"),
        ((*RESOLVE[:4], "--note", " ", "--seen", "3.w"), 2, "printable"),
        ((*RESOLVE[:4], "--note", "x" * 501, "--seen", "3.w"), 2, "printable"),
        ((*RESOLVE, "--seen", "3.w", "--by", "\u202e"), 2, "who asks"),
        (("resolve", "A", "--as", "paid", "--note", "x", "--seen", "3.w"), 2, "--as"),
        ((*RESOLVE, "--seen", "3.w", "--journal", "memory://"), 2, "memory"),
        (("retry", "A", "--seen", "3.w", "--as", "cancel"), 2, "allows no cancel"),
        (("retry", "A", "--seen", "3.w", "--as", "approval"), 2, "--as"),
        (("retry", "--all", "--as", "cancel"), 2, "for one payment"),
    ],
)
def test_bad_input_changes_nothing(
    run: Run, escalated: Payment, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """A clear sentence, and the payment stays as it is."""
    ran = run(*arguments)
    assert ran.code == code
    assert sentence in ran.err
    assert run("show", "A", "--json").document["version"] == str(escalated.version)


def test_a_payment_is_not_closed_while_something_may_be_on_its_way(run: Run, plant: Plant) -> None:
    """Its approval may be late before the settle time is over."""
    seen = plant("A", "escalated").version
    ran = run(*RESOLVE, "--seen", seen)
    assert ran.code == 1
    assert "its approval may still be on the way" in ran.err
    assert run("show", "A", "--json").document["version"] == str(seen)


def test_a_payment_is_not_closed_while_an_attempt_may_be_on_its_way(
    run: Run, escalated: Payment, place: Path
) -> None:
    """Who sent last may hear an answer until its lease is over, however old the payment is."""
    url = f"sqlite:///{place}/netcancel.db"
    asked = Change(due_seconds=0.0, begins_debt=True)
    with closing(open_journal(url)) as now:
        retried = now.move_if_unchanged(escalated, Event.RETRY_ASKED, "w", asked).result(10)
        assert retried is not None
        seen = now.move_if_unchanged(retried, Event.WINDOW_CLOSED, "w", Change()).result(10)
        assert seen is not None
    ran = run(*RESOLVE, "--seen", seen.version)
    assert (ran.code, ran.out) == (1, "")
    assert "an attempt may still be on the way" in ran.err
    assert run("show", "A", "--json").document["version"] == str(seen.version)


def test_a_charge_stands_against_what_was_told_only_if_it_is_said(
    run: Run, escalated: Payment, place: Path
) -> None:
    """Its caller heard that it was void: the person must know that."""
    url = f"sqlite:///{place}/netcancel.db"
    with closing(open_journal(url, clock=lambda: time.time() - AGO)) as earlier:
        payment = escalated
        for event, change in [
            (Event.RETRY_ASKED, Change(due_seconds=0.0, begins_debt=True)),
            (Event.ACKNOWLEDGED_EARLY, Change(due_seconds=1.0)),
            (Event.WINDOW_CLOSED, Change()),
        ]:
            moved = earlier.move_if_unchanged(payment, event, "w", change).result(10)
            assert moved is not None
            payment = moved
    stands = ("resolve", "A", "--as", "charge-stands", "--note", "agreed with the customer")
    refused = run(*stands, "--seen", payment.version)
    assert refused.code == 1
    assert "--although-told-void" in refused.err
    assert run(*stands, "--seen", payment.version, "--although-told-void").code == 0
