"""What must be true after a campaign, whatever happened in it: the books, and how they came so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from campaigns.record import APPROVED, IN_DOUBT, REFUSED, Account
from netcancel.core.lifecycle import Event, State, is_move, target
from netcancel.core.payment import MICROSECONDS, Payment
from netcancel.demo.books import LIVE, Told, close_books
from netcancel.demo.payer import TOKEN_PREFIX
from tests.duty.books import by_number, cancels_in, header, is_proof, projection

if TYPE_CHECKING:
    from netcancel.sandbox.gateway import RecordedRequest

OUTCOMES: Final = frozenset(
    {APPROVED, "Declined", "NetCancelled", "Cancelled", IN_DOUBT, REFUSED},
)
"""What a shop of a campaign may hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known when nothing moves any more."""

    tid: str
    charges: Sequence[Mapping[str, Any]]
    requests: list[RecordedRequest]
    payments: Sequence[Payment]
    accounts: Sequence[Account]
    logs: Mapping[str, str] = field(repr=False)
    surprises: Sequence[str]


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
    return [Promise(name, *_listed(test(evidence))) for name, test in PROMISES.items()]


def _listed(found: tuple[int, Iterable[str]]) -> tuple[int, list[str]]:
    return found[0], [*found[1]]


def _books(evidence: Evidence) -> tuple[int, Iterable[str]]:
    told = [
        Told((evidence.tid, each.number), each.outcome)
        for account in evidence.accounts
        for each in account.outcomes()
    ]
    problems = close_books(evidence.charges, evidence.payments, told).problems
    broken = (f"{problem.number[1]}: {problem.fault}" for problem in problems)
    return len(evidence.payments) + len(told), broken


def _told_is_live(evidence: Evidence) -> tuple[int, Iterable[str]]:
    live = {charge["merc_trx_no"] for charge in evidence.charges if charge["status"] == LIVE}
    told = {
        each.number
        for account in evidence.accounts
        for each in account.told
        if each.outcome == APPROVED
    }
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
    told = [
        each for account in evidence.accounts for each in account.told if each.outcome == APPROVED
    ]
    broken = (
        f"{each.number}: approved unproven" for each in told if not is_proof(requests[each.number])
    )
    return len(told), broken


def _fenced(evidence: Evidence) -> tuple[int, Iterable[str]]:
    fenced = fenced_numbers(evidence.payments)
    broken = (
        f"{each.number}: taken over, and told approved"
        for account in evidence.accounts
        for each in account.told
        if each.outcome == APPROVED and each.number in fenced
    )
    return len(fenced), broken


def fenced_numbers(payments: Iterable[Payment]) -> dict[str, int]:
    """Return the numbers whose owner lost them while approving, and when."""
    return {
        payment.merc_trx_no: entry.at
        for payment in payments
        for entry in payment.history
        if entry.event is Event.LEASE_RAN_OUT
    }


def _nothing_sent(evidence: Evidence) -> tuple[int, Iterable[str]]:
    approved = {
        number
        for number, requests in by_number(evidence.requests).items()
        if any(request["endpoint"] == "approval" for request in requests)
    }
    refused = {number for account in evidence.accounts for number in account.refused}
    return len(refused), (f"{number}: sent, though told otherwise" for number in refused & approved)


def _told_alike(evidence: Evidence) -> tuple[int, Iterable[str]]:
    """Whoever asks again hears the same, or for the first time something certain."""
    heard: dict[str, set[str]] = {}
    for account in evidence.accounts:
        for each in account.outcomes():
            heard.setdefault(each.number, set()).add(each.outcome)
    broken = (
        f"{number}: told {' and '.join(sorted(outcomes))}"
        for number, outcomes in heard.items()
        if len(outcomes - {IN_DOUBT}) != 1
    )
    return len(heard), broken


def _only_outcomes(evidence: Evidence) -> tuple[int, Iterable[str]]:
    told = [each for account in evidence.accounts for each in account.told]
    return len(told), (
        f"{each.number}: {each.outcome} was raised" for each in told if each.outcome not in OUTCOMES
    )


def _clean_logs(evidence: Evidence) -> tuple[int, Iterable[str]]:
    lines = [(name, line) for name, text in evidence.logs.items() for line in text.splitlines()]
    broken = [f"{name} shows a token" for name, line in lines if TOKEN_PREFIX in line]
    signs = (" CRITICAL ", "Traceback")
    broken += [f"{name}: {line}" for name, line in lines if any(sign in line for sign in signs)]
    return len(lines), broken


def _no_surprise(evidence: Evidence) -> tuple[int, Iterable[str]]:
    return len(evidence.logs), evidence.surprises


PROMISES: Final[Mapping[str, Check]] = {
    "the books balance, nothing is open (I1, I2, I5)": _books,
    "told approved is live, and the other way round (I1, I2)": _told_is_live,
    "the same data in every net-cancel (I3)": _same_data,
    "written before sent (I4)": _written_before_sent,
    "nothing sent where the journal was refused (I4)": _nothing_sent,
    "every state has its reason (I5)": _reasons,
    "one approval for a number (I7)": _one_approval,
    "one cancel for a payment": _one_cancel,
    "approved only on proof (I8)": _proof,
    "no fenced owner told approved (I2)": _fenced,
    "whoever asks again hears the same": _told_alike,
    "nothing is raised but that the journal is unavailable": _only_outcomes,
    "every request is well signed, once": _signed_once,
    "no bug and no token in a log": _clean_logs,
    "no process ends by itself": _no_surprise,
}
"""By the promise, as a reader says it; the numbers are those of docs/protocol.md."""
