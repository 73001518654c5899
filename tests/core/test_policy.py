"""A policy refuses what would break the promise, and computes its leases."""

import math
from typing import Any

import pytest

from netcancel import ConfigurationError, Policy
from netcancel.core.patience import (
    growing,
    is_too_old_to_net_cancel,
    needs_alarm,
    retry_delay,
    window_closes,
)
from netcancel.core.policy import (
    COMMIT_BUDGET_SECONDS,
    LARGEST,
    LEASE_MARGIN_SECONDS,
    SEND_WITHIN_SECONDS,
)
from tests.core.samples import payment

DURATIONS = [
    "timeout_seconds",
    "lease_seconds",
    "first_retry_seconds",
    "retry_ceiling_seconds",
    "retry_window_seconds",
    "recovery_per_second",
    "alarm_after_seconds",
    "grace_seconds",
]


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "30", "30s", True, 10**400])
def test_a_duration_is_a_positive_finite_number(name: str, value: Any) -> None:
    """Zero, negative, endless and wordy durations are refused, and the message names the field."""
    with pytest.raises(ConfigurationError, match=name):
        Policy(**{name: value})


@pytest.mark.parametrize("name", ["settle_seconds", "keep_alive_seconds"])
def test_settling_and_keep_alive_may_be_zero(name: str) -> None:
    """Zero switches these off; below zero is refused."""
    zero: dict[str, Any] = {name: 0}
    assert getattr(Policy(**zero), name) == 0
    below: dict[str, Any] = {name: -0.1}
    with pytest.raises(ConfigurationError, match=name):
        Policy(**below)


@pytest.mark.parametrize("name", ["recovery_in_flight", "max_in_doubt"])
@pytest.mark.parametrize("value", [0, -3, 1.5, "9", True])
def test_a_count_is_a_whole_number_above_zero(name: str, value: Any) -> None:
    """Counts are ints above zero."""
    with pytest.raises(ConfigurationError, match=name):
        Policy(**{name: value})


@pytest.mark.parametrize(
    "codes", ["8000", {"800"}, {"80000"}, {8000}, {"8999-8000"}, {"0000"}, {"０００１"}, 7, {"": 1}]
)
@pytest.mark.parametrize("name", ["decline_codes", "nothing_to_void_codes", "already_voided_codes"])
def test_codes_have_four_characters_or_are_ranges(name: str, codes: Any) -> None:
    """Anything but exact codes and ranges is refused, success above all."""
    with pytest.raises(ConfigurationError):
        Policy(**{name: codes})


@pytest.mark.parametrize("name", ["decline_codes", "authentication_codes"])
def test_what_is_no_set_of_codes_is_refused_by_its_name(name: str) -> None:
    """One code without its set would be read as four."""
    codes: dict[str, Any] = {name: "8000"}
    with pytest.raises(ConfigurationError, match=f"{name} must be a set of codes"):
        Policy(**codes)


def test_a_lost_cancel_is_followed_by_one_of_two_things() -> None:
    """Any other word is refused, and the message names the field and both."""
    wish: dict[str, Any] = {"lost_cancel": "nothing"}
    with pytest.raises(ConfigurationError, match='lost_cancel must be "net-cancel" or "ask-a-p'):
        Policy(**wish)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("recovery_in_flight", 1.5, "a whole number, at most 315,360,000"),
        ("timeout_seconds", "30", "a number, at most 315,360,000"),
        ("timeout_seconds", 0, "more than 0"),
        ("settle_seconds", -1, "at least 0"),
    ],
)
def test_a_refusal_says_what_would_be_taken(name: str, value: Any, says: str) -> None:
    """Whoever reads it can mend the setting without the documentation."""
    setting: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=f"{name} must be {says}"):
        Policy(**setting)


def test_the_largest_value_is_ten_years() -> None:
    """So much is taken, and no second more."""
    assert Policy(retry_window_seconds=LARGEST).retry_window_seconds == LARGEST
    with pytest.raises(ConfigurationError, match="retry_window_seconds"):
        Policy(retry_window_seconds=LARGEST + 1)


@pytest.mark.parametrize("code", ["7777", "7700-7800"])
@pytest.mark.parametrize("name", ["decline_codes", "nothing_to_void_codes", "already_voided_codes"])
def test_a_refused_signature_closes_no_payment(name: str, code: str) -> None:
    """A code for it can't be one that says what became of the payment."""
    both: dict[str, Any] = {name: {"7750-7799", "7777"}, "authentication_codes": {code}}
    with pytest.raises(ConfigurationError, match="authentication_codes"):
        Policy(**both)
    with pytest.raises(ConfigurationError, match="authentication_codes"):
        Policy(authentication_codes=frozenset({"8310-8311"}))
    fine: dict[str, Any] = {name: {"7750-7799"}, "authentication_codes": {"7749", "7800-7900"}}
    assert "7800" in Policy(**fine).authentication_failures


