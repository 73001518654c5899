"""What a disk may forget, and that a promise which breaks is seen."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcancel.journal import Journal
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.vault import Vault
from proof.powerloss.choices import Chance, Remembered, choice_of
from proof.powerloss.disk import (
    SECTOR,
    Create,
    Delete,
    Disk,
    Fate,
    Forgettable,
    Operation,
    Sync,
    SyncDirectory,
    Torn,
    Truncate,
    Write,
)
from proof.powerloss.examination import NAME
from proof.powerloss.life import FIRST_KEY, NUMBERS, intent_of
from proof.powerloss.modes import FULL, Mode
from proof.powerloss.recorded import Entry, Recording, Settled, Told
from proof.powerloss.trial import Trial, differences
from tests.journal.samples import Clock

THERE: list[Operation] = [Create("a"), Write("a", 0, b"old!"), Sync("a"), SyncDirectory()]
"""A file whose name and content are durable."""


def disk_after(*operations: Operation) -> Disk:
    """Return a disk on which this was done."""
    disk = Disk()
    for operation in operations:
        disk.perform(operation)
    return disk


def found(fate: Fate | Torn, *operations: Operation) -> dict[str, bytes]:
    """Return what is found where all that was not synced has this fate."""
    return disk_after(*operations).after_power_loss(lambda _: fate)


def test_a_write_that_is_not_synced_may_be_lost_or_kept() -> None:
    """Either is found, and until then processes see it."""
    operations = *THERE, Write("a", 2, b"new")
    assert found(Fate.LOST, *operations) == {"a": b"old!"}
    assert found(Fate.KEPT, *operations) == {"a": b"olnew"}
    assert disk_after(*operations).present() == {"a": b"olnew"}


def test_a_write_that_is_synced_is_found() -> None:
    """Whatever becomes of the rest."""
    operations = *THERE, Write("a", 0, b"new"), Sync("a"), Write("a", 3, b"?")
    assert found(Fate.LOST, *operations) == {"a": b"new!"}


def test_a_sync_is_of_one_file_only() -> None:
    """What was written to another one may be lost."""
    other = Create("b"), Write("b", 0, b"b"), SyncDirectory()
    assert found(Fate.LOST, *THERE, *other, Sync("a")) == {"a": b"old!", "b": b""}


def test_a_write_may_be_kept_without_those_before_it() -> None:
    """Where the one before is missing, there are zeros."""
    operations = Create("a"), SyncDirectory(), Write("a", 0, b"12"), Write("a", 2, b"34")
    kept = disk_after(*operations).after_power_loss(
        lambda operation: Fate.LOST if operation == operations[2] else Fate.KEPT
    )
    assert kept == {"a": b"\0\x0034"}


def test_a_lost_write_may_have_made_the_file_longer() -> None:
    """With zeros for its bytes; what was there before stays."""
    assert found(Fate.GREW, *THERE, Write("a", 2, b"new!")) == {"a": b"old!\0\0"}


def test_a_write_is_torn_where_sectors_of_the_disk_end() -> None:
    """A write that begins amid a sector has a short first piece."""
    write = Write("a", SECTOR - 1, b"1" + b"2" * SECTOR + b"3")
    operations = Create("a"), SyncDirectory(), write
    middle = found(Torn(frozenset({1})), *operations)
    assert middle == {"a": bytes(SECTOR) + b"2" * SECTOR + b"\0"}
    ends = found(Torn(frozenset({0, 2})), *operations)
    assert ends == {"a": bytes(SECTOR - 1) + b"1" + bytes(SECTOR) + b"3"}


def test_a_truncation_that_is_not_synced_may_be_undone() -> None:
    """What follows it is kept or lost by itself."""
    operations = *THERE, Truncate("a", 0), Write("a", 0, b"N")
    assert found(Fate.LOST, *operations) == {"a": b"old!"}
    assert found(Fate.KEPT, *operations) == {"a": b"N"}
    undone = disk_after(*operations).after_power_loss(
        lambda operation: Fate.LOST if isinstance(operation, Truncate) else Fate.KEPT
    )
    assert undone == {"a": b"Nld!"}


def test_a_deleted_file_may_come_back_until_its_directory_is_synced() -> None:
    """A sync of another file doesn't help."""
    deleted = *THERE, Delete("a")
    assert found(Fate.LOST, *deleted) == {"a": b"old!"}
    assert found(Fate.KEPT, *deleted) == {}
    other = Create("b"), Sync("b")
    assert found(Fate.LOST, *deleted, *other) == {"a": b"old!"}
    assert found(Fate.LOST, *deleted, SyncDirectory()) == {}


def test_a_new_file_may_be_missing_until_its_directory_is_synced() -> None:
    """Also where its content was synced."""
    new = Create("a"), Write("a", 0, b"new"), Sync("a")
    assert found(Fate.LOST, *new) == {}
    assert found(Fate.KEPT, *new) == {"a": b"new"}
    assert found(Fate.LOST, *new, SyncDirectory()) == {"a": b"new"}


def test_a_new_file_has_nothing_of_an_old_one_of_its_name() -> None:
    """The old one comes back whole, or the new one is there."""
    again = *THERE, Delete("a"), Create("a"), Write("a", 0, b"N"), Sync("a")
    assert found(Fate.LOST, *again) == {"a": b"old!"}
    assert found(Fate.KEPT, *again) == {"a": b"N"}


