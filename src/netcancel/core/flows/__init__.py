"""The order of steps: approve, net-cancel, cancel, confirm, recover (docs/protocol.md).

Flows are generators: each `yield` is the only place where the outside can be touched, and each is
a place where the machine may die. What must be true then: whatever was sent is in the journal, and
whatever is not final is due for recovery at some time.

`approve`, `cancel`, `reject`, `confirm` and `void` are their caller's; `recover` is a worker's, for
a payment that it has just claimed. Every write is conditional on the version that the flow has
seen. `forward` is for what no journal knows: it promises nothing.
"""

from netcancel.core.flows.approving import Charged, Order, approve, charge
from netcancel.core.flows.cancelling import CancelWish, cancel, reject
from netcancel.core.flows.confirming import confirm
from netcancel.core.flows.forwarding import forward
from netcancel.core.flows.recovering import recover
from netcancel.core.flows.voiding import VoidWish, void

__all__ = [
    "CancelWish",
    "Charged",
    "Order",
    "VoidWish",
    "approve",
    "cancel",
    "charge",
    "confirm",
    "forward",
    "recover",
    "reject",
    "void",
]
