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
    "answer-late",
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
    "poisoned-in-flight",
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
    "worker-lacks-key",
)
"""What befalls everybody, at a time."""

KINDS: Final = EXCHANGES + QUESTIONS + STEPS + WORLD

PLACES: Final = {"exchange": EXCHANGES, "question": QUESTIONS, "step": STEPS}

NTH_MAX: Final = {"exchange": 4, "question": 9, "step": 30}
"""The last place of a payment at which a fault is planned."""


WEIGHTS: Final = {
    "paused-beyond-lease": 4.0,
    "interrupted": 7.0,
    "denied": 3.0,
    "poisoned": 2.0,
    "request-duplicated": 2.0,
    "clock-steps-back": 2.0,
}
"""What must meet a rare moment to matter is planned so many times as often."""


SCENARIOS: Final = (
    # A proof turns up when its payment is a person's, or was closed by one.
    (("poisoned-in-flight", 1, 0.0), ("paused-beyond-lease", 4, 0.0)),
    (("poisoned-in-flight", 1, 0.0), ("paused-beyond-lease", 4, 0.97)),
    # A cancel's sender is interrupted before it sends.
    (("amount-differs", 1, 0.0), ("interrupted", 9, 0.0)),
    # A charge that is proven while it settles, and then denied.
    (("paused-beyond-lease", 4, 0.0), ("denied", 4, 0.0)),
    # The verifying net-cancel meets a clock that steps back, an interruption, a poison row.
    (("request-lost", 1, 0.0), ("clock-steps-back", 3, 0.0)),
    (("request-lost", 1, 0.0), ("interrupted", 14, 0.0)),
    (("request-lost", 1, 0.0), ("poisoned-in-flight", 2, 0.0)),
    (("request-lost", 1, 0.0), ("refused", 3, 0.0)),
)
"""What chance would rarely bring together: kinds, places, and the least size of each."""

SCENARIO_RATE: Final = 2.0
"""For so many payments of a run each scenario is planned."""


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
        rates = [_rate(chance) * WEIGHTS.get(kind, 1.0) for kind in kinds]
        for kind, rate in zip(kinds, rates, strict=True):
            plan += [
                _draw(chance, kind, payments, NTH_MAX[place])
                for _ in range(_count(chance, rate * payments))
            ]
    for kind in WORLD:
        plan += [
            Fault(kind, -1, int(chance.random() * seconds), chance.random())
            for _ in range(int(chance.random() * 2.5))
        ]
    for scenario in SCENARIOS:
        for _ in range(_count(chance, SCENARIO_RATE)):
            payment = int(chance.random() * payments)
            plan += [
                Fault(kind, payment, nth, least + (1.0 - least) * chance.random())
                for kind, nth, least in scenario
            ]
    return plan


def _draw(chance: random.Random, kind: str, payments: int, nth_max: int) -> Fault:
    payment = int(chance.random() * payments)
    return Fault(kind, payment, 1 + int(chance.random() ** 2 * nth_max), chance.random())


def _rate(chance: random.Random) -> float:
    """Return how many faults of a kind a payment has: none in a third of the runs."""
    return 0.0 if chance.random() < 1 / 3 else 0.05 * chance.random() ** 2


def _count(chance: random.Random, expected: float) -> int:
    whole = int(expected)
    return whole + (chance.random() < expected - whole)
