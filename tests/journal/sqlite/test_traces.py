"""What the disk never shows: the token, and whatever was shredded."""

import os
from pathlib import Path

import pytest

from netcancel.core.lifecycle import State
from netcancel.journal import Journal
from netcancel.journal.sqlite import open_sqlite
from tests.canaries import TOKEN
from tests.journal.samples import WAYS, Clock, bring_to, vault
from tests.journal.sqlite.files import MODES, bytes_of, run_sql


@pytest.mark.parametrize("mode", MODES)
def test_the_token_is_nowhere_on_the_disk(path: Path, mode: str) -> None:
    """Neither in the file nor in its journals, at any time."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode=mode)
    for state in WAYS:
        bring_to(journal, state)
        assert TOKEN.encode() not in bytes_of(path)
    assert b"tokenKey" not in bytes_of(path)
    journal.close()


@pytest.mark.parametrize("mode", MODES)
def test_shredding_leaves_no_trace(path: Path, mode: str) -> None:
    """Neither the wrapped key nor the sealed text can be found on the disk afterwards."""
    clock = Clock()
    journal = open_sqlite(path, vault(), clock, create=True, mode=mode)
    for _ in range(20):
        bring_to(journal, State.APPROVED)
    columns = "SELECT sealed_key FROM payment UNION ALL SELECT sealed_body FROM payment"
    secrets = [row[0] for row in run_sql(path, columns)]
    assert len(secrets) == 40
    assert all(isinstance(secret, bytes) and secret in bytes_of(path) for secret in secrets)
    assert journal.shred_closed(keep_seconds=0, limit=100).result() == 20
    left = bytes_of(path)
    assert [s for s in secrets if isinstance(s, bytes) and (s in left or s[21:37] in left)] == []
    journal.close()


def test_the_emptied_log_stays_empty_if_the_power_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was shredded doesn't come back with a log whose truncation was never synced."""
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        fsync(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append((name, os.fstat(descriptor).st_size))

    journal = open_sqlite(path, vault(), Clock(), create=True, mode="wal")
    bring_to(journal, State.APPROVED)
    monkeypatch.setattr(os, "fsync", recorded)
    assert journal.shred_closed(keep_seconds=0, limit=100).result() == 1
    assert synced == [(f"{path.name}-wal", 0)]
    journal.close()


def test_a_shredding_that_was_cut_off_is_finished(journal: Journal, path: Path) -> None:
    """A machine that dies between the two commits leaves a text without a key, for one pass."""
    bring_to(journal, State.APPROVED)
    run_sql(path, "UPDATE payment SET sealed_key = NULL")
    assert journal.shred_closed(keep_seconds=0, limit=1).result() == 0
    assert run_sql(path, "SELECT count(sealed_body) FROM payment") == [(0,)]