WRITES = st.builds(
    Write, st.just("a"), st.integers(0, 2 * SECTOR), st.binary(min_size=1, max_size=2 * SECTOR)
)
CHANGES = st.one_of(WRITES, st.builds(Truncate, st.just("a"), st.integers(0, SECTOR)))


@settings(max_examples=40)
@given(st.lists(CHANGES, max_size=6), st.integers(0, 9))
def test_what_is_synced_is_beyond_all_chance(changes: list[Operation], number: int) -> None:
    """However the power fails, it is found as processes saw it."""
    disk = disk_after(Create("a"), *changes, Sync("a"), SyncDirectory())
    assert disk.after_power_loss(choice_of(number, "seed")) == disk.present()


@settings(max_examples=40)
@given(st.lists(CHANGES, max_size=6))
def test_if_all_is_kept_it_is_found_as_processes_saw_it(changes: list[Operation]) -> None:
    """Nothing is lost where nothing is chosen to be."""
    disk = disk_after(Create("a"), *changes)
    assert disk.after_power_loss(lambda _: Fate.KEPT) == disk.present()


def test_chance_finds_every_fate_and_a_seed_finds_it_again() -> None:
    """Kept, lost, torn and grown, many times each; the same for the same seed."""
    operations: list[Forgettable] = [Write("a", 100, bytes(2_000)), Truncate("a", 0), Delete("a")]
    fates = {
        type(fate).__name__ if isinstance(fate, Torn) else fate.value
        for seed in range(200)
        for fate in map(Chance(random.Random(seed)), operations)
    }
    assert fates == {"kept", "lost", "lost, but the file grew", "Torn"}
    first, again = (list(map(choice_of(5, "7 wal"), operations * 9)) for _ in range(2))
    assert first == again


def test_a_choice_can_be_told() -> None:
    """Each operation with what became of it."""
    choice = Remembered(lambda _: Torn(frozenset({1, 0})))
    choice(Write("a", 5, b"secret"))
    assert choice.told == ["Write(name='a', offset=5): torn, sectors [0, 1]"]


def test_what_differs_is_named() -> None:
    """What is lost, what has changed, and what nobody wrote."""
    lines = differences({"a": "1", "b": "1", "c": "1"}, {"b": "2", "c": "1", "d": "1"})
    assert [line.partition(":")[0] for line in lines] == ["a", "b", "d"]
    assert differences({"a": "1"}, "it can't be read") == ["found: it can't be read"]


def paid(journal: Journal, number: str) -> dict[str, str]:
    """Open a payment, and return what its caller is promised."""
    intent = intent_of(number)
    journal.open_new(intent).result()
    return {f"payment {number}": f"approving 1.{intent.writer}"}


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    """Return how two payments were written, each by one write of the whole file."""
    path = tmp_path / NAME
    entries: list[Entry] = [Create(NAME), SyncDirectory()]
    for number in NUMBERS[:2]:
        journal = open_sqlite(path, Vault(FIRST_KEY), Clock(), create=True, mode="truncate")
        promises = paid(journal, number)
        journal.close()
        entries += [Write(NAME, 0, path.read_bytes()), Sync(NAME), Settled(), Told(promises)]
    return [*entries, SyncDirectory()]


def broken(directory: Path, entries: list[Entry], at: int, numbers: range) -> list[str]:
    """Return what is broken in images of a power failure behind an entry."""
    directory.mkdir()
    trial = Trial(Recording("life", Mode("truncate", FULL), entries), 1, directory)
    trial.check_told(0, len(entries))
    failures = map(trial.judge, trial.images({at: numbers}))
    return [line for failure in failures if failure for line in failure.differences]


def test_a_journal_that_syncs_keeps_its_promises(tmp_path: Path, entries: list[Entry]) -> None:
    """Both payments are found, whatever chance has in mind."""
    assert broken(tmp_path / "images", entries, len(entries) - 1, range(5)) == []


def test_a_promise_that_was_not_synced_is_found_broken(
    tmp_path: Path, entries: list[Entry]
) -> None:
    """The second payment is missing where its write is lost, and only the second."""
    last_sync = len(entries) - 1 - entries[::-1].index(Sync(NAME))
    del entries[last_sync]
    lines = " ".join(broken(tmp_path / "images", entries, len(entries) - 1, range(2)))
    assert f"payment {NUMBERS[1]}" in lines
    assert f"payment {NUMBERS[0]}" not in lines


def test_half_a_commit_is_found_broken(tmp_path: Path, entries: list[Entry]) -> None:
    """Before or after is as it must be; some of both is not."""
    writes = [at for at, entry in enumerate(entries) if isinstance(entry, Write)]
    assert broken(tmp_path / "whole", entries, writes[1], range(2)) == []
    assert broken(tmp_path / "torn", entries, writes[1], range(2, 12)) != []


def test_nothing_may_be_told_that_is_not_so(tmp_path: Path, entries: list[Entry]) -> None:
    """Before any failure, the journal is asked for what callers were promised."""
    told = next(at for at, entry in enumerate(entries) if isinstance(entry, Told))
    entries[told] = Told({f"payment {NUMBERS[0]}": "approved 2.somebody"})
    with pytest.raises(ValueError, match=f"not as it was told: .*{NUMBERS[0]}"):
        broken(tmp_path / "images", entries, told + 1, range(1))
