"""The gateway of a run, on the sandbox's own ledger, and the network before it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.payment import MICROSECONDS
from netcancel.core.policy import SEND_WITHIN_SECONDS
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH, Break, NoAnswer, Reach
from netcancel.sandbox import codes
from netcancel.sandbox.ledger import Did, Ledger, NetCancelMemory, Status

if TYPE_CHECKING:
    from netcancel.core.effects import Exchange
    from proof.simulation.faults import Fault
    from proof.simulation.process import Process
    from proof.simulation.run import Run
    from proof.simulation.slot import Slot

SILENCE: Final = NoAnswer(Reach.SENT, Break.DEADLINE, "no answer")
NOT_CONNECTED: Final = NoAnswer(Reach.NOT_CONNECTED, Break.CONNECTION, "not connected")
TOO_LATE: Final = NoAnswer(Reach.NOT_CONNECTED, Break.DEADLINE, "no time was left")

DELAY_SECONDS_MAX: Final = 3600.0
"""No message is on its way for longer than this."""

SPOILED: Final = {"http-error": 500, "wrong-echo": 200}
"""Answers that say nothing of the payment, with their HTTP status."""

IS_OF: Final = {
    "declined": "approval",
    "unlisted-after-work": "approval",
    "unlisted-refusal": "approval",
    "amount-differs": "approval",
    "amount-differs-uncancellable": "approval",
    "amount-absent": "approval",
    "refused": "void",
    "denied": "net-cancel",
}
"""Which exchanges a fault can befall; what stands not here befalls any."""


def kinds_of(path: str) -> tuple[str, ...]:
    """Say what a request is, from the general to the special."""
    if path == APPROVAL_PATH:
        return ("approval",)
    return ("void", "cancel") if path == CANCEL_PATH else ("void", "net-cancel")


class Gateway:
    """Works requests on a ledger, and answers as the plan of faults says."""

    def __init__(self, run: Run, memory: NetCancelMemory, dropped: str | None) -> None:
        self._run = run
        self._dropped = dropped
        self.ledger = Ledger(memory=memory, refuse_used_numbers=dropped != "c")
        self.remembers = memory is NetCancelMemory.TOMBSTONE
        self.away_until = 0.0
        self.secret = 0
        """How often the gateway's secret was changed."""

    def exchange(self, process: Process, effect: Exchange) -> None:
        """Carry a request to the ledger and its answer back, or lose either."""
        run, slot, signed = self._run, process.slot, effect.signed
        now = run.clockwork.now
        if signed.path == NET_CANCEL_PATH:
            run.bounds.net_cancelled(slot)
        left = min(now, signed.at + SEND_WITHIN_SECONDS) + effect.timeout_seconds - now
        if left <= 0:
            process.answer_after(0.0, TOO_LATE)
            return
        slot.exchanges += 1
        fault = slot.at_exchange.pop(slot.exchanges, None) if slot.at_exchange else None
        kind = "" if fault is None else fault.kind
        if IS_OF.get(kind, "approval") not in (*kinds_of(signed.path), "approval") or (
            IS_OF.get(kind) == "approval" and signed.path != APPROVAL_PATH
        ):
            fault, kind = None, ""
        if fault is not None:
            run.hits[f"fault: {kind}"] += 1
        if kind == "not-connected" or (now < self.away_until and run.dice(slot) < 0.5):  # noqa: PLR2004  half of them
            process.answer_after(min(left, 0.01 + run.dice(slot)), NOT_CONNECTED)
            return
        run.promises.sent(slot, signed)
        slot.last_sent_at = now
        if kind == "request-lost" or now < self.away_until:
            process.answer_after(left, SILENCE)
            return
        if kind == "request-delayed" and fault is not None:
            self._later(slot, effect, fault)
            process.answer_after(left, SILENCE)
            return
        has_copy = kind == "request-duplicated" or (kind == "declined" and self._dropped == "b")
        if has_copy and fault is not None:
            self._later(slot, effect, fault)
        if fault is not None:
            self._befall_journal(slot, fault)
        flight = min(left / 2, 0.02 + 0.1 * run.dice(slot))
        run.clockwork.after(
            flight, partial(self._arrive, process, process.turn, effect, fault, left - flight)
        )

    def _may_deny(self, slot: Slot) -> bool:
        """Whether a gateway may deny a charge: one that nobody has proven, no client could hold."""
        row = self._run.journal.payment_of(slot.tid, slot.number)
        is_proven = row is not None and row.answer is not None
        return is_proven or slot.charge is None or slot.charge.status is not Status.LIVE

    def _befall_journal(self, slot: Slot, fault: Fault) -> None:
        """Do to the journal what is to befall it while a request is on its way."""
        match fault.kind:
            case "poisoned-in-flight":
                self._run.damage(slot)
            case "clock-steps-back":
                seconds = -120.0 * fault.size
                self._run.clockwork.after(0.001, partial(self._run.step_clock, seconds))
            case "clock-steps-ahead":
                seconds = 3600.0 * fault.size**2
                self._run.clockwork.after(0.001, partial(self._run.step_clock, seconds))

    def _later(self, slot: Slot, effect: Exchange, fault: Fault) -> None:
        self._run.clockwork.after(_delay(fault), partial(self._arrive_alone, slot, effect))

    def _arrive_alone(self, slot: Slot, effect: Exchange) -> None:
        """Work a copy that nobody waits for."""
        self._work(slot, effect, "")

    def _arrive(
        self, process: Process, turn: int, effect: Exchange, fault: Fault | None, left: float
    ) -> None:
        kind = "" if fault is None else fault.kind
        answer = self._work(process.slot, effect, kind)
        if answer is not None and kind not in {"answer-lost", "answer-late"}:
            process.resume(turn, answer)
            return
        self._run.clockwork.after(left, partial(process.resume, turn, SILENCE))
        if answer is not None and fault is not None and kind == "answer-late":
            # Behind the deadline its socket is closed: to a waiting that is over nothing is told.
            self._run.clockwork.after(_delay(fault), partial(process.resume, turn, answer))

    def _work(self, slot: Slot, effect: Exchange, kind: str) -> Any:  # noqa: ANN401, PLR0911  a reception of the level; one case a fault
        run, path = self._run, effect.signed.path
        level = run.level
        fields = level.fields(path, effect.signed.body)
        if kind == "signature-refused" or not level.is_signed(effect.signed, self.secret):
            if slot.index % 2:
                return level.spoiled(fields, 401)
            return level.answer(path, fields, codes.NOT_AUTHENTICATED, None)
        if kind in SPOILED and slot.index % 2:
            return level.spoiled(fields, SPOILED[kind])
        if kind == "refused":
            return level.answer(path, fields, codes.REFUSED, None)
        if kind == "denied" and self._may_deny(slot):
            return self._deny(slot, fields)
        now = run.clockwork.now
        if path == APPROVAL_PATH:
            return self._approve(slot, fields, kind)
        if path == CANCEL_PATH:
            entry = self.ledger.cancel(fields, now=now)
        else:
            entry = self.ledger.net_cancel(fields, now=now)
        if entry.did in {Did.VOIDED, Did.REFUNDED}:
            run.promises.voided(slot)
        if kind in SPOILED:
            return level.spoiled(fields, SPOILED[kind])
        return level.answer(path, fields, entry.code, entry.charge)

    def _deny(self, slot: Slot, fields: Any) -> Any:  # noqa: ANN401  as above
        """Say that there is nothing to void; who keeps net-cancels keeps this one too."""
        if slot.charge is None:
            self.ledger.net_cancel(fields, now=self._run.clockwork.now)
        return self._run.level.answer(NET_CANCEL_PATH, fields, codes.NOTHING_TO_VOID, None)

    def _approve(self, slot: Slot, fields: Any, kind: str) -> Any:  # noqa: ANN401  as above
        run = self._run
        row = run.journal.payment_of(slot.tid, slot.number)
        # Once past, whatever the journal's clock is set to later: the gateway does not see it.
        is_late = row is None or run.clock_peak() * MICROSECONDS >= row.settle_at
        if is_late and not self.remembers and self._dropped != "a":
            return None  # by assumption (a) it is not worked any more
        answer = partial(run.level.answer, APPROVAL_PATH, fields)
        if (code := self._refusal(slot, kind)) is not None:
            return answer(code, None)
        entry = self.ledger.approve(
            fields,
            now=run.clockwork.now,
            amount_delta=1 if kind.startswith("amount-differs") else 0,
            decline_code=codes.INSUFFICIENT_FUNDS if kind == "declined" else None,
        )
        slot.is_declined = entry.did is Did.DECLINED
        if entry.did is Did.CHARGED:
            run.promises.charged(slot)
            slot.charge = entry.charge
        if kind in SPOILED:
            return run.level.spoiled(fields, SPOILED[kind])
        if kind == "unlisted-after-work":
            return answer(codes.UNLISTED, None)
        without = {"amount-absent": "trxAmt", "amount-differs-uncancellable": "aprvNo"}
        return answer(entry.code, entry.charge, without=without.get(kind, ""))

    def _refusal(self, slot: Slot, kind: str) -> str | None:
        """Return the code with which an approval is refused before the ledger hears of it."""
        if kind == "unlisted-refusal":
            return codes.UNLISTED
        if kind == "declined" and self._dropped == "b":
            return codes.INSUFFICIENT_FUNDS  # and nobody remembers it
        # By assumption (b), also where the ledger allows a number to be used again.
        return codes.NUMBER_USED if slot.is_declined else None


def _delay(fault: Fault) -> float:
    """Return for how long a message is on its way: often a few seconds, up to an hour."""
    return 1.0 + DELAY_SECONDS_MAX * fault.size**3
