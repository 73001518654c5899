"""One thread, many callers: what is told, when, and what a failure means to whom."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from netcancel.core.payment import MICROSECONDS
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import JournalUnavailable
from netcancel.journal import batch
from netcancel.journal.batch import TRIES_MAX, Work
from netcancel.journal.writer import (
    BATCH_MAX,
    COMPANY_SECONDS_EACH,
    COMPANY_SECONDS_MAX,
    CROWD,
    Writer,
)
from tests.journal.samples import START

JOURNAL = "netcancel-journal"


def journal_threads() -> list[threading.Thread]:
    """Return the threads that work for a journal."""
    return [thread for thread in threading.enumerate() if thread.name == JOURNAL]


class File:
    """A session on a real SQLite file, in which a test can let any step fail."""

    def __init__(self, path: Path, failing: set[str], seen: list[str]) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE IF NOT EXISTS kept (number INTEGER UNIQUE)")
        self.failing = failing
        self.seen = seen
        self.is_lost = False

    def step(self, name: str) -> None:
        """Note a step, or fail in it."""
        self.seen.append(name)
        if self.is_lost:
            raise sqlite3.OperationalError("the connection is lost")
        if name in self.failing:
            raise sqlite3.OperationalError(f"{name} failed")

    def begin(self, *, writes: bool) -> int:
        """Begin."""
        self.step("begin to write" if writes else "begin to read")
        self.connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        return round(START * MICROSECONDS)

    def perform(self, works: Sequence[Work["File", Any]], now: int) -> list[Any]:
        """Perform one after the other."""
        return [work(self, now) for work in works]

    def commit(self) -> None:
        """Commit."""
        self.step("commit")
        self.connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Roll back."""
        self.step("roll back")
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close."""
        self.step("close")
        self.connection.close()

    def is_trouble(self, error: Exception) -> bool:
        """Tell trouble from bugs."""
        return isinstance(error, sqlite3.OperationalError)

    def is_deadlock(self, error: Exception) -> bool:
        """Tell what may be done again."""
        return str(error) == "gives way"


class Bench:
    """A writer whose thread can be held up, so that a test decides what is one batch."""

    def __init__(self, path: Path) -> None:
        self.failing: set[str] = set()
        self.seen: list[str] = []
        self.sessions: list[File] = []
        self.writer = Writer(lambda: self.connect(path), self.pause)
        self.gate = threading.Event()
        self.pauses: list[float] = []
        self.meanwhile: Callable[[], object] = list

    def connect(self, path: Path) -> File:
        """Open the file, unless connecting is to fail."""
        if "connect" in self.failing:
            raise sqlite3.OperationalError("connect failed")
        self.seen.append("connect")
        self.sessions.append(File(path, self.failing, self.seen))
        return self.sessions[-1]

    def pause(self, seconds: float) -> None:
        """Be a pause, in which a test may do something."""
        self.pauses.append(seconds)
        self.meanwhile()

    def hold(self) -> None:
        """Keep the thread busy until it is let go: what is submitted meanwhile is one batch."""
        busy = threading.Event()

        def wait(_: File, __: int) -> None:
            busy.set()
            assert self.gate.wait(10)

        self.writer.submit(wait, writes=False)
        assert busy.wait(10)
        self.seen.clear()

    def lose(self) -> None:
        """Lose the connection, as when its server goes."""
        self.sessions[-1].connection.rollback()
        self.sessions[-1].is_lost = True

    def insert(self, number: int) -> Future[int]:
        """Submit the insertion of a number."""

        def work(session: File, now: int) -> int:
            session.step(f"insert {number}")
            session.connection.execute("INSERT INTO kept VALUES (?)", [number])
            return now

        return self.writer.submit(work, writes=True)

    def kept(self) -> list[int]:
        """Return the numbers that are in the file."""

        def work(session: File, _: int) -> list[int]:
            rows = session.connection.execute("SELECT number FROM kept ORDER BY number")
            return [row[0] for row in rows]

        return self.writer.submit(work, writes=False).result()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a writer that works on a file."""
    return Bench(tmp_path / "kept.db")


def test_what_waits_is_committed_together(bench: Bench) -> None:
    """Ten operations, one commit, one time, in the order in which they came."""
    bench.hold()
    futures = [bench.insert(number) for number in range(10)]
    bench.gate.set()
    assert {future.result() for future in futures} == {round(START * 1e6)}
    steps = [step for step in bench.seen if not step.startswith("insert")]
    assert steps == ["commit", "begin to write", "commit"]
    assert bench.kept() == list(range(10))
    bench.writer.close()


