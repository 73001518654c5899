"""What a campaign checks: with evidence from a real sandbox, spoilt in one place at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from campaigns.promises import PROMISES, Evidence, check
from campaigns.record import Record, read_record
from netcancel import State
from netcancel.core.lifecycle import Event
from netcancel.demo.payer import TOKEN_PREFIX
from netcancel.sandbox import Sandbox
from tests.duty.shop import MERCHANT, Shop, order_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel import Payment

LATE = 1e12
"""A time after any payment, in seconds since the epoch."""

OTHER_BODY = b'{"mercTrxNo":"ORD_2"}'
FATES: dict[str, str | None] = {
    "ORD_1": None,
    "ORD_2": "commit-then-reset",
    "ORD_3": "decline",
    "ORD_4": "wrong-amount",
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Pay for some numbers, with different fates, and write down what was told."""
    directory = tmp_path_factory.mktemp("campaign")
    with Sandbox() as van:
        shop = Shop.at(van, directory)
        changes = {"base_url": van.base_url, "credentials": van.credentials}
        with shop.guard(**changes) as guard, Record(directory / "record") as record:
            for number, fault in FATES.items():
                if fault:
                    van.inject(fault)
                record.ask(number)
                record.tell(number, type(guard.approve(**order_of(number))).__name__)
            record.ask("ORD_5")
            record.tell("ORD_5", "JournalUnavailable")
        shop.recover_until_closed(credentials=[van.credentials])
        return Evidence(
            tid=MERCHANT.tid,
            charges=van.charges(),
            requests=van.requests(),
            payments=shop.payments(),
            accounts=[read_record(directory / "record")],
            logs={"SHOP1.log": "2026-01-01 WARNING nothing to see\n"},
            surprises=[],
        )


def with_request(evidence: Evidence, place: int, **changes: Any) -> Evidence:
    """Change one of the requests that arrived."""
    requests = [*evidence.requests]
    requests[place] = type(requests[place])(requests[place], **changes)
    return replace(evidence, requests=requests)


def once_more(evidence: Evidence) -> Evidence:
    """Let the first request arrive twice."""
    return replace(evidence, requests=[*evidence.requests, evidence.requests[0]])


def with_payment(evidence: Evidence, **changes: Any) -> Evidence:
    """Change the payment that was approved."""
    payments = [
        replace(payment, **changes) if payment.merc_trx_no == "ORD_1" else payment
        for payment in evidence.payments
    ]
    return replace(evidence, payments=payments)


def approved(evidence: Evidence) -> Payment:
    """Return the payment that was approved."""
    return next(each for each in evidence.payments if each.merc_trx_no == "ORD_1")


def with_told(evidence: Evidence, outcome: str) -> Evidence:
    """Let one more thing be told of what was approved."""
    [account] = evidence.accounts
    told = [*account.told, replace(account.told[0], outcome=outcome)]
    return replace(evidence, accounts=[replace(account, told=told)])


def without_told(evidence: Evidence) -> Evidence:
    """Let nobody have heard of what was approved."""
    [account] = evidence.accounts
    return replace(evidence, accounts=[replace(account, told=account.told[1:])])


def with_refused(evidence: Evidence) -> Evidence:
    """Let the journal have been refused for what was approved."""
    [account] = evidence.accounts
    return replace(evidence, accounts=[replace(account, refused={"ORD_1"})])


def taken_over(evidence: Evidence) -> Evidence:
    """Let recovery have taken over what was approved."""
    history = approved(evidence).history
    entry = replace(history[0], event=Event.LEASE_RAN_OUT)
    return with_payment(evidence, history=(*history, entry))


SPOILS: dict[str, list[Callable[[Evidence], Evidence]]] = {
    "the books balance": [
        lambda evidence: replace(evidence, charges=evidence.charges[1:]),
        lambda evidence: with_payment(evidence, state=State.NET_CANCELLING),
    ],
    "told approved is live": [without_told],
    "the same data": [lambda evidence: with_request(evidence, 2, body=OTHER_BODY)],
    "written before sent": [
        lambda evidence: with_request(evidence, 0, at=0.0),
        lambda evidence: replace(evidence, payments=evidence.payments[1:]),
    ],
    "nothing sent": [with_refused],
    "every state has its reason": [
        lambda evidence: with_payment(evidence, history=approved(evidence).history[:-1]),
        lambda evidence: with_payment(evidence, history=approved(evidence).history[1:]),
        lambda evidence: with_payment(evidence, state=State.DECLINED),
    ],
    "one approval": [once_more],
    "one cancel": [lambda evidence: replace(evidence, requests=2 * evidence.requests)],
    "approved only on proof": [lambda evidence: with_request(evidence, 0, fault="bom")],
    "no approval arrives": [lambda evidence: with_request(evidence, 1, at=LATE)],
    "no fenced owner": [taken_over],
    "whoever asks again": [lambda evidence: with_told(evidence, "Declined")],
    "nothing is raised": [lambda evidence: with_told(evidence, "KeyError")],
    "every request is well signed": [
        once_more,
        lambda evidence: with_request(evidence, 0, signature="mismatch"),
    ],
    "no bug and no token": [
        lambda evidence: replace(evidence, logs={"SHOP1.log": "a CRITICAL thing"}),
        lambda evidence: replace(evidence, logs={"SHOP1.log": f"token {TOKEN_PREFIX}1"}),
    ],
    "no process ends": [lambda evidence: replace(evidence, surprises=["SHOP1 ended"])],
}
CASES = [(name, spoil) for name, spoils in SPOILS.items() for spoil in spoils]


def broken_in(evidence: Evidence) -> list[str]:
    """Name the promises that are broken."""
    return [promise.name for promise in check(evidence) if promise.broken]


def test_nothing_is_broken_where_all_went_well(evidence: Evidence) -> None:
    """Every promise is put to the test at least once, but for what did not happen here."""
    assert broken_in(evidence) == []
    unchecked = [promise.name for promise in check(evidence) if promise.checked == 0]
    assert [name for name in unchecked if not name.startswith("no fenced owner")] == []


@pytest.mark.parametrize(("name", "spoil"), CASES)
def test_a_broken_promise_is_seen(
    evidence: Evidence, name: str, spoil: Callable[[Evidence], Evidence]
) -> None:
    """Each promise is seen to be broken by evidence that breaks it."""
    assert any(each.startswith(name) for each in broken_in(spoil(evidence)))


def test_every_promise_is_tried() -> None:
    """No check is without evidence that it would fail on."""
    assert [name for name in PROMISES if not name.startswith(tuple(SPOILS))] == []
