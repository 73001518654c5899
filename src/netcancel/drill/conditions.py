"""Under which conditions a drill is held: a merchant's policy, made short enough to be rehearsed.

What a merchant waits for in a quarter of an hour is rehearsed in seconds. So durations of the
configuration are shortened where they exceed the demonstration's; what is said for this drill holds
as it is said. A report names both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.policy import Policy
from netcancel.demo import scene
from netcancel.sandbox.codes import NOTHING_TO_VOID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SHORTENED: Final = (
    "timeout_seconds",
    "settle_seconds",
    "first_retry_seconds",
    "retry_ceiling_seconds",
)
"""What somebody waits for while a payment is in doubt."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "lease_seconds": "computed from the time-out in force",
    "max_in_doubt": "a drill puts more in doubt than a shop would bear",
    "decline_codes": "the sandbox has codes of its own",
    "nothing_to_void_codes": "likewise",
    "already_voided_codes": "likewise",
    "authentication_codes": "likewise",
}
"""Settings of a merchant that no drill rehearses, and why."""

SANDBOX_CODES: Final[Mapping[str, Mapping[str, list[str]]]] = {
    "code": {"nothing_to_void_codes": [NOTHING_TO_VOID]},
}
"""What a merchant before a sandbox of this memory would configure."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A setting in seconds, as it is configured and as it was rehearsed."""

    name: str
    configured: float
    rehearsed: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """The policy of a drill, and what it makes of the merchant's."""

    policy: Mapping[str, Any]
    durations: tuple[Duration, ...]
    left_out: Mapping[str, str]
    """Settings that are set and not rehearsed, and why."""


def conditions(
    given: Mapping[str, Any], said: Collection[str], configured: Policy, memory: str
) -> Conditions:
    """Derive a drill's policy; raises `ConfigurationError` where it contradicts itself.

    `given` are the merchant's settings by name, `said` the names of those said for this drill, and
    `configured` the policy that they make.
    """
    names = {each.name for each in fields(Policy)}
    held = {name: value for name, value in given.items() if name in names and name not in LEFT_OUT}
    durations = tuple(
        Duration(name, getattr(configured, name), _rehearsed(name, said, configured))
        for name in SHORTENED
    )
    policy: dict[str, Any] = held | {each.name: each.rehearsed for each in durations}
    if "lease_seconds" in said:
        policy["lease_seconds"] = configured.lease_seconds
    policy |= SANDBOX_CODES.get(memory, {})
    Policy(**policy)
    left_out = {name: why for name, why in LEFT_OUT.items() if name in given and name not in policy}
    return Conditions(policy, durations, left_out)


def _rehearsed(name: str, said: Collection[str], configured: Policy) -> float:
    seconds: float = getattr(configured, name)
    return seconds if name in said else min(seconds, scene.POLICY[name])
