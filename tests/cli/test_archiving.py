"""archive: closed payments are in a file before they leave the journal, and their numbers stay."""

from __future__ import annotations

import csv
import json
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.cli.archive_file import ArchiveFile
from netcancel.cli.archiving import move_all
from netcancel.errors import ConfigurationError
from netcancel.journal.contract import ArchivePlace
from netcancel.journal.opening import open_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from netcancel.core.payment import Payment
    from netcancel.journal import Journal
    from tests.cli.conftest import Plant, Run

DAY_SECONDS = 86_400.0


class Ago:
    """A clock that is so many days behind."""

    def __init__(self) -> None:
        self.days = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() - self.days * DAY_SECONDS


@pytest.fixture
def ago() -> Ago:
    """Return the journal's clock."""
    return Ago()


@pytest.fixture
def journal(place: Path, ago: Ago) -> Any:
    """Return the journal that commands read by default, whose clock can be behind."""
    with closing(open_journal(f"sqlite:///{place}/netcancel.db", clock=ago)) as opened:
        yield opened


def close_and_shred(journal: Journal, plant: Plant, ago: Ago, *numbers: str) -> None:
    """Have payments that were declined and shredded a hundred days ago."""
    ago.days = 100
    for number in numbers:
        plant(number, "declined", code="8035", message='=cmd("x")')
    assert journal.shred_closed(keep_seconds=0, limit=1_000).result(10) == len(numbers)
    ago.days = 0


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read an archive of JSON lines; what a crash tore is left out."""
    rows: list[dict[str, Any]] = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def test_what_is_old_enough_leaves(
    run: Run, place: Path, journal: Journal, plant: Plant, ago: Ago
) -> None:
    """Into a private file, whole, with its history; the rest stays, and the number says so."""
    close_and_shred(journal, plant, ago, "A", "B")
    plant("C", "net_cancelling")
    plant("D", "declined")
    assert run("archive", "old.jsonl", "--older-than", "101", "--json").document["archived"] == 0
    ran = run("archive", "old.jsonl", "--older-than", "99")
    assert (ran.code, "2 payments" in ran.out) == (0, True)
    file = place / "old.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600
    rows = lines_of(file)
    assert [row["merc_trx_no"] for row in rows] == ["A", "B"]
    assert [entry["event"] for entry in rows[0]["history"]] == ["intent_written", "decline_proven"]
    listed = run("list", "--json").document["payments"]
    assert {row["merc_trx_no"] for row in listed} == {"C", "D"}
    shown = run("show", "A")
    assert shown.code == 1
    assert "closed as declined and archived at" in shown.err
    assert run("archive", "old.jsonl", "--older-than", "99", "--json").document == {
        "archived": 0,
        "changed": 0,
        "unreadable": 0,
    }


def test_a_spreadsheet_runs_nothing_of_it(
    run: Run, place: Path, journal: Journal, plant: Plant, ago: Ago
) -> None:
    """CSV has one head, whole rows, and no cell that is a formula; a second call adds to it."""
    close_and_shred(journal, plant, ago, "A")
    assert run("archive", "old.csv", "--older-than", "99").code == 0
    close_and_shred(journal, plant, ago, "B")
    assert run("archive", "old.csv", "--older-than", "99").code == 0
    with (place / "old.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["merc_trx_no"] for row in rows] == ["A", "B"]
    assert rows[0]["message"] == '\'=cmd("x")'
    cells = [cell for row in rows for cell in row.values()]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert json.loads(rows[1]["history"])[1]["event"] == "decline_proven"


def test_a_file_with_other_columns_is_not_added_to(
    run: Run, place: Path, journal: Journal, plant: Plant, ago: Ago
) -> None:
    """Nothing is written, and nothing leaves the journal."""
    close_and_shred(journal, plant, ago, "A")
    (place / "old.csv").write_text("a,b\n")
    ran = run("archive", "old.csv", "--older-than", "99")
    assert (ran.code, "other columns" in ran.err) == (2, True)
    assert (place / "old.csv").read_text() == "a,b\n"
    assert run("show", "A").code == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["old.txt", "--older-than", "9"], ".jsonl or .csv"),
        (["nowhere/old.csv", "--older-than", "9"], "can't be written"),
        (["old.csv", "--older-than", "0.9"], "at least 1 day"),
        (["old.csv", "--older-than", "nan"], "at least 1 day"),
        (["old.csv"], "older-than"),
    ],
)
@pytest.mark.usefixtures("journal")
def test_wrong_usage_is_said(run: Run, arguments: list[str], part: str) -> None:
    """With exit code 2."""
    ran = run("archive", *arguments)
    assert (ran.code, part in ran.err) == (2, True)


def test_two_do_not_write_one_archive(run: Run, place: Path, journal: Journal) -> None:
    """The second is told."""
    assert journal is not None
    with ArchiveFile(place / "old.jsonl"):
        ran = run("archive", "old.jsonl", "--older-than", "9")
    assert (ran.code, "another process" in ran.err) == (2, True)


def test_what_was_added_is_on_the_disk(
    place: Path, journal: Journal, plant: Plant, ago: Ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, each time, before anything may be deleted."""
    synced: list[int] = []
    sync = os.fsync

    def seen(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    close_and_shred(journal, plant, ago, "A", "B")
    found = journal.archivable(ArchivePlace(), closed_seconds=DAY_SECONDS, limit=9).result(10)
    with ArchiveFile(place / "old.jsonl") as sink:
        monkeypatch.setattr(os, "fsync", seen)
        for payment in found.payments:
            sink.add([payment])
            assert synced[-1] == (place / "old.jsonl").stat().st_size > 0
    assert len(synced) == 2


class Torn(ArchiveFile):
    """A file whose process dies after so many payments are in it, in the midst of a line."""

    def __init__(self, path: Path, payments: int) -> None:
        super().__init__(path)
        self._left = payments

    def add(self, payments: Sequence[Payment]) -> None:
        """Add what is left to add, and die."""
        super().add(payments[: self._left])
        self._left -= len(payments)
        if self._left < 0:
            self._file.write(b'{"id": "half a li')
            raise KeyboardInterrupt


@pytest.mark.parametrize("dies_after", [0, 1, 99, 100, 101, 150, 199])
def test_whoever_dies_on_the_way_loses_nothing(
    place: Path, journal: Journal, plant: Plant, ago: Ago, dies_after: int
) -> None:
    """Every payment is in the file or in the journal, and after a second run in the file."""
    numbers = [f"ORD_{number:03d}" for number in range(200)]
    close_and_shred(journal, plant, ago, *numbers)
    file = place / "old.jsonl"
    with pytest.raises(KeyboardInterrupt), Torn(file, dies_after) as sink:
        move_all(journal, sink, DAY_SECONDS)
    left = {each.merc_trx_no for each in journal.list_payments().result(10)}
    written = [row["merc_trx_no"] for row in lines_of(file)]
    assert {*written} | left == {*numbers}
    assert len(written) == dies_after
    with ArchiveFile(file) as sink:
        assert move_all(journal, sink, DAY_SECONDS) == (len(left), 0, 0)
    assert {row["merc_trx_no"] for row in lines_of(file)} == {*numbers}
    assert journal.list_payments().result(10) == []


def test_what_can_not_be_written_does_not_leave(
    place: Path, journal: Journal, plant: Plant, ago: Ago
) -> None:
    """A full disk ends it before anything is deleted."""
    close_and_shred(journal, plant, ago, "A")
    with ArchiveFile(place / "old.jsonl") as sink:
        sink._file.close()
        sink._file = open("/dev/full", "ab")  # noqa: PTH123, SIM115  closed with the sink
        with pytest.raises(ConfigurationError, match="can't be written"):
            move_all(journal, sink, DAY_SECONDS)
    assert len(journal.list_payments().result(10)) == 1
