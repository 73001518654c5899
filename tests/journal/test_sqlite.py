"""A journal's file: where it may lie, how it is held, and what it never shows."""

import os
import re
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Known, Payment
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import Journal, open_journal
from netcancel.journal.contract import ArchivePlace
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_file import (
    APPLICATION_ID,
    SQL,
    connect,
    file_system_of,
    is_network,
    journal_mode,
)
from tests.canaries import TOKEN
from tests.journal.samples import (
    BODY,
    CHANGES,
    FORBIDDEN,
    HOLD,
    KEY,
    OTHER_KEY,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    compatible_from,
    fate,
    intent,
    move,
    open_file,
    open_one,
    vault,
)

MODES = ["truncate", "wal"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal can be made."""
    return tmp_path / "journal.db"


@pytest.fixture
def made(path: Path) -> Path:
    """Return an empty journal's file."""
    open_file(path).close()
    return path


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Do to a file what a stranger could do, and return the last answer."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints=1")
    rows = [connection.execute(statement).fetchall() for statement in statements][-1]
    connection.close()
    return rows


def bytes_of(path: Path) -> bytes:
    """Return all that is on the disk of a journal."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(path.name + "*")))


def test_a_new_file_is_private_and_marked(made: Path) -> None:
    """Mode 0600 whatever the umask, our mark, our schema number."""
    assert made.stat().st_mode & 0o777 == 0o600
    assert run_sql(made, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert run_sql(made, "PRAGMA user_version") == [(SCHEMA,)]


def test_a_loose_umask_opens_nothing(path: Path) -> None:
    """Even where the process's files are everybody's, the journal's are not."""
    before = os.umask(0)
    try:
        journal = open_file(path)
        open_one(journal)
        modes = {each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert modes == {0o600}


@pytest.mark.parametrize("mode", MODES)
def test_every_connection_is_durable(path: Path, mode: str) -> None:
    """What SQLite keeps for each connection is set on each."""
    open_sqlite(path, vault(), Clock(), create=True, mode=mode).close()
    connection = connect(path, mode)
    expected = {
        "journal_mode": mode,
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "recursive_triggers": 1,
    }
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
    connection.close()
    assert found == expected


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 37, 0), "truncate"),
        ((3, 40, 1), "truncate"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_the_log_is_used_only_where_it_is_safe(version: tuple[int, ...], mode: str) -> None:
    """WAL from SQLite 3.51.3, before that TRUNCATE."""
    assert journal_mode(version) == mode


def test_a_file_in_another_mode_comes_to_ours(path: Path) -> None:
    """A newer SQLite's log is folded in when nobody else holds it."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="wal")
    payment = open_one(journal)
    journal.close()
    journal = open_sqlite(path, vault(), Clock(), create=False, mode="truncate")
    assert journal.read(payment.id).result() is not None
    journal.close()


def test_a_file_that_others_hold_in_another_mode_is_refused(path: Path) -> None:
    """Two processes with different SQLites would not see each other's locks alike."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="wal")
    open_one(journal)
    with pytest.raises(ConfigurationError, match="locked"):
        open_sqlite(path, vault(), Clock(), create=False, mode="truncate")
    journal.close()


MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 21 0:27 / /srv rw - nfs4 server:/export rw
31 30 254:1 / /srv/local rw shared:3 master:1 - xfs /dev/vdb rw
32 21 0:40 / /mnt/my\\040disk rw - fuse.sshfs user@host: rw
33 21 0:41 / /twice rw - ext4 /dev/vdc rw
34 33 0:42 / /twice rw - cifs //host/share rw
"""


@pytest.mark.parametrize(
    ("place", "file_system"),
    [
        ("/", "ext4"),
        ("/srvlike", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/deep/er", "nfs4"),
        ("/srv/local/x", "xfs"),
        ("/mnt/my disk", "fuse.sshfs"),
        ("/mnt/my", "ext4"),
        ("/twice/x", "cifs"),
    ],
)
def test_the_mount_that_holds_a_path_is_found(place: str, file_system: str) -> None:
    """The deepest one; of two on one point, the later."""
    assert file_system_of(place, MOUNTS) == file_system


@pytest.mark.parametrize(
    ("file_system", "refused"),
    [(name, True) for name in "nfs nfs4 cifs smb3 9p virtiofs ceph fuse.sshfs fuse.any".split()]
    + [(name, False) for name in "ext4 xfs btrfs zfs tmpfs overlay fuseblk".split()]
    + [("fuse.fuse-overlayfs", False), ("", False)],
)
def test_network_file_systems_are_known(file_system: str, *, refused: bool) -> None:
    """They can't be relied on for locks and syncs."""
    assert is_network(file_system) == refused


def not_a_database(path: Path) -> None:
    """Put a text there."""
    path.write_bytes(b"this is no database, but long enough to be looked at" * 100)


def of_another_program(path: Path) -> None:
    """Make a database with a table of its own."""
    run_sql(path, "CREATE TABLE theirs (x)")


def of_a_newer_netcancel(path: Path) -> None:
    """Raise the schema number, and with it the oldest code that may work on it."""
    open_file(path).close()
    run_sql(path, f"PRAGMA user_version={SCHEMA + 1}", compatible_from(SCHEMA + 1))


def without_a_trigger(path: Path) -> None:
    """Drop a guard."""
    open_file(path).close()
    run_sql(path, "DROP TRIGGER history_is_not_changed")


def without_its_mark(path: Path) -> None:
    """Forget the key."""
    open_file(path).close()
    run_sql(path, "DELETE FROM meta")


def with_another_key(path: Path) -> None:
    """Make it with a key that isn't ours."""
    open_file(path, vault_key=OTHER_KEY).close()


def readable_by_others(path: Path) -> None:
    """Let the group read it."""
    open_file(path).close()
    path.chmod(0o640)


def writable_by_others(path: Path) -> None:
    """Let the world write it."""
    open_file(path).close()
    path.chmod(0o602)


def a_directory(path: Path) -> None:
    """Put a directory there."""
    path.mkdir()


def torn(path: Path) -> None:
    """Lose all but the first page."""
    open_file(path).close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


SPOILED: dict[Callable[[Path], None], str] = {
    not_a_database: "not a database",
    of_another_program: "another program",
    of_a_newer_netcancel: "newer netcancel",
    without_a_trigger: "changed the tables",
    without_its_mark: "lost its key",
    with_another_key: "another vault key",
    readable_by_others: "chmod 600",
    writable_by_others: "chmod 600",
    a_directory: "not a file",
    torn: "can't be used|changed the tables",
}


@pytest.mark.parametrize(
    ("spoil", "sentence"), SPOILED.items(), ids=[spoil.__name__ for spoil in SPOILED]
)
def test_a_file_that_can_not_be_used_is_refused(
    path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    """At the start, with a sentence, and without changing it."""
    spoil(path)
    if path.is_file() and spoil not in (readable_by_others, writable_by_others):
        path.chmod(0o600)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(ConfigurationError, match=sentence):
        open_file(path)
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "journal.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://journal.db",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "sqlite:///x/",
        "sqlite:///a\0b",
        "SQLITE:///x.db",
        "memory:///",
        "postgres://host/db",
        "oracle://host/db",
        "file:///x.db",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """With the forms that are supported."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///relative\.db"):
        open_journal(url, vault_key=KEY)


def test_a_path_without_a_directory_is_refused(tmp_path: Path) -> None:
    """A mistyped directory isn't made."""
    with pytest.raises(ConfigurationError, match="no directory"):
        open_file(tmp_path / "nowhere" / "journal.db")


@pytest.mark.parametrize("is_empty", [False, True])
def test_workers_never_create_a_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, is_empty: bool
) -> None:
    """Neither a file nor a schema in an empty one nor a key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(path.parent))
    if is_empty:
        path.touch(0o600)
    with pytest.raises(ConfigurationError, match="never create one"):
        open_file(path, create=False)
    wanted = "there is no vault key" if is_empty else "never create one"
    with pytest.raises(ConfigurationError, match=wanted):
        open_file(path, create=False, vault_key=None)
    assert [each.name for each in path.parent.iterdir()] == [path.name] * is_empty
    assert not is_empty or path.stat().st_size == 0


def test_no_key_is_made_for_a_journal_that_has_one(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host without its key, a journal isn't opened and no useless key is left behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(made.parent))
    with pytest.raises(ConfigurationError, match="there is no vault key"):
        open_file(made, vault_key=None)
    assert not (made.parent / "netcancel").exists()


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may change its directory; the journal doesn't move."""
    monkeypatch.chdir(tmp_path)
    journal = open_journal("sqlite:///relative.db", vault_key=KEY)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    open_one(journal)
    journal.close()
    assert [each.name for each in tmp_path.glob("*.db")] == ["relative.db"]


def test_two_journals_on_one_file_agree(path: Path) -> None:
    """One's payments are the other's; a claim of one is no other's."""
    clock = Clock()
    first, second = open_file(path, clock), open_file(path, clock)
    payment = open_one(first)
    known = second.open_new(intent(merc_trx_no=payment.merc_trx_no)).result()
    assert isinstance(known, Known)
    assert known.same_data
    clock.advance(HOLD)
    claims = [
        journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
        for journal in (second, first)
    ]
    assert [len(each) for each in claims] == [1, 0]
    first.close()
    second.close()


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


def test_a_shredding_that_was_cut_off_is_finished(path: Path) -> None:
    """A machine that dies between the two commits leaves a text without a key, for one pass."""
    journal = open_file(path)
    bring_to(journal, State.APPROVED)
    run_sql(path, "UPDATE payment SET sealed_key = NULL")
    assert journal.shred_closed(keep_seconds=0, limit=1).result() == 0
    assert run_sql(path, "SELECT count(sealed_body) FROM payment") == [(0,)]
    journal.close()


SPOILED_ROWS = {
    "moved": "UPDATE payment SET sealed_body = (SELECT sealed_body FROM payment WHERE seq = 1),"
    " sealed_key = (SELECT sealed_key FROM payment WHERE seq = 1) WHERE seq = 2",
    "text changed": "UPDATE payment SET sealed_body = zeroblob(300) WHERE seq = 2",
    "key changed": "UPDATE payment SET sealed_key = zeroblob(69) WHERE seq = 2",
    "key gone": "UPDATE payment SET sealed_key = NULL WHERE seq = 2",
    "answer damaged": "UPDATE payment SET answer = '{' WHERE seq = 2",
    "answer no object": "UPDATE payment SET answer = '[]' WHERE seq = 2",
    "answer too deep": "UPDATE payment SET answer = replace(hex(zeroblob(99999)), '0', '[')"
    " WHERE seq = 2",
    "answer no UTF-8": "UPDATE payment SET answer = CAST(x'227BFF7D22' AS TEXT) WHERE seq = 2",
    "loss unknown": "UPDATE payment SET loss = 'eaten by a dog' WHERE seq = 2",
}
UNREADABLE_ROWS = {name: sql for name, sql in SPOILED_ROWS.items() if "answer" in name} | {
    "loss unknown": SPOILED_ROWS["loss unknown"]
}


@pytest.mark.parametrize("damage", SPOILED_ROWS.values(), ids=SPOILED_ROWS)
def test_a_poisoned_row_is_claimed_without_its_body(path: Path, damage: str) -> None:
    """So that its worker hands it to a person; the other rows are as good as ever."""
    clock = Clock()
    journal = open_file(path, clock)
    payments = [open_one(journal) for _ in range(3)]
    run_sql(path, damage)
    clock.advance(HOLD)
    claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert [claim.payment.id for claim in claims] == [payment.id for payment in payments]
    assert [claim.net_cancel_body for claim in claims] == [BODY, None, BODY]
    move(journal, claims[1].payment, Event.POISONED, CHANGES[State.ESCALATED])
    journal.close()


UNWRITABLE_ROWS = {
    "a count below one": "UPDATE payment SET version_count = -5 WHERE seq = 2",
    "a version told before": "INSERT INTO history SELECT seq, 2, 0, updated_at, 'x', state, 'x',"
    " state, '' FROM payment WHERE seq = 2",
}


@pytest.mark.parametrize("damage", UNWRITABLE_ROWS.values(), ids=UNWRITABLE_ROWS)
def test_a_row_that_can_not_be_written_stops_no_claim(path: Path, damage: str) -> None:
    """It breaks a constraint with every write; it is left as it is, the others are claimed."""
    clock = Clock()
    journal = open_file(path, clock)
    payments = [open_one(journal) for _ in range(3)]
    run_sql(path, damage)
    clock.advance(HOLD)
    claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert [claim.payment.id for claim in claims] == [payments[0].id, payments[2].id]
    assert [claim.net_cancel_body for claim in claims] == [BODY, BODY]
    journal.close()


@pytest.mark.parametrize("damage", UNWRITABLE_ROWS.values(), ids=UNWRITABLE_ROWS)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_row_that_can_not_be_written_holds_nobodys_place(
    path: Path, damage: str, limit: int
) -> None:
    """It is due for ever; every claim is as full as if it weren't there."""
    clock = Clock()
    journal = open_file(path, clock)
    payments = [open_one(journal) for _ in range(6)]
    for place in (1, 2, 4):
        run_sql(path, damage.replace("seq = 2", f"seq = {place}"))
    clock.advance(HOLD)
    rest = [payments[place - 1].id for place in (3, 5, 6)]
    while rest:
        claims = journal.claim_due(world=WORLD, writer="w", limit=limit, hold_seconds=HOLD).result()
        assert [claim.payment.id for claim in claims] == rest[:limit]
        rest = rest[limit:]
    assert journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result() == []
    journal.close()


@pytest.mark.parametrize("damage", UNREADABLE_ROWS.values(), ids=UNREADABLE_ROWS)
def test_a_row_that_can_not_be_read_is_seen_and_named(path: Path, damage: str) -> None:
    """Lists and counts hold it, without what is damaged; whoever asks for it alone is told."""
    journal = open_file(path)
    payments = [open_one(journal) for _ in range(3)]
    run_sql(path, damage)
    listed = journal.list_payments().result()
    assert listed == payments[::-1]
    assert journal.summary(worlds=[WORLD]).result().by_state == {State.APPROVING: 3}
    assert_only_it_is_unreadable(journal, payments[1])
    assert journal.read(payments[0].id).result() is not None
    journal.close()


@pytest.mark.parametrize("damage", UNREADABLE_ROWS.values(), ids=UNREADABLE_ROWS)
def test_a_row_that_can_not_be_read_is_handed_over(path: Path, damage: str) -> None:
    """Its owner need not wait for the lease to end: what is damaged has no part in it."""
    journal = open_file(path)
    open_one(journal)
    damaged = open_one(journal)
    run_sql(path, damage)
    journal.hand_over_if_held(damaged.id, damaged.version.writer).result()
    claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert [claim.payment.id for claim in claims] == [damaged.id]
    journal.close()


def assert_only_it_is_unreadable(journal: Journal, payment: Payment) -> None:
    """Ask for a payment in every way, between good ones."""
    for future in (
        journal.read(payment.id),
        journal.find(payment.tid, payment.merc_trx_no),
        journal.open_new(intent(merc_trx_no=payment.merc_trx_no)),
    ):
        with pytest.raises(JournalUnavailable, match=f"{payment.id} can't be read by this version"):
            future.result()


STRANGE_LINES = {
    "an event": "VALUES (1, 1, 9, 1, 'newer', 'approving', 'haggled', 'approving', '')",
    "a source": "VALUES (1, 1, 9, 1, 'newer', 'haggling', 'claimed', 'approving', '')",
    "a target": "VALUES (1, 1, 9, 1, 'newer', 'approving', 'claimed', 'haggling', '')",
}


@pytest.mark.parametrize("line", STRANGE_LINES.values(), ids=STRANGE_LINES)
def test_a_line_of_a_newer_netcancel_is_left_out(path: Path, line: str) -> None:
    """The payment and the rest of its history can be read."""
    journal = open_file(path)
    payment = open_one(journal)
    before = journal.read(payment.id).result()
    run_sql(path, f"INSERT INTO history {line}")
    assert journal.read(payment.id).result() == before
    assert journal.find(payment.tid, payment.merc_trx_no).result() == before
    journal.close()


def test_a_state_of_a_newer_netcancel_is_left_alone(path: Path) -> None:
    """Never claimed, said when read, counted among what no worker here may touch."""
    clock = Clock()
    journal = open_file(path, clock)
    strange, plain = open_one(journal), open_one(journal)
    run_sql(path, "UPDATE payment SET state = 'haggling' WHERE seq = 1")
    clock.advance(HOLD)
    assert [each.id for each in journal.list_payments().result()] == [plain.id]
    summary = journal.summary(worlds=[WORLD]).result()
    assert (summary.by_state, summary.of_other_worlds) == ({State.APPROVING: 1}, 1)
    assert journal.strangers().result() == 1
    assert_only_it_is_unreadable(journal, strange)
    claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert [claim.payment.id for claim in claims] == [plain.id]
    journal.close()


IN_A_FILE = FORBIDDEN | {"replace history": "REPLACE INTO history SELECT * FROM history"}


@pytest.mark.parametrize("statement", IN_A_FILE.values(), ids=IN_A_FILE)
def test_the_file_itself_repeats_the_law(path: Path, statement: str) -> None:
    """Whoever writes to the file with our settings, these things can't be written."""
    journal = open_file(path)
    open_one(journal)
    journal.hold_if_unheld("restored").result()
    journal.close()
    connection = connect(path, "truncate")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("amounts", [(0, 0, 0), (10**10, 0, 0), (5, 6, 0), (5, 0, 6), (5, -1, 0)])
def test_amounts_that_can_not_be_are_not_written(path: Path, amounts: tuple[int, int, int]) -> None:
    """They are refused long before; here they would be a bug, and the row is not there."""
    journal = open_file(path)
    total, vat, service = amounts
    wrong = intent(trx_amt=total, vat_amt=vat, svc_amt=service)
    with pytest.raises(sqlite3.IntegrityError, match="amounts_fit"):
        journal.open_new(wrong).result()
    assert fate(journal.open_new(replace(wrong, trx_amt=9, vat_amt=0, svc_amt=0)).result())
    journal.close()


def test_a_full_disk_is_told_and_survived(path: Path) -> None:
    """Nothing is opened that isn't written; with room again, the same journal goes on."""
    journal = open_file(path)
    pages = limit_pages(journal, 1)
    fates = []
    for _ in range(200):
        try:
            fates.append(fate(journal.open_new(intent()).result()))
        except JournalUnavailable as error:
            assert "full" in str(error)  # noqa: PT017  the loop ends at the first of them
            break
    assert len(journal.list_payments().result()) == len(fates) < 200
    limit_pages(journal, pages + 1000)
    open_one(journal)
    journal.close()
    assert run_sql(path, "PRAGMA integrity_check") == [("ok",)]


def limit_pages(journal: Journal, pages: int) -> int:
    """Let the file have so many pages at most, or as many as it has; return how many."""

    def work(session: object, _: int) -> int:
        connection: sqlite3.Connection = session._connection  # type: ignore[attr-defined]
        limit: int = connection.execute(f"PRAGMA max_page_count={pages}").fetchone()[0]
        return limit

    found: int = journal._writer.submit(work, writes=False).result()  # type: ignore[attr-defined]
    return found


def test_a_journal_that_another_writes_is_waited_for_and_then_unavailable(path: Path) -> None:
    """A caller's own long transaction on the file stops the journal, and it says so."""
    journal = open_file(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="locked"):
        journal.open_new(intent()).result()
    holder.execute("ROLLBACK")
    holder.close()
    open_one(journal)
    journal.close()


def test_a_commit_waits_for_a_reader(path: Path) -> None:
    """Whoever reads the file is let finish, nobody else begins, and then the payment is there."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="truncate")
    reader = sqlite3.connect(path, isolation_level=None, timeout=0)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM payment").fetchone() == (0,)
    opening = journal.open_new(intent())
    wait_until_refused(path)
    assert not opening.done()
    reader.execute("COMMIT")
    reader.close()
    assert fate(opening.result())
    journal.close()


def wait_until_refused(path: Path) -> None:
    """Return when the file lets no further reader in: a commit waits for those it has."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        while True:
            try:
                other.execute("SELECT count(*) FROM payment").fetchone()
            except sqlite3.OperationalError:
                return


def test_a_reading_waits_for_a_commit(path: Path) -> None:
    """Another process that commits just now is no reason not to answer."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="truncate")
    payment = open_one(journal)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    reading = journal.read(payment.id)
    with pytest.raises(TimeoutError):
        reading.result(0.2)
    holder.execute("ROLLBACK")
    holder.close()
    assert reading.result() is not None
    journal.close()


def test_every_statement_is_used_and_every_index_is_needed(made: Path) -> None:
    """No statement that runs often walks through the whole table."""
    connection = connect(made, "truncate")
    for name in ("due", "count_in_doubt", "count_owed", "list_in_doubt", "summary_in_doubt",
                 "shred_keys", "shred_bodies", "read", "find", "history", "move", "note",
                 "noted_answers", "strangers", "neglected", "archivable",
                 "sealed_with", "summary_states", "summary_refusals"):  # fmt: skip
        text = re.sub(r"--[^\n]*", "", SQL.script(f"{name}.sql"))
        plan = connection.execute(
            "EXPLAIN QUERY PLAN " + re.sub(r":[a-z_]+", "NULL", text)
        ).fetchall()
        steps = [row["detail"] for row in plan]
        assert [step for step in steps if re.fullmatch(r"SCAN payment", step)] == [], name
    connection.close()


def test_a_change_by_a_note_is_no_change_of_the_version(path: Path) -> None:
    """The history's triggers tell moves from notes."""
    journal = open_file(path)
    payment = bring_to(journal, State.ESCALATED)
    journal.note(payment, Event.NOT_ACKNOWLEDGED, "late", Change(note="x")).result()
    lines = run_sql(path, "SELECT version_count, line FROM history ORDER BY 1, 2")
    assert lines == [(1, 0), (2, 0), (3, 0), (3, 1)]
    journal.close()


FORBIDDEN_OF_CLOSED = {
    "delete a payment": "DELETE FROM payment",
    "delete history": "DELETE FROM history",
}
FORBIDDEN_OF_USED = {
    "forget a used number": "DELETE FROM used_number",
    "change a used number": "UPDATE used_number SET archived_at = 1",
}


@pytest.mark.parametrize(
    "statement",
    [*FORBIDDEN_OF_CLOSED.values(), *FORBIDDEN_OF_USED.values()],
    ids=[*FORBIDDEN_OF_CLOSED, *FORBIDDEN_OF_USED],
)
def test_the_file_itself_forgets_no_number(path: Path, statement: str) -> None:
    """Closed and shredded is not enough to be deleted, and what was used stays so."""
    clock = Clock()
    journal = open_file(path, clock)
    payments = [bring_to(journal, State.DECLINED) for _ in range(2)]
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=9).result()
    read = journal.read(payments[0].id).result()
    assert read is not None
    assert journal.archive([read]).result() == 1
    journal.close()
    connection = connect(path, "truncate")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