@pytest.mark.parametrize(
    ("came", "seconds"),
    [(CROWD, CROWD * COMPANY_SECONDS_EACH), (90, COMPANY_SECONDS_MAX)],
)
def test_a_batch_waits_for_company_where_many_came(bench: Bench, came: int, seconds: float) -> None:
    """What comes in the moment after a crowd's commit is served by one commit with the first."""
    bench.hold()
    crowd = [bench.insert(number) for number in range(came)]
    bench.gate.set()
    for future in crowd:
        future.result()
    late: list[Future[int]] = []
    bench.meanwhile = lambda: late.append(bench.insert(101))
    bench.seen.clear()
    bench.insert(100).result()
    late[0].result()
    assert bench.seen == ["begin to write", "insert 100", "insert 101", "commit"]
    assert bench.pauses == [seconds]
    bench.writer.close()


def test_nobody_waits_for_company_where_few_came(bench: Bench) -> None:
    """A payment that is alone, or nearly so, is written at once."""
    bench.hold()
    few = [bench.insert(number) for number in range(CROWD - 1)]
    bench.gate.set()
    for future in few:
        future.result()
    bench.insert(100).result()
    assert bench.pauses == []
    bench.writer.close()


def test_a_batch_is_bounded(bench: Bench) -> None:
    """More than fits makes more than one commit."""
    bench.hold()
    futures = [bench.insert(number) for number in range(BATCH_MAX + 1)]
    bench.gate.set()
    for future in futures:
        future.result()
    assert bench.seen.count("begin to write") == 2
    bench.writer.close()


def test_nothing_is_told_before_the_commit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the commit has not returned, no future of the batch is done."""
    told: list[bool] = []
    bench.hold()
    futures = [bench.insert(number) for number in range(3)]
    commit = bench.sessions[-1].commit

    def commit_and_look() -> None:
        commit()
        told.extend(future.done() for future in futures)

    monkeypatch.setattr(bench.sessions[-1], "commit", commit_and_look)
    bench.gate.set()
    bench.writer.close()
    assert told == [False] * 3 * 2  # what kept the thread busy was a batch of its own
    assert all(future.done() for future in futures)


@pytest.mark.parametrize("step", ["begin to write", "commit"])
def test_a_failed_transaction_is_told_to_all(bench: Bench, step: str) -> None:
    """Every caller of the batch learns that it is unclear, none waits for ever."""
    bench.hold()
    bench.failing.add(step)
    futures = [bench.insert(number) for number in range(5)]
    bench.gate.set()
    for future in futures:
        with pytest.raises(JournalUnavailable, match=f"{step} failed"):
            future.result(10)
    bench.failing.clear()
    assert bench.kept() == []
    assert bench.insert(7).result() > 0
    assert bench.kept() == [7]
    bench.writer.close()


def test_who_asked_together_is_not_served_alone_when_nobody_waits_any_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that makes each wait for seconds keeps a batch no longer than its callers stay."""
    times = iter([0.0, 1.0, COMMIT_BUDGET_SECONDS])
    monkeypatch.setattr(batch, "monotonic", lambda: next(times))
    bench.hold()
    futures = [bench.insert(number) for number in (7, 7, 8, 9)]
    bench.gate.set()
    assert futures[0].result(10) > 0
    for future in futures[1:]:
        with pytest.raises(JournalUnavailable, match="UNIQUE constraint failed"):
            future.result(10)
    assert bench.kept() == [7]
    bench.writer.close()


