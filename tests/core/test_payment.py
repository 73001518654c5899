"""What a payment says of itself at the time of its reading, to the microsecond."""

import pytest

from netcancel import ConfigurationError
from netcancel.core.lifecycle import Event, Resolution, State
from netcancel.core.payment import Entry, Version
from netcancel.kicc import ApprovalAnswer
from tests.core.samples import payment


def test_a_lease_runs_until_its_end_and_no_longer() -> None:
    """At that very moment recovery may have it."""
    assert payment(is_held=True, due_at=100, read_at=99).is_being_worked_on
    assert not payment(is_held=True, due_at=100, read_at=100).is_being_worked_on
    assert not payment(is_held=False, due_at=100, read_at=99).is_being_worked_on
    assert not payment(is_held=True, due_at=None, read_at=99).is_being_worked_on


@pytest.mark.parametrize("state", list(State))
def test_only_an_open_payment_that_is_worked_on_is_being_decided(state: State) -> None:
    """`settling` and `unconfirmed` are decided for now, whoever works on them."""
    is_open = state in {State.APPROVING, State.NET_CANCELLING, State.CANCELLING}
    assert payment(state=state, due_at=100, read_at=99).is_being_decided == is_open
    assert not payment(state=state, due_at=100, read_at=100).is_being_decided


@pytest.mark.parametrize("state", list(State))
def test_in_doubt_is_what_nobody_can_say(state: State) -> None:
    """An approval under way is in doubt only when its owner's lease is over."""
    owed = {State.NET_CANCELLING, State.CANCELLING}
    assert payment(state=state, due_at=100, read_at=99).in_doubt == (state in owed)
    late = payment(state=state, due_at=100, read_at=100)
    assert late.in_doubt == (state in owed | {State.APPROVING})


def test_a_payment_is_settled_from_its_settle_time_on() -> None:
    """And says how many seconds are left until then, never less than none."""
    at = {age: payment(settle_at=5_000_000, read_at=age) for age in (3_000_000, 4_999_999)}
    assert at[3_000_000].seconds_to_settle == 2.0
    assert not at[4_999_999].is_settled
    settled = payment(settle_at=5_000_000, read_at=5_000_000)
    assert settled.is_settled
    assert settled.seconds_to_settle == 0
    assert payment(settle_at=5_000_000, read_at=9_000_000).seconds_to_settle == 0


def test_a_debt_is_measured_in_seconds() -> None:
    """Without a debt there is nothing to measure."""
    assert payment(owed_since=1_000_000, read_at=3_500_000).in_doubt_seconds == 2.5
    assert payment(owed_since=None, read_at=3_500_000).in_doubt_seconds == 0.0


def test_the_approved_amount_is_the_answers() -> None:
    """Where none said one, it is what was asked for; nothing is a sum, too."""
    assert payment().approved_amt == 10_000
    assert payment(answer=ApprovalAnswer()).approved_amt == 10_000
    assert payment(answer=ApprovalAnswer(trx_amt=9)).approved_amt == 9
    assert payment(answer=ApprovalAnswer(trx_amt=0)).approved_amt == 0


@pytest.mark.parametrize("state", list(State))
def test_void_was_told_where_the_history_has_it_or_a_person_said_it(state: State) -> None:
    """Whatever the payment has become since."""
    entry = Entry(1, Version(2, "aa"), State.APPROVING, Event.CLAIMED, state, "")
    told = {State.SETTLING, State.NET_CANCELLED, State.CANCELLED}
    assert payment(history=(entry,)).was_told_void == (state in told)
    assert not payment(state=state).was_told_void


@pytest.mark.parametrize("resolution", list(Resolution))
def test_void_was_told_by_a_person_who_found_no_charge(resolution: Resolution) -> None:
    """Or a refund."""
    stands = resolution is Resolution.CHARGE_STANDS
    assert payment(resolution=resolution).was_told_void != stands


def test_a_version_is_read_as_it_was_written() -> None:
    """A counter and a writer's tag, which may hold dots."""
    version = Version(12, "a.b")
    assert Version.parse(str(version)) == version


@pytest.mark.parametrize("text", ["", "3", "3.", ".aa", "x.aa", "-1.aa", "٣.aa", "².aa"])
def test_what_is_no_version_is_refused(text: str) -> None:
    """And whoever typed it hears what one looks like."""
    with pytest.raises(ConfigurationError, match="a version looks like"):
        Version.parse(text)