def test_decline_codes_add_to_the_manuals() -> None:
    """The operator's decline codes stand beside the manual's."""
    declines = Policy(decline_codes=frozenset({"7777", "9100-9199"})).declines
    assert all(code in declines for code in ("7777", "9150", "8521", "8315"))
    assert "9200" not in declines


def test_a_lease_covers_all_that_its_holder_may_do() -> None:
    """The computed lease is the sum of the budgets; a shorter one is refused; at 1 s it is ≤ 12."""
    rest = SEND_WITHIN_SECONDS + COMMIT_BUDGET_SECONDS + LEASE_MARGIN_SECONDS
    assert Policy(timeout_seconds=7.0).hold_seconds == 7.0 + rest
    assert Policy(timeout_seconds=1.0).hold_seconds <= 12.0
    assert Policy(timeout_seconds=1.0, lease_seconds=60.0).hold_seconds == 60.0
    assert Policy(timeout_seconds=7.0, lease_seconds=7.0 + rest).hold_seconds == 7.0 + rest
    with pytest.raises(ConfigurationError, match="lease_seconds"):
        Policy(timeout_seconds=7.0, lease_seconds=6.9 + rest)


def test_a_payment_can_be_verified_before_a_person_gets_it() -> None:
    """Settle time and deadline must fit into the retry window."""
    with pytest.raises(ConfigurationError, match="retry_window_seconds"):
        Policy(settle_seconds=86_000.0, timeout_seconds=400.0)


def test_settle_at_counts_from_the_last_moment_an_approval_may_leave() -> None:
    """Without settle time the first acknowledgement closes; with it, sending and deadline count."""
    assert Policy(settle_seconds=0).settle_after_seconds == 0
    assert Policy(settle_seconds=10.0, timeout_seconds=5.0).settle_after_seconds == 17.0


def test_the_token_is_kept_a_day_longer_than_it_can_be_needed() -> None:
    """A short grace never goes under settle + 24 h."""
    assert Policy(grace_seconds=1.0, settle_seconds=60.0).keep_token_seconds == 86_460.0
    assert Policy().keep_token_seconds == 604_800.0


def test_a_wait_stays_under_a_doubling_ceiling() -> None:
    """Full jitter: from nothing up to the doubled first wait, up to the ceiling."""
    policy = Policy(first_retry_seconds=2.0, retry_ceiling_seconds=30.0)
    tops = [retry_delay(policy, attempts, 1.0) for attempts in range(7)]
    assert tops == [2.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert retry_delay(policy, 10**9, 1.0) == 30.0
    assert retry_delay(policy, 5, 0.0) == 0.0
    assert growing(0.1, 1.0, 10**9) == 1.0


def test_the_window_closes_before_an_attempt_would_be_too_late() -> None:
    """The next attempt, this one's time and the wait must fit into the window."""
    policy = Policy(retry_window_seconds=1000.0, settle_seconds=10.0, timeout_seconds=5.0)
    owed = payment(owed_since=0, read_at=900_000_000)
    assert not window_closes(policy, owed, 94.0)
    assert window_closes(policy, owed, 95.0)


def test_a_person_is_alarmed_once_and_in_time() -> None:
    """From the configured second on, and not where somebody has been alarmed already."""
    policy = Policy(alarm_after_seconds=60.0)
    assert not needs_alarm(policy, payment(owed_since=0, read_at=59_999_999))
    assert needs_alarm(policy, payment(owed_since=0, read_at=60_000_000))
    assert not needs_alarm(policy, payment(owed_since=0, read_at=60_000_000, alarmed=True))
    assert not needs_alarm(policy, payment(owed_since=0, read_at=1, alarmed=True))


def test_an_approval_is_too_old_to_net_cancel_when_its_window_is_over() -> None:
    """Its age counts from its intent, to the microsecond."""
    policy = Policy(retry_window_seconds=1000.0)
    created_at = 5_000_000
    assert not is_too_old_to_net_cancel(
        policy, payment(created_at=created_at, read_at=created_at + 999_999_999)
    )
    assert is_too_old_to_net_cancel(
        policy, payment(created_at=created_at, read_at=created_at + 1_000_000_000)
    )


def test_a_growing_wait_doubles_each_time() -> None:
    """From the first, up to the ceiling."""
    waits = [growing(0.5, 6.0, times) for times in range(6)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 6.0, 6.0]
