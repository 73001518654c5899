"""The small worlds: who takes part, what the gateway is like, and how much may go wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Role = Literal[
    "owner", "second", "canceller", "voider", "rejecter", "merchant", "worker1", "worker2"
]  # fmt: skip

Memory = Literal["tombstone", "code", "forgetful"]
"""What a gateway does with a net-cancel that finds nothing: it keeps it and refuses the approval
from then on, it says so by a code, or it says 0000 and forgets it."""

Answer = Literal[
    "charged", "declined", "amount", "uncancellable", "unlisted", "charged-unlisted"
]  # fmt: skip
"""What may come of an approval; an `unlisted` code may be followed by a copy that is charged."""


class Budgets(NamedTuple):
    """How often each kind of trouble may still come."""

    crashes: int = 0
    copies: int = 0
    doubts: int = 0
    losses: int = 0
    takeovers: int = 0
    pauses: int = 0
    by_hand: int = 0
    denials: int = 0
    """How often the gateway knows nothing of a charge that is proven."""
    restores: int = 0
    """How often a backup of the journal is restored: where it may be, workers check in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One payment's surroundings."""

    roles: tuple[Role, ...] = ("owner", "worker1", "worker2")
    memory: Memory = "forgetful"
    answers: tuple[Answer, ...] = ("charged", "declined", "unlisted")
    confirms: bool = False
    lasts: int = 1
    """The last of `books.TIMES` that it sees: the retry window may pass, or the grace too."""
    has_cancels: bool = False
    """Whether cancels may be refused."""
    is_overdue: bool = False
    """Whether an approval may be worked after the settle time, for its owner hears it: it lives."""
    budgets: Budgets


_PAIR: Final[tuple[Role, ...]] = ("owner", "worker1")
_CHARGED: Final[tuple[Answer, ...]] = ("charged",)

WORLDS: Final = MappingProxyType(
    {
        "late": World(
            roles=_PAIR, answers=_CHARGED, lasts=2, budgets=Budgets(takeovers=1, losses=1)
        ),
        "crashes": World(roles=_PAIR, budgets=Budgets(crashes=2)),
        "losses": World(roles=_PAIR, budgets=Budgets(losses=1, takeovers=1)),
        "doubts": World(roles=_PAIR, budgets=Budgets(crashes=1, doubts=1)),
        "two-workers": World(budgets=Budgets(takeovers=1, copies=1)),
        "copies": World(roles=_PAIR, budgets=Budgets(crashes=1, takeovers=1, copies=1)),
        "pauses": World(roles=_PAIR, budgets=Budgets(takeovers=1, pauses=1)),
        "tombstone": World(
            memory="tombstone", roles=_PAIR, budgets=Budgets(takeovers=1, copies=1)
        ),
        "code": World(memory="code", roles=_PAIR, budgets=Budgets(takeovers=1, copies=1)),
        "hostile": World(
            roles=_PAIR, answers=("charged", "unlisted", "charged-unlisted"),
            budgets=Budgets(takeovers=1, copies=1),
        ),
        "confirm": World(
            roles=("owner", "merchant", "rejecter", "worker1"), confirms=True, answers=_CHARGED,
            budgets=Budgets(crashes=1),
        ),
        "confirm-in-doubt": World(
            roles=("owner", "merchant", "worker1"), confirms=True, answers=_CHARGED,
            budgets=Budgets(doubts=1),
        ),
        "canceller": World(
            roles=("owner", "canceller", "worker1"), answers=_CHARGED, has_cancels=True,
            budgets=Budgets(doubts=1),
        ),
        "confirm-and-cancel": World(
            roles=("owner", "canceller", "worker1"), confirms=True, answers=_CHARGED,
            budgets=Budgets(),
        ),
        "two-callers": World(
            roles=("owner", "second", "worker1"), answers=_CHARGED, budgets=Budgets()
        ),
        "two-callers-in-doubt": World(
            roles=("owner", "second", "worker1"), answers=_CHARGED, budgets=Budgets(doubts=1)
        ),
        "voider": World(
            roles=("owner", "voider", "worker1"), answers=_CHARGED, budgets=Budgets()
        ),
        "pause-in-doubt": World(roles=_PAIR, budgets=Budgets(doubts=1, pauses=1)),
        "overdue": World(
            roles=_PAIR, answers=_CHARGED, is_overdue=True, lasts=3,
            budgets=Budgets(takeovers=2),
        ),
        "denied": World(
            roles=_PAIR, memory="code", answers=("uncancellable",),
            budgets=Budgets(takeovers=1, denials=2),
        ),
        "amount": World(
            roles=_PAIR, answers=("amount", "uncancellable"), has_cancels=True,
            budgets=Budgets(losses=1),
        ),
        "operator": World(
            roles=_PAIR, memory="code", answers=_CHARGED, lasts=2,
            budgets=Budgets(losses=1, by_hand=1),
        ),
        "operator-and-cancel": World(
            roles=("owner", "canceller", "worker1"), answers=_CHARGED, lasts=2,
            has_cancels=True, budgets=Budgets(by_hand=1),
        ),
        "shredded": World(
            roles=_PAIR, answers=_CHARGED, lasts=3,
            budgets=Budgets(takeovers=1, by_hand=1),
        ),
        "restored": World(
            roles=("owner", "worker1", "worker2"), answers=_CHARGED, budgets=Budgets(restores=1)
        ),
        "restored-and-killed": World(
            roles=_PAIR, answers=_CHARGED, budgets=Budgets(restores=1, crashes=1)
        ),
    }
)  # fmt: skip
"""The default set."""

BIG: Final = MappingProxyType(
    {
        name: world if world.budgets.restores else replace(
            world,
            budgets=world.budgets._replace(
                crashes=0 if world.is_overdue else 2, copies=max(world.budgets.copies, 1), losses=2,
                takeovers=world.budgets.takeovers + 1,
            ),
        )
        for name, world in WORLDS.items()
    } | {"asked-for": World(budgets=Budgets(crashes=2, copies=2, doubts=1, losses=1))}
)  # fmt: skip
"""The same with more trouble; they take longer. A restore is trouble enough: it multiplies all."""
