"""netcancel: no customer of KICC's simple payment is charged for an answer that got lost."""

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