def test_what_can_not_be_read_whole_does_not_leave(path: Path) -> None:
    """A damaged answer, or a line of a newer netcancel: the file would miss it."""
    clock = Clock()
    journal = open_file(path, clock)
    payments = [bring_to(journal, State.APPROVED) for _ in range(4)]
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=9).result()
    run_sql(
        path,
        SPOILED_ROWS["answer damaged"],
        "INSERT INTO history VALUES (3, 2, 9, 1, 'newer', 'approved', 'haggled', 'approved', '')",
    )
    found = journal.archivable(ArchivePlace(), closed_seconds=0, limit=9).result()
    assert found.unreadable == 2
    assert {each.id for each in found.payments} == {payments[0].id, payments[3].id}
    journal.close()


def test_a_number_is_not_opened_while_its_payment_leaves(path: Path) -> None:
    """By another process at the same moment: it is known, or used, never opened."""
    clock = Clock()
    keeping, paying = open_file(path, clock), open_file(path, clock)
    payments = [bring_to(keeping, State.DECLINED) for _ in range(40)]
    clock.advance(1)
    keeping.shred_closed(keep_seconds=0, limit=99).result()
    found = keeping.archivable(ArchivePlace(), closed_seconds=0, limit=99).result()
    start = threading.Barrier(2)

    def leave(payment: Payment) -> int:
        start.wait()
        return keeping.archive([payment]).result()

    def pay(payment: Payment) -> str:
        start.wait()
        return fate(paying.open_new(intent(merc_trx_no=payment.merc_trx_no)).result())

    with ThreadPoolExecutor(2) as pool:
        for payment in found.payments:
            left, opened = pool.submit(leave, payment), pool.submit(pay, payment)
            assert (left.result(), opened.result() in {"Known", "Used"}) == (1, True)
    assert len(found.payments) == len(payments)
    keeping.close()
    paying.close()
