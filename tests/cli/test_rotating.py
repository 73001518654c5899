"""vault rotate: what it says, and that the old key can be taken away after it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from netcancel.journal.vault import key_id_of
from tests.journal.samples import KEY, KEY_BYTES, OTHER_KEY, open_file, open_one

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

OLD_ID, NEW_ID = key_id_of(KEY_BYTES).hex(), key_id_of(KEY_BYTES[::-1]).hex()


@pytest.fixture
def sealed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the default journal with five payments under the old key; both keys are set."""
    path = place / "netcancel.db"
    journal = open_file(path)
    for number in range(5):
        open_one(journal, merc_trx_no=f"ORD_{number}")
    journal.close()
    monkeypatch.setenv("NETCANCEL_VAULT_KEY", OTHER_KEY)
    monkeypatch.setenv("NETCANCEL_PREVIOUS_VAULT_KEYS", KEY)
    return path


@pytest.mark.usefixtures("sealed")
def test_after_a_rotation_the_old_key_is_not_needed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it, a process without the old key is refused; after it, one with the old key only."""
    monkeypatch.delenv("NETCANCEL_PREVIOUS_VAULT_KEYS")
    refused = run("list")
    assert (refused.code, OLD_ID in refused.err) == (2, True)
    monkeypatch.setenv("NETCANCEL_PREVIOUS_VAULT_KEYS", KEY)
    rotated = run("vault", "rotate", "--json")
    assert rotated.code == 0
    assert rotated.document == {
        "rewrapped": 5,
        "damaged": 0,
        "forgotten": [OLD_ID],
        "in_use": [NEW_ID],
    }
    text = run("vault", "rotate")
    assert text.code == 0
    assert "0 payments" in text.out
    monkeypatch.delenv("NETCANCEL_PREVIOUS_VAULT_KEYS")
    assert len(run("list", "--json").document["payments"]) == 5
    monkeypatch.setenv("NETCANCEL_VAULT_KEY", KEY)
    assert run("list").code == 2


def test_a_rotation_that_is_not_complete_says_so(run: Run, sealed: Path) -> None:
    """Exit code 1 while a damaged row needs the old key; no key is ever shown."""
    with closing(sqlite3.connect(sealed)) as connection:
        connection.execute(
            "UPDATE payment SET sealed_key = CAST(sealed_key || x'00' AS BLOB) WHERE seq = 2"
        )
        connection.commit()
    ran = run("vault", "rotate")
    assert ran.code == 1
    assert "1 payments: left as they are" in ran.out
    assert OLD_ID in ran.out
    assert KEY not in ran.out + ran.err
