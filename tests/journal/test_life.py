"""A host knows a journal again, and notices where it went back in time."""

import fcntl
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from netcancel.journal.host_copy import HostCopy
from netcancel.journal.life import Finding, Mark, Presence, is_behind, judge
from netcancel.journal.opening import host_copy_of

NOW = Mark("now", 7)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state home without any copy."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def found(mark: Mark = NOW, *, is_empty: bool = False) -> Presence:
    """Return what a journal says whose mark was found so; it replaces the life "before"."""
    left = Mark(mark.id, mark.count + 1)
    return Presence(1, mark, left, frozenset({"before"}), is_empty, hold=None)


@pytest.mark.parametrize(
    ("copy", "finding"),
    [
        (None, Finding.UNSEEN),
        (Mark("now", 0), Finding.KNOWN),
        (Mark("now", 7), Finding.KNOWN),
        (Mark("now", 8), Finding.BEHIND),
        (Mark("before", 10**6), Finding.NEW),
        (Mark("another", 0), Finding.BEHIND),
    ],
)
def test_a_copy_tells_whether_a_journal_went_back(copy: Mark | None, finding: Finding) -> None:
    """Behind, or of another life that nobody replaced; an empty journal has nothing to lose."""
    assert judge(copy, found()) is finding
    assert judge(copy, found(is_empty=True)) is Finding.NEW


def test_what_nobody_has_seen_is_new() -> None:
    """No host can know more of a journal that its first worker comes to; another life could."""
    first = Presence(1, Mark("now", 0), Mark("now", 1), frozenset(), is_empty=False, hold=None)
    assert judge(None, first) is Finding.NEW
    assert judge(Mark("another", 50), first) is Finding.UNSEEN
    assert judge(Mark("now", 1), first) is Finding.BEHIND
    released = Presence(1, Mark("now", 0), Mark("now", 1), frozenset({"x"}), False, hold=None)
    assert judge(None, released) is Finding.UNSEEN


@pytest.mark.parametrize(
    ("seen", "behind"),
    [
        (None, False),
        (Mark("now", 7), False),
        (Mark("now", 8), True),
        (Mark("before", 10**6), False),
        (Mark("another", 0), True),
    ],
)
def test_a_claim_asks_the_same(seen: Mark | None, *, behind: bool) -> None:
    """A worker that has seen more than there is may claim nothing."""
    assert is_behind([Mark("before", 3), NOW], seen) == behind
    assert is_behind([], seen) == (seen is not None)


def test_the_copy_is_private_and_says_no_more_than_the_mark(home: Path) -> None:
    """One file for a journal, readable by its owner, in the state directory."""
    copy = HostCopy("sqlite /somewhere.db")
    assert copy.read() is None
    copy.keep(found())
    assert copy.path.parent == home / "netcancel"
    assert copy.path.stat().st_mode & 0o777 == 0o600
    assert json.loads(copy.path.read_text()) == {"id": "now", "count": 8}
    assert copy.read() == HostCopy("sqlite /somewhere.db").read() == Mark("now", 8)
    assert HostCopy("sqlite /elsewhere.db").read() is None
    names = sorted(each.suffix for each in copy.path.parent.iterdir())
    assert names == [".lock", ".mark"]


def test_an_older_mark_never_takes_the_place_of_a_newer_one() -> None:
    """Of one life the count only rises; a life that was replaced gives way, another doesn't."""
    copy = HostCopy("j")
    for mark, kept in [
        (Mark("before", 50), 51),
        (Mark("now", 7), 8),
        (Mark("now", 3), 8),
        (Mark("now", 9), 10),
        (Mark("another", 99), 10),
    ]:
        copy.keep(found(mark))
        now = copy.read()
        assert now is not None
        assert now.count == kept
    copy.keep(found(Mark("another", 99), is_empty=True))
    assert copy.read() == Mark("another", 100)


def test_many_write_the_copy_and_the_newest_stays() -> None:
    """Eight at once, in any order; whoever reads meanwhile reads a whole file."""
    copy = HostCopy("j", patience_seconds=60)
    copy.keep(found(Mark("now", 0)))
    marks = [Mark("now", count) for count in range(1, 81)]
    random.Random(4).shuffle(marks)

    def keep(mark: Mark) -> bool:
        copy.keep(found(mark))
        read = copy.read()
        return read is not None and read.count > mark.count

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keep, marks))
    assert copy.read() == Mark("now", 81)


class Watched(HostCopy):
    """A copy that looks, whenever it is read, whether another process could decide too."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.was_alone: list[bool] = []

    def read(self) -> Mark | None:
        """Look, and read."""
        with self.path.with_suffix(".lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.was_alone.append(True)
            else:
                self.was_alone.append(False)
        return super().read()


def test_one_process_at_a_time_decides_what_the_copy_is() -> None:
    """From reading the last one to the new one's being there; readers wait for nobody."""
    copy = Watched("j")
    copy.keep(found())
    copy.read()
    copy.keep(found(Mark("now", 8)))
    assert copy.was_alone == [True, False, True]


class Forking(HostCopy):
    """A copy amid whose writing the process forks; the child lives until its pipe ends."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.child = 0
        self.end_of_child, self.end_of_parent = os.pipe()

    def read(self) -> Mark | None:
        """Fork once, and read."""
        if not self.child:
            self.child = os.fork()
            if not self.child:
                os.close(self.end_of_parent)
                os.read(self.end_of_child, 1)
                os._exit(0)
        return super().read()


def test_a_child_that_was_forked_amid_the_decision_keeps_nobody_from_the_next() -> None:
    """It has the lock's descriptor as well, and may live for long."""
    copy = Forking("j")
    copy.keep(found())
    HostCopy("j").keep(found(Mark("now", 8)))
    assert copy.read() == Mark("now", 9)
    os.close(copy.end_of_parent)
    assert os.waitpid(copy.child, 0)[1] == 0


def test_nobody_waits_for_one_that_was_stopped_amid_the_decision() -> None:
    """The copy stays as it is, and whoever wanted to write it is told."""
    copy = HostCopy("j", patience_seconds=0)
    copy.keep(found())
    with copy.path.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            copy.keep(found(Mark("now", 8)))
    assert copy.read() == Mark("now", 8)
    copy.keep(found(Mark("now", 8)))
    assert copy.read() == Mark("now", 9)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"id": "x"}', b'{"id":"x","count":"y"}'])
def test_a_damaged_copy_is_none(content: bytes) -> None:
    """It is written anew."""
    copy = HostCopy("j")
    copy.keep(found())
    copy.path.write_bytes(content)
    assert copy.read() is None
    copy.keep(found())
    assert copy.read() == Mark("now", 8)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sqlite:///a.db", "sqlite:///./a.db", True),
        ("sqlite:///a.db", "sqlite:///b.db", False),
        ("postgresql://u:pw@h:5432/pay", "postgresql://other@h:5432/pay", True),
        ("postgresql://u@h/pay?sslmode=require", "postgresql://u@h/pay", True),
        ("postgresql://u@h/pay", "postgresql://u@h/test", False),
        ("postgresql://u@h/pay", "mysql://u@h/pay", False),
    ],
)
def test_a_journal_is_known_by_its_place(one: str, other: str, *, same: bool) -> None:
    """However it is written and whoever logs in; no password comes into it."""
    paths = [copy.path for copy in map(host_copy_of, (one, other)) if copy is not None]
    assert len(paths) == 2
    assert len({*paths}) == (1 if same else 2)


def test_a_journal_in_memory_is_nobody_elses() -> None:
    """There is nothing to restore."""
    assert host_copy_of("memory://") is None
