"""A journal on a server: who may make it, who may open it, and with which key."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from netcancel.core.lifecycle import State
from netcancel.errors import ConfigurationError
from netcancel.journal import Journal
from netcancel.journal.rows import SCHEMA
from tests.journal.samples import KEY, OTHER_KEY, again, bring_to, open_at, open_one
from tests.journal.servers.kinds import Kind, in_tables_of, on_mysql
from tests.servers.databases import run_mysql
from tests.servers.kinds import PASSWORD


@pytest.mark.parametrize("vault_key", [KEY, None], ids=["with a key", "without a key"])
def test_workers_never_create_a_journal(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, vault_key: str | None
) -> None:
    """Neither tables nor a key."""
    monkeypatch.delenv("NETCANCEL_VAULT_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="never create one"):
        open_at(kind.url, create=False, vault_key=vault_key)
    assert kind.is_empty()


def test_many_make_it_at_once(kind: Kind) -> None:
    """Whoever comes first makes the tables; all work with them."""
    with ThreadPoolExecutor(6) as pool:
        journals = list(pool.map(lambda _: open_at(kind.url), range(6)))
    payment = open_one(journals[0])
    for journal in journals:
        assert journal.read(payment.id).result() is not None
        journal.close()


@pytest.mark.parametrize(
    "lost", ["nothing", "netcancel_history", "netcancel_meta", "netcancel_hold"]
)
@on_mysql
def test_a_making_that_was_cut_off_is_finished(kind: Kind, lost: str) -> None:
    """The server makes tables outside of transactions: until all are, nothing is there."""
    open_at(kind.url).close()
    kind.ask("ALTER TABLE netcancel_meta COMMENT = ''")
    kind.ask(f"DROP TABLE IF EXISTS netcancel_{lost}")
    with pytest.raises(ConfigurationError, match="never create one"):
        open_at(kind.url, create=False)
    with closing(open_at(kind.url)) as journal:
        open_one(journal)


@on_mysql
def test_without_the_right_to_make_triggers_there_are_no_guards(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    """The journal works, writes its history, and says once what is missing."""
    (database,) = run_mysql(kind.url, "SELECT DATABASE()")[0]
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES"
    run_mysql(
        kind.url,
        f"CREATE OR REPLACE USER modest@'%' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT {rights} ON {database}.* TO modest@'%'",
    )
    with (
        caplog.at_level(logging.WARNING, "netcancel"),
        closing(open_at(kind.url.replace("netcancel:", "modest:", 1))) as journal,
    ):
        payment = bring_to(journal, State.SETTLING)
        assert len(again(journal, payment).history) == 3
    assert "a guard of the journal's tables is missing" in caplog.text
    run_mysql(kind.url, "DROP USER modest@'%'")


def test_a_key_file_is_made_with_a_warning(
    kind: Kind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first host is told that the others need its key; another host without it is refused."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "first"))
    with caplog.at_level(logging.WARNING, "netcancel"):
        open_at(kind.url, vault_key=None).close()
    assert "every machine that uses the journal needs the same key" in caplog.text
    caplog.clear()
    open_at(kind.url, vault_key=None).close()
    assert caplog.text == ""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "second"))
    with pytest.raises(ConfigurationError, match="there is no vault key"):
        open_at(kind.url, vault_key=None)
    assert not (tmp_path / "second").exists()


def test_another_key_is_refused(kind: Kind, journal: Journal) -> None:
    """What is sealed could not be opened with it."""
    open_one(journal)
    with pytest.raises(ConfigurationError, match="another vault key"):
        open_at(kind.url, vault_key=OTHER_KEY)


SPOILED = {
    "newer netcancel": f"UPDATE meta SET value = '{SCHEMA + 1}'"  # noqa: S608  words of ours
    " WHERE name IN ('schema', 'compatible_from')",
    "lost its key": "DELETE FROM meta WHERE name = 'secret'",
}


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(("sentence", "spoil"), SPOILED.items(), ids=SPOILED)
def test_a_spoiled_journal_is_refused(kind: Kind, sentence: str, spoil: str) -> None:
    """A newer one, and one without its marks."""
    kind.ask(in_tables_of(kind, spoil))
    with pytest.raises(ConfigurationError, match=sentence):
        open_at(kind.url)
