"""netcancel: no customer of KICC's simple payment is charged for an answer that got lost.

Names are loaded when they are first used: the command line, the sandbox and the pytest plugin
start without what they don't need.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netcancel.client import AsyncClient, Client
    from netcancel.core.lifecycle import State
    from netcancel.core.outcomes import Approved, Declined, InDoubt, NetCancelled, Outcome
    from netcancel.core.payment import Payment
    from netcancel.core.policy import Policy
    from netcancel.errors import (
        ConfigurationError,
        DuplicateTransaction,
        InvalidRequest,
        JournalUnavailable,
        NetcancelError,
        TooManyInDoubt,
    )
    from netcancel.guard import AsyncGuard, Guard
    from netcancel.kicc import (
        ApprovalRequest,
        CancelRequest,
        Credentials,
        Loss,
        Merchant,
        NetCancelRequest,
    )

__all__ = [
    "ApprovalRequest",
    "Approved",
    "AsyncClient",
    "AsyncGuard",
    "CancelRequest",
    "Client",
    "ConfigurationError",
    "Credentials",
    "Declined",
    "DuplicateTransaction",
    "Guard",
    "InDoubt",
    "InvalidRequest",
    "JournalUnavailable",
    "Loss",
    "Merchant",
    "NetCancelRequest",
    "NetCancelled",
    "NetcancelError",
    "Outcome",
    "Payment",
    "Policy",
    "State",
    "TooManyInDoubt",
]

_HOMES = {
    "netcancel.client": ("AsyncClient", "Client"),
    "netcancel.core.lifecycle": ("State",),
    "netcancel.core.outcomes": ("Approved", "Declined", "InDoubt", "NetCancelled", "Outcome"),
    "netcancel.core.payment": ("Payment",),
    "netcancel.core.policy": ("Policy",),
    "netcancel.errors": (
        "ConfigurationError",
        "DuplicateTransaction",
        "InvalidRequest",
        "JournalUnavailable",
        "NetcancelError",
        "TooManyInDoubt",
    ),
    "netcancel.guard": ("AsyncGuard", "Guard"),
    "netcancel.kicc": (
        "ApprovalRequest",
        "CancelRequest",
        "Credentials",
        "Loss",
        "Merchant",
        "NetCancelRequest",
    ),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"netcancel has no {name}")
