"""The public names as a caller uses them; both type checkers read this file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never, assert_type

import pytest

import netcancel
from netcancel import (
    ApprovalRequest,
    Approved,
    AsyncClient,
    AsyncGuard,
    Cancelled,
    Client,
    Declined,
    DuplicateTransaction,
    Guard,
    InDoubt,
    InvalidRequest,
    Loss,
    NetcancelError,
    NetCancelled,
    NetCancelRequest,
    Outcome,
    Payment,
    Policy,
    State,
    TooManyInDoubt,
)
from netcancel.kicc import (
    Acknowledged,
    AmountDiffers,
    AnswerLost,
    ApprovalProven,
    DeclineProven,
    Refused,
)
from tests.canaries import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.sandbox import Sandbox

POLICY = Policy(timeout_seconds=20.0, settle_seconds=1.0)


def sentence(outcome: Outcome) -> str:
    """Say what a shop does with each outcome."""
    match outcome:
        case Approved(merc_trx_no=number, answer=answer):
            assert_type(answer.aprv_no, str | None)
            return f"ship {number}"
        case Declined(code=code, message=message):
            assert_type(message, str)
            return f"refused with {code}"
        case NetCancelled(loss=loss):
            assert_type(loss, Loss | None)
            return f"void after {loss}"
        case Cancelled(reason=reason):
            assert_type(reason, str)
            return f"refunded: {reason}"
        case InDoubt(state=state):
            return f"wait: {state}"
        case _:
            assert_never(outcome)


def open_guard(van: Sandbox, directory: Path, policy: Policy = POLICY) -> Guard:
    """Open a guard as the documentation shows it."""
    return Guard(
        base_url=van.base_url,
        credentials=van.credentials,
        merchant=van.merchant,
        journal=f"sqlite:///{directory / 'payments.db'}",
        policy=policy,
    )


def test_each_outcome_is_told_by_its_type(van: Sandbox, tmp_path: Path) -> None:
    """A caller matches on five outcomes, and the type checkers know that there are no others."""
    said: list[str] = []
    with open_guard(van, tmp_path) as guard:
        assert_type(guard, Guard)
        for place, faults in enumerate(
            [(), ("decline",), ("commit-then-reset",), ("html", "net-cancel-refused")]
        ):
            for fault in faults:
                van.inject(fault)
            outcome = guard.approve(
                merc_trx_no=f"ORD_{place}", token_key=TOKEN, trx_amt=10_000, vat_amt=909
            )
            assert_type(outcome, Approved | Declined | NetCancelled | Cancelled | InDoubt)
            assert outcome.merc_trx_no == f"ORD_{place}"
            assert isinstance(outcome.state, State)
            said.append(sentence(outcome))
    assert said == [
        "ship ORD_0",
        "refused with 8035",
        "void after connection-error",
        "wait: net_cancelling",
    ]


def test_a_payment_tells_what_is_known(van: Sandbox, tmp_path: Path) -> None:
    """`find` returns a payment with its history and the answer's fields, or None."""
    with open_guard(van, tmp_path) as guard:
        guard.approve(merc_trx_no="ORD_1", token_key=TOKEN, trx_amt=10_000, vat_amt=909)
        found = guard.find("ORD_1")
        assert_type(found, Payment | None)
        assert found is not None
        assert found.answer is not None
        assert (found.state, found.state.is_final) == (State.APPROVED, True)
        assert (found.trx_amt, found.answer.trx_amt) == (10_000, 10_000)
        assert [str(entry.target) for entry in found.history] == ["approving", "approved"]
        assert guard.find("ORD_2") is None
        assert guard.find("ORD_1", tid="T000000000") is None


