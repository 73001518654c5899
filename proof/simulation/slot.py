"""One payment's number in a run: its orders, its planned faults, and what happened to it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netcancel.sandbox.ledger import Charge
    from proof.simulation.faults import Fault


@dataclass(slots=True)
class Slot:
    """A number, and everything that anybody does for it."""

    index: int
    tid: str
    number: str
    approvals: dict[str, bytes] = field(default_factory=dict)
    """What each of its orders froze, by the id that its payment has if it is the first."""
    net_cancels: dict[str, bytes] = field(default_factory=dict)
    at_exchange: dict[int, Fault] = field(default_factory=dict)
    at_question: dict[int, Fault] = field(default_factory=dict)
    at_step: dict[int, Fault] = field(default_factory=dict)
    exchanges: int = 0
    questions: int = 0
    steps: int = 0
    approvals_sent: int = 0
    cancels_sent: list[bytes] = field(default_factory=list)
    last_sent_at: float = 0.0
    charge: Charge | None = None
    is_declined: bool = False
    told_approved: bool = False
    owed_at: float | None = None
    """Since when its first net-cancel is owed; None: it is not, or it went out."""
    owed_within: float = 0.0
    calm_from: float = 0.0
    """When the last fault that befell it is over."""
    decisions: int = 0
    """How often a person has decided on it."""
