"""Recover: what a worker does with a payment that it has just claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.core.effects import Flow, HandOver
from netcancel.core.flows.cancelling import cancel_claimed
from netcancel.core.flows.net_cancelling import net_cancel
from netcancel.core.flows.writing import Hand
from netcancel.core.lifecycle import State

if TYPE_CHECKING:
    from netcancel.core.payment import Claim, Payment
    from netcancel.core.policy import Policy


def recover(claim: Claim, claimed_at: float, writer: str, policy: Policy) -> Flow[Payment]:
    """Net-cancel or cancel a payment that `writer` has just claimed.

    `claimed_at` is the host's time from before the claim.
    """
    hand = Hand(writer, claimed_at + policy.shortest_lease_seconds)
    try:
        if claim.payment.state is State.CANCELLING:
            return (yield from cancel_claimed(claim.payment, hand, policy))
        return (yield from net_cancel(claim, hand, policy, is_late=claim.payment.is_settled))
    except (GeneratorExit, Exception):
        raise  # a bug: what is left of the lease keeps it from being tried again at once
    except BaseException:
        yield HandOver(claim.payment.id, writer)
        raise