def test_errors_have_one_root_and_send_nothing(van: Sandbox, tmp_path: Path) -> None:
    """What the caller can mend is raised before anything is sent, under one root."""
    policy = Policy(timeout_seconds=20.0, settle_seconds=1.0, max_in_doubt=1)
    with open_guard(van, tmp_path, policy) as guard:
        with pytest.raises(InvalidRequest) as invalid:
            guard.approve(merc_trx_no="ORD 1", token_key=TOKEN, trx_amt=10_000, vat_amt=909)
        assert_type(invalid.value.field, str)
        assert invalid.value.field == "merc_trx_no"
        van.inject("html")
        van.inject("net-cancel-refused", rate=1.0)
        guard.approve(merc_trx_no="ORD_1", token_key=TOKEN, trx_amt=10_000, vat_amt=909)
        with pytest.raises(DuplicateTransaction):
            guard.approve(merc_trx_no="ORD_1", token_key=TOKEN, trx_amt=9_999, vat_amt=909)
        with pytest.raises(TooManyInDoubt):
            guard.approve(merc_trx_no="ORD_2", token_key=TOKEN, trx_amt=10_000, vat_amt=909)
    assert [each["endpoint"] for each in van.requests()].count("approval") == 1
    public = [getattr(netcancel, name) for name in netcancel.__all__]
    raised = [each for each in public if isinstance(each, type) and issubclass(each, Exception)]
    assert len(raised) > 1
    assert all(issubclass(each, NetcancelError) for each in raised)


def test_the_awaiting_guard_has_the_same_methods(van: Sandbox, tmp_path: Path) -> None:
    """`AsyncGuard` is used as `Guard` is, with `async with` and `await`."""

    async def main() -> Outcome:
        async with AsyncGuard(
            base_url=van.base_url,
            credentials=van.credentials,
            merchant=van.merchant,
            journal=f"sqlite:///{tmp_path / 'payments.db'}",
            policy=POLICY,
            recovery="off",
        ) as guard:
            assert_type(guard, AsyncGuard)
            outcome = await guard.approve(
                merc_trx_no="ORD_1", token_key=TOKEN, trx_amt=10_000, vat_amt=909
            )
            assert_type(await guard.find("ORD_1"), Payment | None)
            assert_type((await guard.recover(limit=10)).claimed, int)
            return outcome

    assert isinstance(asyncio.run(main()), Approved)


def approval(van: Sandbox, number: str) -> ApprovalRequest:
    """Fill in an approval by hand."""
    return ApprovalRequest(
        tid=van.merchant.tid,
        svc_id=van.merchant.svc_id,
        bizr_no=van.merchant.bizr_no,
        merc_trx_no=number,
        token_key=TOKEN,
        trx_amt=10_000,
        vat_amt=909,
        tran_dt="20231225",
        tran_tm="120000",
    )


def net_cancel_of(request: ApprovalRequest) -> NetCancelRequest:
    """Fill in an approval's net-cancel by hand."""
    return NetCancelRequest(
        tid=request.tid,
        svc_id=request.svc_id,
        bizr_no=request.bizr_no,
        merc_trx_no=request.merc_trx_no,
        token_key=request.token_key,
        alot_month=request.alot_month,
        trx_amt=request.trx_amt,
        vat_amt=request.vat_amt,
        svc_amt=request.svc_amt,
        tran_dt=request.tran_dt,
        tran_tm=request.tran_tm,
    )


def test_bare_clients_send_single_requests(van: Sandbox) -> None:
    """`Client` and `AsyncClient` return a verdict for one request; the duty is the caller's."""
    client = Client(base_url=van.base_url, credentials=van.credentials)
    request = approval(van, "ORD_1")
    verdict = client.approve(request)
    assert_type(verdict, ApprovalProven | AmountDiffers | DeclineProven | AnswerLost)
    assert isinstance(verdict, ApprovalProven)
    voided = client.net_cancel(net_cancel_of(request))
    assert_type(voided, Acknowledged | Refused | AnswerLost)
    assert isinstance(voided, Acknowledged)
    again = AsyncClient(base_url=van.base_url, credentials=van.credentials)
    van.inject("commit-then-close")
    lost = asyncio.run(again.approve(approval(van, "ORD_2")))
    assert isinstance(lost, AnswerLost)
    assert lost.loss is Loss.CONNECTION_ERROR
    assert isinstance(
        asyncio.run(again.net_cancel(net_cancel_of(approval(van, "ORD_2")))), Acknowledged
    )
    assert {charge["status"] for charge in van.charges()} == {"voided"}
