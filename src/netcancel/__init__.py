"""netcancel: no customer of KICC's simple payment is charged for an answer that got lost.

Names are loaded when they are first used: the command line, the sandbox and the pytest plugin
start without what they don't need.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netcancel.client import AsyncClient, Client
    from netcancel.core.lifecycle import State
    from netcancel.core.outcomes import (
        Approved,
        Cancelled,
        CancelOutcome,
        CancelRefused,
        Declined,
        InDoubt,
        NetCancelled,
        Outcome,
        PaymentNotApproved,
    )
    from netcancel.core.payment import Payment
    from netcancel.core.policy import Policy
    from netcancel.errors import (
        ConfigurationError,
        ConfirmationMissed,
        DuplicateTransaction,
        InvalidRequest,
        JournalUnavailable,
        NetcancelError,
        PaymentNotFound,
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
    from netcancel.wire.network import Network

__all__ = [
    "ApprovalRequest",
    "Approved",
    "AsyncClient",
    "AsyncGuard",
    "CancelOutcome",
    "CancelRefused",
    "CancelRequest",
    "Cancelled",
    "Client",
    "ConfigurationError",
    "ConfirmationMissed",
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
    "Network",
    "Outcome",
    "Payment",
    "PaymentNotApproved",
    "PaymentNotFound",
    "Policy",
    "State",
    "TooManyInDoubt",
]

_HOMES = {
    "netcancel.client": ("AsyncClient", "Client"),
    "netcancel.core.lifecycle": ("State",),
    "netcancel.core.outcomes": (
        "Approved",
        "CancelOutcome",
        "CancelRefused",
        "Cancelled",
        "Declined",
        "InDoubt",
        "NetCancelled",
        "Outcome",
        "PaymentNotApproved",
    ),
    "netcancel.core.payment": ("Payment",),
    "netcancel.core.policy": ("Policy",),
    "netcancel.errors": (
        "ConfigurationError",
        "ConfirmationMissed",
        "DuplicateTransaction",
        "InvalidRequest",
        "JournalUnavailable",
        "NetcancelError",
        "PaymentNotFound",
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
    "netcancel.wire.network": ("Network",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"netcancel has no {name}")
