"""Forward: a request about a payment that no journal knows, sent once and judged by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.core.effects import Exchange, Flow, Sign, perform

if TYPE_CHECKING:
    from netcancel.core.policy import Policy
    from netcancel.kicc import Reception


def forward(world: str, path: str, body: bytes, policy: Policy) -> Flow[Reception]:
    """Sign and send a body as it is, once, and return what came back."""
    signed = yield from perform(Sign(world, path, body))
    return (yield from perform(Exchange(signed, policy.timeout_seconds)))
