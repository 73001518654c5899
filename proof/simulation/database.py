"""How long the journal takes, and when it does not answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.effects import (
    Effect,
    HandOver,
    Unavailable,
)
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.drive import ask
from netcancel.recovery import LOOK_SECONDS, TROUBLE_SECONDS
from proof.simulation.books import SILENT

if TYPE_CHECKING:
    from concurrent.futures import Future

    from proof.simulation.process import Process
    from proof.simulation.run import Run
    from proof.simulation.slot import Slot

AWAY = Unavailable("the journal is away")

LATE_SECONDS: Final = 20.0
"""How late a commit is at most that comes after its caller has given up."""


class Database:
    """Performs questions to the journal: committed a little later, or never."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.life = 0
        """How often it has crashed."""
        self.away_until = 0.0

    @property
    def is_away(self) -> bool:
        """Whether it refuses everything now."""
        return self._run.clockwork.now < self.away_until

    def crash(self, seconds: float) -> None:
        """Lose what is not committed, and stay away for a while."""
        self.life += 1
        self._run.journal.crash()
        self.refuse(seconds)

    def refuse(self, seconds: float) -> None:
        """Refuse everything for a while, as where the disk is full."""
        self.away_until = max(self.away_until, self._run.clockwork.now + seconds)
        self._run.disturb(seconds + TROUBLE_SECONDS + LOOK_SECONDS)

    def ask(self, process: Process, effect: Effect[Any]) -> None:
        """Perform a question, and answer it after its commit."""
        run, slot = self._run, process.slot
        if self.is_away:
            process.answer_after(0.01, AWAY)
            return
        slot.questions += 1
        fault = slot.at_question.pop(slot.questions, None) if slot.at_question else None
        latency = 0.002 + 0.02 * run.dice(slot)
        if fault is not None:
            run.hits[f"fault: {fault.kind}"] += 1
            run.befall(slot, COMMIT_BUDGET_SECONDS + LATE_SECONDS)
            match fault.kind:
                case "commit-lost" | "commit-unanswered":
                    is_applied = fault.kind == "commit-unanswered"
                    run.clockwork.after(
                        latency,
                        partial(
                            self._commit_in_doubt, self.life, process, process.turn, effect,
                            is_applied=is_applied,
                        ),
                    )  # fmt: skip
                    return
                case "commit-late":
                    process.answer_after(COMMIT_BUDGET_SECONDS, SILENT)
                    latency = COMMIT_BUDGET_SECONDS + LATE_SECONDS * fault.size**2
                case "commit-slow":
                    latency = COMMIT_BUDGET_SECONDS * fault.size
                case _:
                    run.damage(slot)
            if fault.kind == "commit-late":
                run.clockwork.after(latency, partial(self._commit_alone, self.life, effect))
                return
        run.clockwork.after(
            latency, partial(self._commit, self.life, process, process.turn, effect)
        )

    def hand_over(self, slot: Slot, effect: HandOver) -> None:
        """Start the last wish of an interrupted process; nobody waits for it."""
        if not self.is_away:
            latency = 0.03 + 0.02 * self._run.dice(slot)
            self._run.clockwork.after(latency, partial(self._commit_alone, self.life, effect))

    def _commit(self, life: int, process: Process, turn: int, effect: Effect[Any]) -> None:
        if life != self.life:
            process.resume(turn, SILENT)
        else:
            process.resume(turn, self._perform(effect))

    def _commit_in_doubt(
        self,
        life: int,
        process: Process,
        turn: int,
        effect: Any,  # noqa: ANN401  of the effect's type
        *,
        is_applied: bool,
    ) -> None:
        """Commit or lose what the journal is asked, where no answer comes to the commit."""
        if life != self.life:
            process.resume(turn, SILENT)
        else:
            asked = partial(self._ask_journal, effect)
            process.resume(turn, self._run.journal.in_doubt(asked, is_applied=is_applied))

    def _commit_alone(self, life: int, effect: Effect[Any]) -> None:
        """Commit what nobody is told of."""
        if life == self.life:
            self._perform(effect)

    def _perform(self, effect: Any) -> Any:  # noqa: ANN401  of the effect's type
        return self._ask_journal(effect).result()

    def _ask_journal(self, effect: Any) -> Future[Any]:  # noqa: ANN401  likewise
        if isinstance(effect, HandOver):
            return self._run.journal.hand_over_if_held(effect.payment_id, effect.writer)
        return ask(self._run.journal, effect)
