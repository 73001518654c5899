"""What the db commands say and do, and that they never make a journal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite_file import SQL
from tests.journal.samples import KEY, claim, old_file, open_one

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.journal import Journal
    from tests.cli.conftest import Run

NAMES = [each.name for each in SQL.migrations]


@pytest.fixture
def old(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the default journal at schema 1."""
    monkeypatch.setenv("NETCANCEL_VAULT_KEY", KEY)
    return old_file(place / "netcancel.db")


@pytest.mark.usefixtures("old")
def test_an_old_journal_is_checked_upgraded_and_read(run: Run) -> None:
    """Refused before, with the command to run; listed after it."""
    refused = run("list")
    assert refused.code == 2
    assert "netcancel db upgrade" in refused.err
    checked = run("db", "check", "--json")
    assert checked.code == 1
    assert checked.document == {
        "schema": 1,
        "applied": NAMES[:1],
        "missing": NAMES[1:],
        "is_newer": False,
        "is_sum": True,
    }
    assert "run netcancel db upgrade" in run("db", "check").out
    assert run("db", "upgrade").out.splitlines() == [f"applied {name}" for name in NAMES[1:]]
    assert run("db", "upgrade", "--json").document == {"applied": []}
    assert run("db", "upgrade").out == "nothing was missing\n"
    assert run("list", "--json").document["payments"] != []


@pytest.mark.usefixtures("journal")
def test_a_new_journal_is_up_to_date(run: Run) -> None:
    """Exit code 0: all migrations are there and the tables are their sum."""
    checked = run("db", "check")
    assert checked.code == 0
    assert "as the migrations made them" in checked.out


def test_a_changed_journal_is_said(run: Run, old: Path) -> None:
    """Exit code 1, and no upgrade."""
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("DROP TRIGGER history_is_not_deleted")
    checked = run("db", "check")
    assert checked.code == 1
    assert "somebody changed them" in checked.out
    assert run("db", "upgrade").code == 2


def test_a_journal_of_a_newer_release_is_said(run: Run, old: Path) -> None:
    """Exit code 1: what it holds can't be judged here."""
    run("db", "upgrade")
    with closing(sqlite3.connect(old)) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA + 1}")
    checked = run("db", "check")
    assert checked.code == 1
    assert "of a newer netcancel" in checked.out


@pytest.mark.parametrize("command", ["check", "upgrade"])
def test_no_journal_is_made(run: Run, place: Path, command: str) -> None:
    """Neither a file nor a key; a journal in memory has nothing to keep up."""
    assert "there is no journal" in run("db", command).err
    assert list(place.iterdir()) == []
    assert run("db", command, "--journal", "memory://").code == 2
    (place / "netcancel.db").touch(0o600)
    assert "is empty" in run("db", command).err


def test_a_hold_is_shown_and_released(run: Run, journal: Journal) -> None:
    """By status, and by a person who says who and why; once."""
    world = ("--base-url", "https://gateway.example", "--channel-id", "CH")
    assert run("status", "--json", *world).document["hold"] is None
    journal.check_in("7-f00d", "till", 15.0, ()).result(10)
    journal.hold_if_unheld("restored").result(10)
    document = run("status", "--json", *world).document
    assert document["hold"]["reason"] == "restored"
    assert [(each["id"], each["host"]) for each in document["workers"]] == [("7-f00d", "till")]
    text = run("status", *world).out
    assert "recovery is held" in text
    assert "7-f00d on till" in text
    assert run("db", "release", "--note", " ", "--by", "me").code == 2
    released = run("db", "release", "--note", "compared with settlement", "--by", "me")
    assert (released.code, journal.hold().result(10)) == (0, None)
    again = run("db", "release", "--note", "once more", "--by", "me")
    assert again.code == 1
    assert "nothing is held" in again.err
    journal.hold_if_unheld("restored again").result(10)
    assert run("db", "release", "--json", "--note", "x", "--by", "me").document["life"]


def test_a_person_holds_recovery(run: Run, journal: Journal) -> None:
    """With a reason, while nothing else holds it; nobody claims then, until it is released."""
    payment = open_one(journal)
    journal.hand_over_if_held(payment.id, payment.version.writer).result(10)
    assert run("db", "hold", "--note", " ", "--by", "me").code == 2
    held = run("db", "hold", "--note", "restored from Monday", "--by", "me", "--json").document
    assert held["reason"] == "restored from Monday (me)"
    hold = journal.hold().result(10)
    assert hold is not None
    assert hold.reason == held["reason"]
    again = run("db", "hold", "--note", "once more", "--by", "you")
    assert again.code == 1
    assert "held already: restored from Monday (me)" in again.err
    assert claim(journal) == []
    assert run("db", "release", "--note", "compared", "--by", "me").code == 0
    assert [each.id for each in claim(journal)] == [payment.id]
    for _ in range(2):  # whoever got no answer may ask once more
        assert "until netcancel db release" in run("db", "hold", "--note", "x", "--by", "me").out
