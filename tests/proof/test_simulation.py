"""The simulation tells the truth: it replays, it finds what is planted, and it misses no goal."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from functools import partial
from typing import Any

import pytest

from netcancel.core.effects import Sleep, Unavailable
from netcancel.core.flows import approving, net_cancelling, writing
from netcancel.core.flows.writing import Fate
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.journal import writes
from netcancel.sandbox.ledger import Status
from proof.simulation import campaign, goals, shrink, thaw
from proof.simulation.__main__ import main
from proof.simulation.faults import Fault
from proof.simulation.run import Run
from proof.simulation.tokens import Tokens
from tests.missing import missing
from tests.servers.kinds import found

PRINT_TRACE = """
import sys
from proof.simulation.campaign import try_seed
print(try_seed(int(sys.argv[1]), traces=True)[1].trace.digest)
"""


def test_a_seed_goes_the_same_way_in_another_process_with_other_hashes() -> None:
    """Every event of a seed is the same, whatever the interpreter's hash seed is."""
    _, run = campaign.try_seed(2, traces=True)
    assert run.trace is not None
    told = subprocess.run(
        [sys.executable, "-c", PRINT_TRACE, "2"],
        env=os.environ | {"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == run.trace.digest


@pytest.mark.parametrize("seed", range(1, 6))
def test_tokens_are_what_they_stand_for(seed: int) -> None:
    """With the real codec, signature, cipher and SQL, every event of a seed is the same."""
    finding, full = campaign.try_seed(seed, level="full", traces=True)
    _, tokens = campaign.try_seed(seed, traces=True)
    assert finding.broken is None
    assert full.trace is not None
    assert tokens.trace is not None
    assert full.trace.lines == tokens.trace.lines


SERVERS = ["postgres", "mariadb"]


def need(level: str) -> None:
    """Skip where a level's server can't be started."""
    if level in SERVERS and found(level) is None:
        missing(f"the programs of {level}")


@pytest.mark.timeout(300)  # a server is started, and its journal works a hundred payments
@pytest.mark.parametrize("level", SERVERS)
def test_a_servers_journal_goes_the_same_way(level: str) -> None:
    """Its SQL, its locks and its claims make every event of a seed the same."""
    need(level)
    finding, served = campaign.try_seed(2, level=level, traces=True)
    _, tokens = campaign.try_seed(2, traces=True)
    assert finding.broken is None
    assert served.trace is not None
    assert tokens.trace is not None
    assert served.trace.lines == tokens.trace.lines


@pytest.mark.timeout(300)  # likewise
@pytest.mark.parametrize("level", ["full", *SERVERS])
def test_a_commit_in_doubt_is_lost_or_done_and_nothing_begun_survives_a_crash(level: str) -> None:
    """What is told is the same; only the database knows. A crash spoils nothing."""
    need(level)
    kind = campaign.LEVELS[level]
    with kind.installed():
        run = Run(1, kind(), payments=2, without=range(5_000))
        books = run.journal
        orders = [
            kind().order(f"N_{n}", n, run.policy, at=0.0, confirm_within=None) for n in (7, 8)
        ]
        for order, is_applied in zip(orders, [False, True], strict=True):
            asked = partial(books.open_new, order.intent)
            assert isinstance(books.in_doubt(asked, is_applied=is_applied), Unavailable)
        lost, done = (books.payment_of(kind.TID, f"N_{n}") for n in (7, 8))
        assert lost is None
        assert done is not None
        books.crash()
        assert books.open_body(done.id).result() == orders[1].intent.net_cancel_body
        books.damage(done.id)
        assert books.open_body(done.id).result() is None
        books.close()


@pytest.mark.timeout(300)  # likewise
@pytest.mark.parametrize("level", ["full", *SERVERS])
def test_an_order_that_has_read_before_is_told_how_things_are_now(level: str) -> None:
    """Its transaction sees what was so when it began; it hears what is so when it confirms."""
    need(level)
    kind = campaign.LEVELS[level]
    with kind.installed():
        run = Run(1, kind(), payments=2, without=range(5_000))
        books = run.journal
        intent = kind().order("ORD_1", 7, run.policy, at=0.0, confirm_within=None).intent
        books.open_new(intent).result()
        order, other = books.begin_order(), books.begin_order()
        books.hand_over_if_held(intent.id, intent.writer).result()
        told = order.confirm(kind.TID, "ORD_1", "w8", commits=True)
        now = books.payment_of(kind.TID, "ORD_1")
        assert told is not None
        assert now is not None
        assert told.version == now.version
        assert now.last_event is Event.OWNER_GAVE_UP
        assert other.confirm(kind.TID, "ORD_1", "w9", commits=False) is None
        books.close()


@pytest.mark.parametrize("level", ["tokens", "full"])
@pytest.mark.parametrize("last", ["commit-lost", "commit-unanswered"])
def test_a_hand_over_may_be_in_doubt_too(level: str, last: str) -> None:
    """An owner that doubts its intent hands it over; whether that is done is seen by the trace."""
    kind = campaign.LEVELS[level]
    with kind.installed():
        run = Run(1, kind(), payments=1, without=range(5_000), traces=True)
        (slot,) = run.slots.values()
        slot.at_question = {n: Fault(each, 0, n, 0.5) for n, each in [(1, DOUBTED), (2, last)]}
        run.go()
    assert slot.charge is None
    assert run.trace is not None
    is_handed_over = any("owner_gave_up" in line for line in run.trace.lines)
    assert is_handed_over is (last == DOUBTED)


DOUBTED = "commit-unanswered"


def report_before_durable(seen: Any, event: Any, change: Any, hand: Any) -> Any:
    """Believe that a write was applied where the journal did not say so."""
    real = REAL_WRITE(seen, event, change, hand)
    effect = next(real)
    answer = yield effect
    if answer is None or type(answer).__name__ == "Unavailable":
        moved = replace(seen, state=State.APPROVED)
        return moved, Fate.APPLIED
    try:
        while True:
            answer = yield real.send(answer)
    except StopIteration as stop:
        return stop.value


REAL_WRITE = writing.write


def test_a_planted_break_is_found_shrunk_and_replayed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flow that reports before it is durable is found, and a few faults are all it takes."""
    monkeypatch.setattr(approving, "write", report_before_durable)
    seed = next(seed for seed in range(1, 60) if campaign.try_seed(seed)[0].broken)
    kept, run = campaign.shrink(seed)
    assert len(run.plan) == len(kept) <= 3
    only = ",".join(str(place) for place in kept)
    monkeypatch.setattr(sys, "argv", ["simulation", "--seed", str(seed), "--only", only])
    assert main() == 1
    assert "is not durable" in capsys.readouterr().out


def test_a_thawed_record_holds_what_a_frozen_one_does_and_freezes_again() -> None:
    """Made and copied, it has the same fields; when the simulation is over it is guarded."""
    frozen = Change(due_seconds=1.0, note="seen")
    changed = replace(frozen, attempts=3)
    with thaw.thawed():
        assert Change(due_seconds=1.0, note="seen") == frozen
        assert thaw.replace(frozen, attempts=3) == changed
        assert frozen.attempts is None
    with pytest.raises(FrozenInstanceError):
        frozen.attempts = 3  # type: ignore[misc]


@pytest.mark.parametrize(("size", "told_approved"), [(0.0, True), (0.9, False)])
def test_a_late_answer_is_heard_by_whoever_still_waits(size: float, told_approved: bool) -> None:
    """Within the deadline it is an answer like any; behind it nobody hears it, and it is void."""
    with Tokens.installed():
        run = Run(1, Tokens(), payments=1, without=range(5_000))
        (slot,) = run.slots.values()
        slot.at_exchange[1] = Fault("answer-late", 0, 1, size)
        run.go()
    assert slot.charge is not None
    assert slot.told_approved is told_approved
    assert (slot.charge.status is Status.LIVE) is told_approved


def test_a_gateway_that_denies_a_charge_remembers_that_it_was_asked() -> None:
    """One that keeps net-cancels keeps them whatever it answers: no settle time is needed there."""
    with Tokens.installed():
        runs = (Run(seed, Tokens(), payments=1, without=range(5_000)) for seed in range(1_000))
        run = next(run for run in runs if is_told_at_once(run))
        (slot,) = run.slots.values()
        slot.at_exchange = {n: Fault(each, 0, n, 0.9) for n, each in [(1, LATE), (2, "denied")]}
        run.go()
    assert slot.charge is None
    assert run.hits["fault: denied"] == 1


LATE = "request-delayed"


def is_told_at_once(run: Run) -> bool:
    """Whether a net-cancel that finds nothing closes a payment without another."""
    policy = run.policy
    return policy.settle_seconds == 0 and "SB01" in policy.nothing_to_void_codes


def test_shrinking_keeps_what_is_needed_and_nothing_else() -> None:
    """Of twenty places the two that break together are left."""
    assert shrink.fewest(range(20), lambda some: {3, 17} <= set(some)) == [3, 17]


def test_a_goal_that_was_never_met_is_told() -> None:
    """A kind of fault that never happened fails a simulation."""
    hits = Counter(dict.fromkeys(goals.GOALS, 5))
    assert goals.unmet(hits, 5_000) == {}
    del hits["fault: crash-before"]
    assert goals.unmet(hits, 5_000) == {"fault: crash-before": 0}


@pytest.mark.parametrize("dropped", ["a", "b", "c"])
def test_without_an_assumption_a_charge_is_orphaned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dropped: str
) -> None:
    """What no client can hold is found, and told as outside of what is assumed of the gateway."""
    asked = ["--without-assumption", dropped, "--payments", "6000", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["simulation", *asked])
    assert main() == 0
    told = capsys.readouterr().out
    assert "outside what is assumed" in told
    assert " I1" in told


def dawdle(*claim: Any, **how: Any) -> Any:
    """Wait before the first net-cancel."""
    yield Sleep(2.0)
    return (yield from REAL_NET_CANCEL(*claim, **how))


def hold_for_long(row: Any, hold_seconds: float) -> Any:
    """Claim for more than a lease."""
    return REAL_CLAIM(row, 10 * hold_seconds)


REAL_NET_CANCEL, REAL_CLAIM = net_cancelling.net_cancel, writes.claim


@pytest.mark.parametrize(
    ("module", "name", "slow"),
    [(approving, "net_cancel", dawdle), (writes, "claim", hold_for_long)],
)
def test_who_is_too_slow_breaks_the_bound(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, slow: Any
) -> None:
    """An owner that waits, and a worker that holds a payment for long, are noticed (I6)."""
    monkeypatch.setattr(module, name, slow)
    findings = (campaign.try_seed(seed)[0].broken for seed in range(1, 10))
    assert next(broken for broken in findings if broken is not None).startswith("I6: ")
