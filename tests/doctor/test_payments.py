"""What is owed and who works on it, in a journal with payments that others left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.doctor import Level
from netcancel.doctor.payments import payments, worlds_of
from netcancel.errors import ConfigurationError
from tests.doctor.conftest import level_of, not_ok
from tests.journal.samples import CHANGES, HOLD, Clock, bring_to, move, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel.journal import Journal
    from tests.doctor.conftest import Load

OURS = "https://gateway.example:443 CH_A1B2C3D4 default"
OTHERS = "https://gateway.example:443 CH_A1B2C3D4 staging"


@pytest.fixture
def clock() -> Clock:
    """Return the journal's clock, which a test advances."""
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    """Return an empty journal."""
    journal = open_file(tmp_path / "journal.db", clock)
    yield journal
    journal.close()


def refuse(journal: Journal, state: State, code: str) -> None:
    """Bring a payment into a state whose last net-cancel was refused with a code."""
    payment = bring_to(journal, State.NET_CANCELLING, world=OURS)
    refused = Change(code=code, due_seconds=60.0)
    payment = move(journal, payment, Event.NOT_ACKNOWLEDGED, refused)
    if state is State.ESCALATED:
        move(journal, payment, Event.WINDOW_CLOSED, CHANGES[State.ESCALATED])


def test_worlds_are_those_of_a_worker(load: Load) -> None:
    """Gateway, channel and environment, for each channel."""
    assert worlds_of(load()) == {OURS}
    assert worlds_of(load(environment="staging")) == {OTHERS}


def test_payments_that_are_closed_or_at_work_get_no_warning(load: Load, journal: Journal) -> None:
    """Whatever is final, and what its owner holds."""
    for state in State:
        if state is not State.ESCALATED:
            bring_to(journal, state, world=OURS)
    journal.check_in("1-a", "host", 15.0, ()).result()
    assert not_ok(payments(journal, load())) == []


def test_who_recovers_is_told(load: Load, journal: Journal, clock: Clock) -> None:
    """By name, while they are seen; and that nobody is."""
    assert level_of(payments(journal, load()), "nobody was seen") is Level.WARN
    journal.check_in("1-a", "host", 15.0, ()).result()
    assert level_of(payments(journal, load()), "seen lately: 1-a") is Level.OK
    clock.advance(16.0)
    assert level_of(payments(journal, load()), "nobody was seen") is Level.WARN


def test_a_hold_is_told(load: Load, journal: Journal) -> None:
    """With its reason, and with the command that ends it."""
    journal.hold_if_unheld("it was restored").result()
    assert level_of(payments(journal, load()), "it was restored") is Level.FAIL
    assert level_of(payments(journal, load()), "netcancel db release") is Level.FAIL


def test_payments_for_a_person_are_counted(load: Load, journal: Journal) -> None:
    """With the command that names them."""
    for _ in "ab":
        bring_to(journal, State.ESCALATED, world=OURS)
    assert level_of(payments(journal, load()), "2 wait for a person") is Level.WARN


def test_payments_of_other_worlds_are_counted(load: Load, journal: Journal) -> None:
    """No worker with these settings closes them; nor does anybody call it late."""
    bring_to(journal, State.NET_CANCELLING, world=OTHERS)
    bring_to(journal, State.NET_CANCELLED, world=OTHERS)
    lines = list(payments(journal, load()))
    assert level_of(lines, "1 open payments are of other worlds") is Level.WARN
    assert level_of(lines, "nothing is left due") is Level.OK


@pytest.mark.parametrize(
    ("seconds", "level"), [(100.0, Level.OK), (200.0, Level.WARN), (90_000.0, Level.FAIL)]
)
def test_a_long_doubt_is_told(
    load: Load, journal: Journal, clock: Clock, seconds: float, level: Level
) -> None:
    """Longer than the alarm's time; longer than recovery would have let it be."""
    bring_to(journal, State.NET_CANCELLING, world=OURS)
    clock.advance(seconds)
    assert level_of(payments(journal, load()), "1 are in doubt, the oldest for") is level


def test_an_old_doubt_of_another_world_is_no_fault(
    load: Load, journal: Journal, clock: Clock
) -> None:
    """A copy of a journal may be looked at on a test machine, where nobody may act for it."""
    bring_to(journal, State.NET_CANCELLING, world=OTHERS)
    clock.advance(90_000.0)
    assert level_of(payments(journal, load()), "1 are in doubt, the oldest for") is Level.WARN


@pytest.mark.parametrize("state", [State.APPROVING, State.NET_CANCELLING, State.SETTLING])
def test_what_nobody_takes_is_told(
    load: Load, journal: Journal, clock: Clock, state: State
) -> None:
    """A payment that has been due for long means that no recovery runs."""
    bring_to(journal, state, world=OURS)
    clock.advance(300.0)
    assert level_of(payments(journal, load()), "nothing is left due") is Level.OK
    clock.advance(200.0)
    assert level_of(payments(journal, load()), "start netcancel worker") is Level.FAIL


def test_what_somebody_took_is_no_trouble(load: Load, journal: Journal, clock: Clock) -> None:
    """A claim shows that recovery runs."""
    bring_to(journal, State.NET_CANCELLING, world=OURS)
    clock.advance(500.0)
    claims = journal.claim_due(world=OURS, writer="worker", limit=9, hold_seconds=HOLD).result()
    assert len(claims) == 1
    assert level_of(payments(journal, load()), "nothing is left due") is Level.OK


@pytest.mark.parametrize("state", [State.NET_CANCELLING, State.ESCALATED])
def test_codes_that_nobody_knows_are_told(load: Load, journal: Journal, state: State) -> None:
    """Each with its count, and what to ask."""
    for code in ("8001", "8001", "8002", "8003", "8004"):
        refuse(journal, state, code)
    settings = load(
        nothing_to_void_codes="8002", already_voided_codes="8003", authentication_codes="8004"
    )
    lines = list(payments(journal, settings))
    assert level_of(lines, "2 open or escalated payments were last refused with 8001") is Level.WARN
    assert [line.advice for line in lines if "which nobody has configured" in line.found]
    assert level_of(lines, "refused with 8002, which is configured by now") is Level.WARN
    assert level_of(lines, "refused with 8003, which is configured by now") is Level.WARN
    assert level_of(lines, "refused with 8004: a signature was refused") is Level.WARN


def test_without_a_channel_nobody_knows_whose_they_are(load: Load, journal: Journal) -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError, match="NETCANCEL_CHANNEL_ID"):
        list(payments(journal, load(channel_id=None)))
