"""What can go wrong, and the plan of what does: drawn before a run begins, so that it can shrink.

A fault names its payment and its place there: the n-th exchange, question to the journal, or step
that anybody makes for that payment. To leave one out shifts none of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import random

EXCHANGES: Final = (
    "request-lost",
    "answer-lost",
    "request-delayed",
    "request-duplicated",
    "not-connected",
    "declined",
    "unlisted-after-work",
    "unlisted-refusal",
    "amount-differs",
    "amount-differs-uncancellable",
    "amount-absent",
    "http-error",
    "wrong-echo",
    "refused",
    "denied",
    "signature-refused",
    "clock-steps-back",
    "clock-steps-ahead",
)
"""What can befall an exchange with the gateway; what fits no path of it befalls nothing."""

QUESTIONS: Final = (
    "commit-unanswered",
    "commit-lost",
    "commit-late",
    "commit-slow",
    "poisoned",
)
"""What can befall a question to the journal."""

STEPS: Final = (
    "crash-before",
    "crash-after",
    "interrupted",
    "paused-before",
    "paused-after",
    "paused-beyond-lease",
)
"""What can befall a flow at any effect."""

WORLD: Final = (
    "journal-refuses",
    "database-crash",
    "wall-clock-jump",
    "secret-rotated",
    "gateway-away",
)
"""What befalls everybody, at a time."""

KINDS: Final = EXCHANGES + QUESTIONS + STEPS + WORLD

PLACES: Final = {"exchange": EXCHANGES, "question": QUESTIONS, "step": STEPS}

NTH_MAX: Final = {"exchange": 4, "question": 9, "step": 30}
"""The last place of a payment at which a fault is planned."""


class Fault(NamedTuple):
    """One planned fault; `size` in [0, 1) says how long, how far or which way."""

    kind: str
    payment: int
    """-1: everybody's."""
    nth: int
    """The place, or the second of the run."""
    size: float

    def __str__(self) -> str:
        whose = "" if self.payment < 0 else f" of payment {self.payment}"
        return f"{self.kind} at {self.nth}{whose} ({self.size:.3f})"


def draw_plan(chance: random.Random, payments: int, seconds: float) -> list[Fault]:
    """Draw the faults of a run, with rates of their own: in some runs a kind never happens."""
    plan: list[Fault] = []
    for place, kinds in PLACES.items():
        rates = [_rate(chance) for _ in kinds]
        for kind, rate in zip(kinds, rates, strict=True):
            plan += [
                _draw(chance, kind, payments, NTH_MAX[place])
                for _ in range(_count(chance, rate * payments))
            ]
    for kind in WORLD:
        plan += [
            Fault(kind, -1, int(chance.random() * seconds), chance.random())
            for _ in range(int(chance.random() * 4))
        ]
    return plan


def _draw(chance: random.Random, kind: str, payments: int, nth_max: int) -> Fault:
    payment = int(chance.random() * payments)
    return Fault(kind, payment, 1 + int(chance.random() ** 2 * nth_max), chance.random())


def _rate(chance: random.Random) -> float:
    """Return how many faults of a kind a payment has: none in a third of the runs."""
    return 0.0 if chance.random() < 1 / 3 else 0.1 * chance.random() ** 2


def _count(chance: random.Random, expected: float) -> int:
    whole = int(expected)
    return whole + (chance.random() < expected - whole)
