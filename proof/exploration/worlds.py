"""The small worlds: who takes part, what the gateway is like, and how much may go wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

Role = Literal["owner", "second", "canceller", "rejecter", "merchant", "worker1", "worker2"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One payment's surroundings."""

    roles: tuple[Role, ...] = ("owner", "worker1", "worker2")
    memory: Memory = "forgetful"
    answers: tuple[Answer, ...] = ("charged", "declined", "unlisted")
    confirms: bool = False
    ages: bool = False
    """Whether the retry window may pass, and the token be shredded."""
    has_cancels: bool = False
    """Whether cancels may be refused."""
    budgets: Budgets


_TROUBLE = Budgets(doubts=1, takeovers=1)
_PLAIN = Budgets(crashes=1, takeovers=1)

WORLDS: Final = MappingProxyType(
    {
        "crashes": World(roles=("owner", "worker1"), budgets=Budgets(crashes=2, losses=1)),
        "doubts": World(budgets=_TROUBLE),
        "copies": World(budgets=Budgets(copies=2, takeovers=1)),
        "pauses": World(roles=("owner", "worker1"), budgets=_PLAIN._replace(pauses=1)),
        "tombstone": World(
            memory="tombstone", roles=("owner", "worker1"), budgets=_PLAIN._replace(copies=1)
        ),
        "code": World(
            memory="code", roles=("owner", "worker1"), budgets=_PLAIN._replace(copies=1)
        ),
        "hostile": World(
            roles=("owner", "worker1"),
            answers=("charged", "unlisted", "charged-unlisted"), budgets=_PLAIN._replace(copies=1)
        ),
        "confirm": World(
            roles=("owner", "merchant", "rejecter", "worker1"), confirms=True,
            answers=("charged",), budgets=_PLAIN._replace(doubts=1),
        ),
        "canceller": World(
            roles=("owner", "canceller", "worker1"), answers=("charged",), has_cancels=True,
            budgets=_PLAIN._replace(doubts=1),
        ),
        "confirm-and-cancel": World(
            roles=("owner", "merchant", "canceller", "worker1"), confirms=True,
            answers=("charged",), has_cancels=True, budgets=Budgets(crashes=1, takeovers=1),
        ),
        "two-callers": World(
            roles=("owner", "second", "worker1"), budgets=_PLAIN._replace(doubts=1)
        ),
        "amount": World(
            roles=("owner", "worker1"), answers=("amount", "uncancellable"), has_cancels=True,
            budgets=_PLAIN._replace(doubts=1, takeovers=2),
        ),
        "operator": World(
            roles=("owner", "canceller", "worker1"), memory="code", answers=("charged",),
            ages=True, has_cancels=True, budgets=_PLAIN._replace(by_hand=2),
        ),
        "shredded": World(
            roles=("owner", "worker1"), answers=("charged",), ages=True,
            budgets=Budgets(crashes=1, losses=1, takeovers=2, by_hand=2),
        ),
    }
)  # fmt: skip
"""The default set."""

BIG: Final = MappingProxyType(
    {
        name: replace(
            world,
            budgets=world.budgets._replace(
                crashes=2, copies=max(world.budgets.copies, 1), losses=2,
                takeovers=world.budgets.takeovers + 1,
            ),
        )
        for name, world in WORLDS.items()
    } | {"asked-for": World(budgets=Budgets(crashes=2, copies=2, doubts=1, losses=1, takeovers=2))}
)  # fmt: skip
"""The same with more trouble; they take longer."""
