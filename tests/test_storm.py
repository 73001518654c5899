"""The storm guard, on a clock that the test moves."""

from itertools import pairwise

import pytest

from netcancel.storm import FIRST_PROBE_SECONDS, SILENCES_TO_OPEN, Breaker, Pace

CEILING = 5.0


class Clock:
    """The host's clock."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Return a breaker that is closed."""
    return Breaker(CEILING, clock=clock)


def open_it(breaker: Breaker, clock: Clock) -> None:
    """Let the gateway be silent until the breaker opens."""
    news = [breaker.note_silence(clock.now) for _ in range(SILENCES_TO_OPEN)]
    assert news == [False] * (SILENCES_TO_OPEN - 1) + [True]


def test_silences_in_a_row_open_it_and_an_answer_between_them_does_not(
    breaker: Breaker, clock: Clock
) -> None:
    """Lost answers happen; only a gateway that answers nobody is away."""
    for _ in range(SILENCES_TO_OPEN - 1):
        breaker.note_silence(clock.now)
    assert not breaker.note_answer()
    assert breaker.allow(64) == 64
    open_it(breaker, clock)
    assert breaker.is_open
    assert breaker.allow(64) == 0


def test_one_probe_at_a_time_ever_more_rarely_up_to_the_ceiling(
    breaker: Breaker, clock: Clock
) -> None:
    """Each probe that fails doubles the wait; the first that is answered lets all through."""
    open_it(breaker, clock)
    waits = []
    for _ in range(6):
        waits.append(breaker.wait_seconds)
        clock.now += breaker.wait_seconds
        assert (breaker.allow(64), breaker.allow(64)) == (1, 0)
        breaker.note_silence(clock.now)
    assert waits == [FIRST_PROBE_SECONDS, 2.0, 4.0, CEILING, CEILING, CEILING]
    clock.now += CEILING
    assert breaker.allow(64) == 1
    assert breaker.note_answer()
    assert breaker.allow(64) == 64
    open_it(breaker, clock)
    assert breaker.wait_seconds == FIRST_PROBE_SECONDS


def test_what_was_in_flight_says_nothing(breaker: Breaker, clock: Clock) -> None:
    """Dozens fail together: they neither lengthen the wait nor open it again after an answer."""
    begun = clock.now
    clock.now += 1
    open_it(breaker, clock)
    for _ in range(60):
        breaker.note_silence(begun)
    assert breaker.wait_seconds == FIRST_PROBE_SECONDS
    clock.now += FIRST_PROBE_SECONDS
    breaker.allow(1)
    clock.now += 0.1
    breaker.note_answer()
    for _ in range(60):
        assert not breaker.note_silence(begun)
    assert not breaker.is_open


def test_a_probe_without_a_payment_is_made_later(breaker: Breaker, clock: Clock) -> None:
    """Nothing was due: the next look may probe at once."""
    open_it(breaker, clock)
    clock.now += FIRST_PROBE_SECONDS
    assert breaker.allow(64) == 1
    breaker.give_back(1)
    assert breaker.allow(64) == 1


def test_a_short_ceiling_holds_from_the_first_probe(clock: Clock) -> None:
    """It stays open at most as long as a repeat may wait."""
    breaker = Breaker(0.25, clock=clock)
    open_it(breaker, clock)
    assert breaker.wait_seconds == 0.25


def gone_at(pace: Pace, clock: Clock, requests: int) -> list[float]:
    """Let requests go as soon as they may; return when."""
    gone = []
    for _ in range(requests):
        clock.now += pace.wait_seconds
        pace.go()
        gone.append(clock.now)
    return gone


def test_a_pace_lets_no_more_through_than_its_rate(clock: Clock) -> None:
    """In a hurry of ten seconds: one at a time, evenly."""
    gone = gone_at(Pace(50.0, clock=clock), clock, 501)
    assert gone[-1] - gone[0] == pytest.approx(10.0, abs=0.021)
    assert min(later - earlier for earlier, later in pairwise(gone[2:])) == pytest.approx(0.02)


def test_what_was_late_is_not_made_up_for(clock: Clock) -> None:
    """After a pause of half a second or an hour, two go at once, and no more."""
    pace = Pace(50.0, clock=clock)
    gone_at(pace, clock, 10)
    for pause in (0.5, 3_600.0):
        clock.now += pause
        gone = gone_at(pace, clock, 12)
        assert gone[-1] - gone[0] == pytest.approx(0.2)


def test_a_waiter_that_wakes_late_loses_nothing(clock: Clock) -> None:
    """A timer is always a little late: the rate is kept all the same."""
    pace = Pace(50.0, clock=clock)
    began = clock.now
    for _ in range(500):
        clock.now += pace.wait_seconds + 0.005
        pace.go()
    assert clock.now - began == pytest.approx(10.0, abs=0.03)


def test_no_more_is_claimed_than_may_go_within_a_moment(clock: Clock) -> None:
    """What is claimed and waits takes the room; a request that went leaves its place."""
    pace = Pace(50.0, clock=clock)
    moment = int(50.0 * Pace.MOMENT_SECONDS) + 1
    assert [pace.room(0), pace.room(5), pace.room(1_000)] == [moment, moment - 5, 0]
    gone_at(pace, clock, 2)
    assert pace.room(0) == moment - 1


def test_one_at_a_time_may_be_claimed_at_a_slow_pace(clock: Clock) -> None:
    """And not before its turn is near: a claim would be over by then."""
    pace = Pace(0.1, clock=clock)
    gone_at(pace, clock, 2)
    assert pace.room(0) == 0
    clock.now += 9.9
    assert [pace.room(0), pace.room(1)] == [1, 0]


def test_a_pace_is_shared(clock: Clock) -> None:
    """With four workers, each sends a quarter."""
    pace = Pace(200.0, clock=clock)
    pace.share_with(4)
    gone = gone_at(pace, clock, 52)
    assert gone[-1] - gone[1] == pytest.approx(1.0)
