"""What a person may do with a payment, and when not."""

import pytest

from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS
from netcancel.operators import why_not_resolve
from tests.core.samples import payment
from tests.core.world import POLICY

SETTLED = 1_000 * MICROSECONDS
LAST_WRITE = 2_000 * MICROSECONDS
LEASE = round(POLICY.hold_seconds * MICROSECONDS)


@pytest.mark.parametrize(
    ("read_at", "reason"),
    [
        (SETTLED - 1, "its approval may still be on the way"),
        (LAST_WRITE, "an attempt may still be on the way"),
        (LAST_WRITE + LEASE - 1, "an attempt may still be on the way"),
        (LAST_WRITE + LEASE, None),
    ],
)
def test_a_person_closes_only_what_nothing_can_change_any_more(
    read_at: int, reason: str | None
) -> None:
    """Neither the approval, before the settle time, nor the last attempt, within its lease."""
    escalated = payment(
        state=State.ESCALATED,
        settle_at=SETTLED,
        updated_at=LAST_WRITE,
        read_at=read_at,
        is_held=False,
        due_at=None,
    )
    said = why_not_resolve(escalated, POLICY)
    assert (said is None) if reason is None else said is not None and said.startswith(reason)
