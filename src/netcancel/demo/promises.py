"""What must be true when nothing moves any more: the books, and how they came so. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import State, is_move, target
from netcancel.core.payment import MICROSECONDS, Payment
from netcancel.demo.arrivals import by_number, cancels_in, header, is_proof, projection
from netcancel.demo.books import LIVE, Told, close_books
from netcancel.demo.payer import TOKEN_PREFIX

if TYPE_CHECKING:
    from netcancel.sandbox.gateway import RecordedRequest

APPROVED: Final = "Approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known; payments with their histories."""

    charges: Sequence[Mapping[str, Any]]
    requests: Sequence[RecordedRequest]
    payments: Sequence[Payment]
    told: Sequence[Told]
    logs: Mapping[str, str] = field(repr=False)
    """By the name of who wrote them."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, how often it was put to the test, and where it was broken."""

    name: str
    checked: int
    broken: Sequence[str]


Check = Callable[[Evidence], tuple[int, Iterable[str]]]
"""Says how much was checked, and what is broken."""


def check(evidence: Evidence) -> list[Promise]:
    """Put every promise to the test."""
    tested = {name: test(evidence) for name, test in PROMISES.items()}
    return [Promise(name, checked, [*broken]) for name, (checked, broken) in tested.items()]


def _books(evidence: Evidence) -> tuple[int, Iterable[str]]:
    problems = close_books(evidence.charges, evidence.payments, evidence.told).problems
    broken = (f"{problem.number[1]}: {problem.fault}" for problem in problems)
    return len(evidence.payments) + len(evidence.told), broken


def _told_approved(evidence: Evidence) -> set[str]:
    return {each.number[1] for each in evidence.told if each.outcome == APPROVED}


def _told_is_live(evidence: Evidence) -> tuple[int, Iterable[str]]:
    live = {charge["merc_trx_no"] for charge in evidence.charges if charge["status"] == LIVE}
    told = _told_approved(evidence)
    return len(live | told), (
        f"{number}: live or told approved, not both" for number in live ^ told
    )


def _one_approval(evidence: Evidence) -> tuple[int, Iterable[str]]:
    approvals = Counter(
        number
        for number, requests in by_number(evidence.requests).items()
        for request in requests
        if request["endpoint"] == "approval"
    )
    broken = (f"{number}: sent {times} times" for number, times in approvals.items() if times > 1)
    return len(approvals), broken


def _one_cancel(evidence: Evidence) -> tuple[int, Iterable[str]]:
    cancels = cancels_in(evidence.requests)
    broken = (f"{original}: {times} cancels" for original, times in cancels.items() if times > 1)
    return len(cancels), broken


def _same_data(evidence: Evidence) -> tuple[int, Iterable[str]]:
    broken: list[str] = []
    checked = 0
    for number, requests in by_number(evidence.requests).items():
        approvals = [each["body"] for each in requests if each["endpoint"] == "approval"]
        bodies = [each["body"] for each in requests if each["endpoint"] == "net-cancel"]
        checked += len(bodies)
        right = {projection(approvals[0])} if approvals else {*bodies[:1]}
        if {*bodies} - right:
            broken.append(f"{number}: a net-cancel with other data")
    return checked, broken


def _signed_once(evidence: Evidence) -> tuple[int, Iterable[str]]:
    nonces = Counter(header(request, "X-KICC-Nonce") for request in evidence.requests)
    broken = [f"nonce {nonce}: used {times} times" for nonce, times in nonces.items() if times > 1]
    broken += [
        f"request {request['index']}: signature {request['signature']}"
        for request in evidence.requests
        if request["signature"] != "valid"
    ]
    return len(evidence.requests), broken


def _written_before_sent(evidence: Evidence) -> tuple[int, Iterable[str]]:
    begun = {
        number: payment.created_at
        for payment in evidence.payments
        for number in (payment.merc_trx_no, payment.cancel_trx_no)  # a cancel has its own
    }
    broken: list[str] = []
    for number, requests in by_number(evidence.requests).items():
        if number not in begun:
            broken.append(f"{number}: sent, but not in the journal")
        elif any(request["at"] < begun[number] / MICROSECONDS for request in requests):
            broken.append(f"{number}: sent before its intent")
    return len(evidence.requests), broken


def _reasons(evidence: Evidence) -> tuple[int, Iterable[str]]:
    broken = [
        f"{payment.merc_trx_no}: {trouble}"
        for payment in evidence.payments
        if (trouble := _trouble_in_history(payment)) is not None
    ]
    return sum(len(payment.history) for payment in evidence.payments), broken


def _trouble_in_history(payment: Payment) -> str | None:
    """Walk through a history: each version is one of the table's moves from the last state."""
    state: State | None = None
    count = 0
    for entry in payment.history:
        if entry.version.counter == count:
            continue  # a note to what was written
        if entry.version.counter != count + 1:
            return f"version {count + 1} is missing"
        if entry.source is not state or not is_move(state, entry.event):
            return f"{entry.event} is no move from {state}"
        if entry.target is not target(state, entry.event):
            return f"{entry.event} does not lead to {entry.target}"
        state, count = entry.target, entry.version.counter
    return None if (state, count) == (payment.state, payment.version.counter) else "it ends early"


def _proof(evidence: Evidence) -> tuple[int, Iterable[str]]:
    requests = by_number(evidence.requests)
    told = _told_approved(evidence)
    broken = (
        f"{number}: approved unproven" for number in told if not is_proof(requests.get(number, []))
    )
    return len(told), broken


def _clean_logs(evidence: Evidence) -> tuple[int, Iterable[str]]:
    lines = [(name, line) for name, text in evidence.logs.items() for line in text.splitlines()]
    broken = [f"{name} shows a token" for name, line in lines if TOKEN_PREFIX in line]
    signs = (" CRITICAL ", "Traceback")
    broken += [f"{name}: {line}" for name, line in lines if any(sign in line for sign in signs)]
    return len(lines), broken


PROMISES: Final[Mapping[str, Check]] = {
    "the books balance, nothing is open (I1, I2, I5)": _books,
    "told approved is live, and the other way round (I1, I2)": _told_is_live,
    "the same data in every net-cancel (I3)": _same_data,
    "written before sent (I4)": _written_before_sent,
    "every state has its reason (I5)": _reasons,
    "one approval for a number (I7)": _one_approval,
    "one cancel for a payment": _one_cancel,
    "approved only on proof (I8)": _proof,
    "every request is well signed, once": _signed_once,
    "no bug and no token in a log": _clean_logs,
}
"""By the promise, as a reader says it; the numbers are those of docs/protocol.md."""
