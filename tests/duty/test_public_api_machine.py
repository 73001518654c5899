"""The public API in any order, with faults and crashes, against a small model and the ledger.

NETCANCEL_TEST_MACHINE_EXAMPLES=2000 makes it a long proof with other examples each time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from netcancel import (
    ConfigurationError,
    ConfirmationMissed,
    DuplicateTransaction,
    JournalUnavailable,
    Payment,
    PaymentNotApproved,
    PaymentNotFound,
    State,
    operators,
)
from netcancel.core.lifecycle import Resolution
from tests.duty.books import by_number
from tests.duty.machine_world import LOST, LOST_AFTER_ALL, Died, World
from tests.duty.shop import AMOUNT, order_of

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: Final = int(os.environ.get("NETCANCEL_TEST_MACHINE_EXAMPLES", "0"))
STEPS: Final = 30
TURNS_OF_CALM: Final = 20
MEMORY: Final = Path("/dev/shm")  # noqa: S108  a fresh directory is made in it
"""No power is lost here: syncs may cost nothing."""
CONFIRM_SECONDS: Final = 60.0
A_DAY_SECONDS: Final = 90_000.0

PLACES: Final = st.integers(0, 40)
"""Which of the numbers that are known; where there is none, a number that nobody used."""

CONFIRM_WITHIN: Final = st.sampled_from((None, CONFIRM_SECONDS))

FAULTS: Final = (
    *("reset", "close", "commit-then-reset", "html", "code-null", "wrong-echo", "decline"),
    *("wrong-amount", "unlisted-code", "commit-then-server-error", "truncated"),
    *("processing-delayed", "processed-twice"),
    *(
        "reset@cancel",
        "commit-then-close@cancel",
        "broken-json@cancel",
        "net-cancel-refused@cancel",
    ),
    *("reset@net-cancel", "commit-then-reset@net-cancel", "net-cancel-refused@net-cancel"),
)

ONE_OR_NO_FAULT: Final = st.none() | st.sampled_from(FAULTS)

TOLD: Final = {
    State.APPROVING: "InDoubt",
    State.APPROVED: "Approved",
    State.DECLINED: "Declined",
    State.UNCONFIRMED: "Approved",
    State.NET_CANCELLING: "InDoubt",
    State.SETTLING: "NetCancelled",
    State.NET_CANCELLED: "NetCancelled",
    State.CANCELLING: "InDoubt",
    State.CANCELLED: "Cancelled",
    State.ESCALATED: "InDoubt",
}
"""What a caller is told of each state; of a resolved payment, by its kind."""

RESOLVED_TOLD: Final = {
    Resolution.CHARGE_STANDS: "Approved",
    Resolution.NO_CHARGE: "NetCancelled",
    Resolution.REFUNDED_OUTSIDE: "Cancelled",
}
RAISED: Final = (
    ConfirmationMissed,
    DuplicateTransaction,
    JournalUnavailable,
    PaymentNotApproved,
    PaymentNotFound,
)
UNCLEAR: Final = frozenset({"Died", "JournalUnavailable"})
STANDING: Final = frozenset({State.APPROVED, State.UNCONFIRMED})
VOID: Final = frozenset({State.DECLINED, State.NET_CANCELLED, State.CANCELLED, State.SETTLING})
UNTOUCHABLE: Final = frozenset({State.DECLINED, State.CANCELLED, State.RESOLVED})


@dataclass
class Known:
    """What the model knows of a number."""

    may_be_voided: bool = False
    """A cancel was asked for, or nobody confirmed it: else what is approved stands."""
    last: State | None = None


def told_of(payment: Payment) -> str:
    """Say what the caller of a payment must be told."""
    if payment.resolution is not None and payment.state is State.RESOLVED:
        return RESOLVED_TOLD[payment.resolution]
    return TOLD[payment.state]


class PublicApi(RuleBasedStateMachine):
    """Whatever is called, whatever goes wrong: the journal says what the ledger says."""

    @initialize()
    def open(self) -> None:
        """Open a gateway, a journal and a guard."""
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.world = World(self.directory)
        self.known: dict[str, Known] = {}
        self.numbers = 0
        self.is_spoilt = False

    def teardown(self) -> None:
        """Let all be calm: everything closes, and no charge is nobody's."""
        if hasattr(self, "world"):
            try:
                self._calm_down()
            finally:
                self.world.close()
                shutil.rmtree(self.directory)

    @rule(faults=st.lists(ONE_OR_NO_FAULT, min_size=1, max_size=4), confirm_within=CONFIRM_WITHIN)
    def approve(self, faults: list[str | None], confirm_within: float | None) -> None:
        """Approve some new numbers, each with something that goes wrong or with nothing."""
        for fault in faults:
            self._approve_new(fault, confirm_within)

    @rule(place=PLACES, trx_amt=st.sampled_from((AMOUNT, AMOUNT, 5_000)))
    def approve_again(self, place: int, trx_amt: int) -> None:
        """Approve a number again: it is told what became of it, and nothing is sent."""
        number = self._number(place)
        if number not in self.known:
            return
        sent = self._approvals(number)
        order = order_of(number) | {"trx_amt": trx_amt}
        told = self._call(lambda: self.world.guard.approve(**order))
        assert self._approvals(number) == sent
        if trx_amt != AMOUNT:
            assert told in {"DuplicateTransaction", *UNCLEAR}
        elif told not in UNCLEAR:
            assert told == told_of(self._now(number))

    @rule(fault=ONE_OR_NO_FAULT, succeeds=st.booleans())
    def pay_in_a_block(self, fault: str | None, succeeds: bool) -> None:
        """Approve a new number for the length of a block, in which the shop succeeds or fails."""
        number = self._new_number(fault)
        told = self._call(lambda: self._block(number, succeeds=succeeds))
        self._learn(number, may_be_voided=True)
        if not self.is_spoilt:
            expected = State.APPROVED if succeeds else State.CANCELLED
            assert (told, self._now(number).state) == ("None", expected)

    @rule(place=PLACES)
    def confirm(self, place: int) -> None:
        """Confirm: it is true exactly where the charge stands."""
        number = self._number(place)
        before = self._find(number)
        told = self._call(lambda: self.world.guard.confirm(number))
        if before is None:
            assert told in {"PaymentNotFound", *UNCLEAR}
        elif told in {"True", "False"}:
            assert (told == "True") is (before.state in STANDING)
            assert (told == "True") is (self._now(number).state is State.APPROVED)

    @rule(place=PLACES, fault=ONE_OR_NO_FAULT)
    def cancel(self, place: int, fault: str | None) -> None:
        """Cancel: the charge is given back, or it is said why not."""
        number = self._number(place)
        self._inject(fault)
        before = self._find(number)
        if before is not None:
            self.known[number].may_be_voided = True
        told = self._call(lambda: self.world.guard.cancel(number))
        if before is None:
            assert told in {"PaymentNotFound", *UNCLEAR}
        elif before.state in STANDING and not self.is_spoilt:
            assert (told, self._now(number).state) == ("Cancelled", State.CANCELLED)
        elif before.state is State.DECLINED and told not in UNCLEAR:
            assert told == "CancelRefused"

    @rule()
    def recover(self) -> None:
        """Recover what is due, by the guard itself."""
        self.world.guard.recover()

    @rule(seconds=st.sampled_from((1.0, 30.0, 120.0, A_DAY_SECONDS)))
    def let_time_pass(self, seconds: float) -> None:
        """Let the journal's clock, and the host's, run on."""
        self.world.ahead_seconds += seconds

    @rule(fate=st.sampled_from((LOST, LOST_AFTER_ALL)))
    def fail_next_commit(self, fate: str) -> None:
        """Have the journal fail at the next write."""
        self.world.trouble.commit = fate
        self.is_spoilt = True

    @rule(effects=st.integers(1, 9))
    def die_soon(self, effects: int) -> None:
        """Have the process die in the middle of what it does next."""
        self.world.trouble.dies_at = effects
        self.is_spoilt = True

    @rule()
    def restart(self) -> None:
        """Close the guard, and open another on the same journal."""
        self.world.restart()

    @rule(place=PLACES, retries=st.booleans())
    def decide(self, place: int, retries: bool) -> None:
        """Do what a person does with an escalated payment: retry, or resolve by the ledger."""
        seen = self._find(self._number(place))
        if seen is None or seen.state is not State.ESCALATED:
            return
        if retries:
            self._retry(seen)
        else:
            self._resolve(seen)

    @invariant()
    def the_journal_says_what_the_ledger_says(self) -> None:
        """Compare each payment that has a clear state with its charges."""
        for number, known in self.known.items():
            payment, live = self._now(number), self._live(number)
            if payment.state in STANDING:
                assert live == [AMOUNT], number
            if payment.state in VOID:
                assert live == [], number
            if known.last in UNTOUCHABLE or (known.last in STANDING and not known.may_be_voided):
                assert payment.state is known.last, number
            assert self._approvals(number) <= 1, number
            known.last = payment.state

    def _call(self, call: Callable[[], object]) -> str:
        """Call the API; return what is told or raised, by its name."""
        try:
            told = call()
        except Died:
            self.world.restart()
            return "Died"
        except RAISED as error:
            return type(error).__name__
        return str(told) if told is None or isinstance(told, bool) else type(told).__name__

    def _approve_new(self, fault: str | None, confirm_within: float | None) -> None:
        number = self._new_number(fault)
        order = order_of(number) | {"confirm_within": confirm_within}
        told = self._call(lambda: self.world.guard.approve(**order))
        self._learn(number, may_be_voided=confirm_within is not None)
        assert self.is_spoilt or told == "Approved"
        if told == "JournalUnavailable":
            assert self._approvals(number) == 0

    def _new_number(self, fault: str | None) -> str:
        self._inject(fault)
        self.numbers += 1
        return f"ORD_{self.numbers}"

    def _number(self, place: int) -> str:
        numbers = list(self.known)
        return numbers[place % len(numbers)] if numbers else "ORD_0"

    def _inject(self, fault: str | None) -> None:
        """Have the gateway do something wrong with the next request of a kind."""
        if fault is None:
            return
        name, _, endpoint = fault.partition("@")
        options: dict[str, Any] = {"loss": "reset"} if name.startswith("process") else {}
        self.world.van.inject(name, endpoint=endpoint or None, **options)
        self.is_spoilt = True

    def _learn(self, number: str, *, may_be_voided: bool) -> None:
        """Know a number whose payment came to be, whatever its caller was told."""
        if self._find(number) is not None:
            self.known[number] = Known(may_be_voided=may_be_voided)

    def _block(self, number: str, *, succeeds: bool) -> None:
        order = order_of(number) | {"confirm_within": CONFIRM_SECONDS}
        with suppress(ZeroDivisionError), self.world.guard.payment(**order):
            if not succeeds:
                raise ZeroDivisionError

    def _find(self, number: str) -> Payment | None:
        return self.world.guard.find(number)

    def _now(self, number: str) -> Payment:
        payment = self._find(number)
        assert payment is not None, f"{number} is forgotten"
        return payment

    def _approvals(self, number: str) -> int:
        requests = by_number(self.world.van.requests())[number]
        return [each["endpoint"] for each in requests].count("approval")

    def _live(self, number: str) -> list[int]:
        return [
            charge["trx_amt"]
            for charge in self.world.van.charges()
            if (charge["merc_trx_no"], charge["status"]) == (number, "live")
        ]

    def _retry(self, seen: Payment) -> None:
        operators.retry(self.world.guard._desk.journal, seen, by="machine").result()

    def _resolve(self, seen: Payment) -> None:
        stands = bool(self._live(seen.merc_trx_no))
        kind = Resolution.CHARGE_STANDS if stands else Resolution.NO_CHARGE
        desk = self.world.guard._desk
        with suppress(ConfigurationError):  # too early: an attempt may be on its way
            operators.resolve(
                desk.journal,
                seen,
                desk.policy,
                kind,
                by="machine",
                note="as the ledger says",
                although_told_void=True,
            ).result()

    def _calm_down(self) -> None:
        """Recover until everything is closed; a person decides by the ledger."""
        self.world.restart()
        self.world.van.clear_faults()
        for _ in range(TURNS_OF_CALM):
            self.world.ahead_seconds += 150.0
            self.world.guard.recover()
            payments = [self._now(number) for number in self.known]
            for payment in payments:
                if payment.state is State.ESCALATED:
                    # A charge that is gone can't be cancelled again: a person must close it.
                    is_live = bool(self._live(payment.merc_trx_no))
                    (self._retry if is_live else self._resolve)(payment)
            if all(payment.state.is_final for payment in payments):
                break
        self.the_journal_says_what_the_ledger_says()
        for charge in self.world.van.charges():
            payment = self._now(charge["merc_trx_no"])
            assert payment.state.is_final
            if charge["status"] == "live":
                assert told_of(payment) == "Approved"


@pytest.mark.timeout(0 if EXAMPLES else 60)
def test_public_api_keeps_the_books() -> None:
    """In any order of calls, faults, crashes and decisions, the books balance at every step."""
    profile = settings(
        phases=[Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
        derandomize=not EXAMPLES,
        max_examples=EXAMPLES or 12,
        stateful_step_count=STEPS,
        suppress_health_check=list(HealthCheck),
    )
    PublicApi.TestCase.settings = profile
    PublicApi.TestCase("runTest").runTest()