def test_a_commit_without_a_clear_answer_is_said(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator can count the commits of which nobody knows; what only read is no such case."""
    bench.failing.add("commit")
    for writes in (False, True):
        with pytest.raises(JournalUnavailable):
            bench.writer.submit(lambda *_: None, writes=writes).result(10)
    [record] = caplog.records
    assert record.getMessage().endswith("got no clear answer: commit failed")
    bench.writer.close()


def test_a_failing_operation_spoils_no_other(bench: Bench) -> None:
    """Trouble is told as unavailable, a bug as it is; the rest of the batch is committed."""
    bench.hold()
    bench.failing.add("insert 1")
    futures = [bench.insert(number) for number in (0, 1, 2, 2, 3)]
    bench.gate.set()
    with pytest.raises(JournalUnavailable, match="insert 1 failed"):
        futures[1].result()
    with pytest.raises(sqlite3.IntegrityError):
        futures[3].result()
    assert [futures[place].result() > 0 for place in (0, 2, 4)] == [True] * 3
    assert bench.kept() == [0, 2, 3]
    bench.writer.close()


@pytest.mark.parametrize("times", [1, TRIES_MAX - 1, TRIES_MAX])
def test_what_had_to_give_way_is_done_again(bench: Bench, times: int) -> None:
    """By itself, without its neighbours, and not for ever."""
    bench.hold()
    left = iter(range(times))

    def give_way(session: File, _: int) -> None:
        session.step("give way")
        if next(left, None) is not None:
            raise sqlite3.OperationalError("gives way")

    before = bench.insert(1)
    giving: Future[None] = bench.writer.submit(give_way, writes=True)
    after = bench.insert(2)
    bench.gate.set()
    assert [before.result() > 0, after.result() > 0] == [True, True]
    giving.result()  # done once in the batch, then by itself
    assert bench.seen.count("give way") == times + 1
    assert bench.kept() == [1, 2]
    bench.writer.close()


def test_what_gives_way_for_ever_is_told(bench: Bench) -> None:
    """Its caller decides."""

    def give_way(session: File, _: int) -> None:
        session.step("give way")
        raise sqlite3.OperationalError("gives way")

    giving: Future[None] = bench.writer.submit(give_way, writes=True)
    with pytest.raises(JournalUnavailable, match="gives way"):
        giving.result()
    assert bench.seen.count("give way") == TRIES_MAX
    bench.writer.close()


def test_a_connection_that_is_broken_is_replaced(bench: Bench) -> None:
    """Where even the roll-back fails, as here for two batches, the next gets a new session."""
    bench.hold()
    bench.failing |= {"commit", "roll back"}
    future = bench.insert(1)
    bench.gate.set()
    with pytest.raises(JournalUnavailable):
        future.result()
    bench.failing.clear()
    assert bench.insert(2).result() > 0
    assert bench.seen.count("connect") == 2
    assert bench.kept() == [2]
    bench.writer.close()


def test_a_connection_lost_between_batches_is_replaced_unnoticed(bench: Bench) -> None:
    """A server that was restarted in the meantime costs nobody a failure."""
    assert bench.insert(1).result() > 0
    bench.lose()
    bench.seen.clear()
    assert bench.insert(2).result() > 0
    steps = ["begin to write", "close", "connect", "begin to write", "insert 2", "commit"]
    assert bench.seen == steps
    assert bench.kept() == [1, 2]
    bench.writer.close()


def test_a_connection_lost_within_a_batch_is_told_to_all_at_once(bench: Bench) -> None:
    """Nobody waits while each operation by itself looks for a server that is gone."""
    bench.hold()

    def lose(session: File, _: int) -> None:
        bench.lose()
        session.step("is cut off")

    before = bench.insert(1)
    at_hand: Future[Any] = bench.writer.submit(lose, writes=False)
    futures = [before, at_hand, bench.insert(2)]
    bench.gate.set()
    for future in futures:
        with pytest.raises(JournalUnavailable, match="lost"):
            future.result()
    assert bench.seen.count("connect") == 0
    assert bench.kept() == []
    bench.writer.close()


def test_a_new_connection_that_can_not_begin_is_closed(bench: Bench) -> None:
    """Each call gets another; none is left open."""
    bench.failing.add("begin to write")
    for number in range(3):
        with pytest.raises(JournalUnavailable, match="begin to write failed"):
            bench.insert(number).result()
    assert bench.seen.count("connect") == bench.seen.count("close") == 3
    bench.writer.close()


def test_a_database_that_can_not_be_reached_is_tried_again(bench: Bench) -> None:
    """Each call says so, until it is back."""
    bench.failing.add("connect")
    for number in range(3):
        with pytest.raises(JournalUnavailable, match="connect failed"):
            bench.insert(number).result()
    bench.failing.clear()
    assert bench.insert(9).result() > 0
    bench.writer.close()


def test_what_was_cancelled_in_time_is_not_done(bench: Bench) -> None:
    """A caller that gave up before its turn has written nothing; later is too late."""
    bench.hold()
    futures = [bench.insert(number) for number in range(3)]
    assert futures[1].cancel()
    bench.gate.set()
    assert futures[2].result() > 0
    assert not futures[2].cancel()
    assert bench.kept() == [0, 2]
    bench.writer.close()


def test_reading_alone_takes_no_lock_for_writing(bench: Bench) -> None:
    """A batch that only reads lets others write."""
    bench.kept()
    assert bench.seen == ["connect", "begin to read", "commit"]
    bench.writer.close()


def test_the_end_releases_the_connection(bench: Bench) -> None:
    """The session is closed by its own thread, which ends."""
    bench.insert(1)
    bench.writer.close()
    assert bench.seen[-1] == "close"
    assert journal_threads() == []
    with pytest.raises(JournalUnavailable, match="closed"):
        bench.insert(2).result()


def test_ctrl_c_while_its_thread_begins_leaves_one_that_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that is interrupted may have begun the thread: there are never two at work."""
    start, pending = threading.Thread.start, [KeyboardInterrupt]

    def start_and_be_interrupted(thread: threading.Thread) -> None:
        start(thread)
        if pending and thread.name == JOURNAL:
            raise pending.pop()

    monkeypatch.setattr(threading.Thread, "start", start_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.insert(1)
    for number in range(2, 40):
        bench.insert(number).result()
    closing = threading.Thread(target=bench.writer.close, daemon=True)
    closing.start()
    closing.join(10.0)
    assert not closing.is_alive()
    assert journal_threads() == []
    assert bench.seen.count("connect") == 1
