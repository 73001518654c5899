"""A journal in MariaDB: what it refuses, what it survives, and what other sessions do to it."""

import dataclasses
import itertools
import logging
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pymysql
import pytest
from pymysql.cursors import DictCursor

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Payment
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import Journal, open_journal
from netcancel.journal.mysql import MysqlServer, parameters_of
from netcancel.journal.mysql_session import SQL, checked_now
from netcancel.journal.opening import open_tables
from netcancel.journal.rows import SCHEMA
from netcancel.journal.server import UnsafeServer, _form_of
from netcancel.journal.statements import Query
from tests.journal.samples import (
    ANSWER,
    CHANGES,
    FORBIDDEN,
    HOLD,
    KEY,
    OTHER_KEY,
    WORLD,
    Clock,
    bring_to,
    fate,
    intent,
    move,
    open_one,
    vault,
)
from tests.servers.databases import run_mysql, with_database
from tests.servers.kinds import PASSWORD

NUMBER: dict[str, Any] = {"worlds": [WORLD], "tid": "T123456789", "writer": "merchant"}


def open_at(url: str, clock: Clock | None = None, **options: Any) -> Journal:
    """Open a journal with the tests' key."""
    return open_journal(url, **{"vault_key": KEY, "clock": clock} | options)


def connect(url: str, **options: Any) -> Any:
    """Return a merchant's own connection."""
    return pymysql.connect(**parameters_of(url) | options)


@pytest.fixture
def journal(mysql_url: str) -> Iterator[Journal]:
    """Return an empty journal that goes by the server's clock."""
    with closing(open_at(mysql_url)) as journal:
        yield journal


def end_sessions(url: str) -> None:
    """End all other sessions of the database, as a restart of the server does."""
    others = (
        "SELECT id FROM information_schema.processlist"
        " WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    )
    for (number,) in run_mysql(url, others):
        run_mysql(url, f"KILL {number}")
    while run_mysql(url, others):
        run_mysql(url, "DO SLEEP(0.01)")


def state_of(journal: Journal, payment: Payment) -> State:
    """Read a payment's state."""
    read = journal.read(payment.id).result()
    assert read is not None
    return read.state


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_database_itself_repeats_the_law(
    mysql_url: str, journal: Journal, statement: str
) -> None:
    """Whoever writes to it, these things can't be written."""
    open_one(journal)
    journal.hold_if_unheld("restored").result()
    statement = re.sub(r"(UPDATE|FROM|INTO) (\w+)", r"\1 netcancel_\2", statement)
    errors = (pymysql.err.IntegrityError, pymysql.err.DataError, pymysql.err.OperationalError)
    with pytest.raises(errors) as refused:
        run_mysql(mysql_url, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'", statement)
    assert refused.value.args[0] in {1048, 1062, 1265, 1366, 3819, 4025}


def test_the_servers_clock_decides(mysql_url: str, journal: Journal) -> None:
    """Leases and due times follow the server's clock: the session is told another time."""
    at = 2_000_000_000

    def travel(session: Any, _now: int) -> None:
        session._run(f"SET SESSION timestamp = {at}.123456")

    journal._writer.submit(travel, writes=False).result()  # type: ignore[attr-defined]
    payment = open_one(journal)
    assert payment.created_at == at * 10**6 + 123_456
    assert payment.due_at == payment.created_at + round(HOLD * 1e6)
    assert mysql_url


URLS = {
    "no such port": "mysql://netcancel:{password}@127.0.0.1:1/netcancel",
    "no such host": "mysql://netcancel:{password}@nowhere.invalid/netcancel",
    "another password": "mysql://netcancel:{password}x@{server}/mysql",
    "no such database": "mysql://netcancel:{password}@{server}/nowhere",
    "no database": "mysql://netcancel:{password}@{server}",
    "no such option": "mysql://netcancel:{password}@{server}/mysql?nonsense={password}",
    "no value": "mysql://netcancel:{password}@{server}/mysql?{password}",
    "no switch": "mysql://netcancel:{password}@{server}/mysql?ssl_disabled={password}",
    "no port": "mysql://netcancel:x@127.0.0.1:{password}/mysql",
    "bad host": "mysql://netcancel:{password}@[/mysql",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_no_error_shows_the_password(mysql_url: str, url: str) -> None:
    """Whatever is wrong with a URL, it is refused with a sentence that doesn't hold it."""
    server = mysql_url.split("@")[1].split("/", maxsplit=1)[0]
    with pytest.raises(ConfigurationError, match="journal") as refused:
        open_at(url.format(password=PASSWORD, server=server))
    assert PASSWORD not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_no_repr_shows_the_password(journal: Journal) -> None:
    """Neither that of the database nor that of what holds it."""
    server = journal._database  # type: ignore[attr-defined]
    assert isinstance(server, MysqlServer)
    assert server.parameters["password"] == PASSWORD
    assert PASSWORD not in repr(server) + repr(journal) + server.place


def test_workers_never_create_a_journal(mysql_url: str) -> None:
    """No tables are made."""
    with pytest.raises(ConfigurationError, match="never create one"):
        open_at(mysql_url, create=False)
    assert run_mysql(mysql_url, "SHOW TABLES") == []


CHANGED = {
    "a guard is dropped": "DROP TRIGGER netcancel_history_is_not_changed",
    "a constraint is dropped": "ALTER TABLE netcancel_payment DROP CONSTRAINT amounts_fit",
    "a number may repeat": "ALTER TABLE netcancel_payment DROP INDEX a_number_is_used_once",
    "a column is another": "ALTER TABLE netcancel_payment MODIFY attempts INT NOT NULL",
    "a collation is another": "ALTER TABLE netcancel_payment MODIFY tid VARCHAR(64) NOT NULL",
    "an index is gone": "ALTER TABLE netcancel_payment DROP INDEX payment_due",
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_changed_tables_are_refused(mysql_url: str, journal: Journal, change: str) -> None:
    """At the next start, with a sentence."""
    assert journal.list_payments().result() == []
    run_mysql(mysql_url, change)
    with pytest.raises(ConfigurationError, match="changed the tables"):
        open_at(mysql_url)


def test_another_key_and_a_newer_journal_are_refused(mysql_url: str, journal: Journal) -> None:
    """What is sealed could not be opened; what is newer could not be understood."""
    open_one(journal)
    with pytest.raises(ConfigurationError, match="another vault key"):
        open_at(mysql_url, vault_key=OTHER_KEY)
    assert SCHEMA < 99
    newer = "UPDATE netcancel_meta SET value = '99' WHERE name IN ('schema', 'compatible_from')"
    run_mysql(mysql_url, newer)
    with pytest.raises(ConfigurationError, match="newer netcancel"):
        open_at(mysql_url)


def test_many_make_it_at_once(mysql_url: str) -> None:
    """Whoever comes first makes the tables; all work with them."""
    with ThreadPoolExecutor(4) as pool:
        journals = list(pool.map(lambda _: open_at(mysql_url), range(4)))
    payment = open_one(journals[0])
    for journal in journals:
        assert journal.read(payment.id).result() is not None
        journal.close()


@pytest.mark.parametrize(
    "lost", ["nothing", "netcancel_history", "netcancel_meta", "netcancel_hold"]
)
def test_a_making_that_was_cut_off_is_finished(mysql_url: str, lost: str) -> None:
    """The server makes tables outside of transactions: until all are, nothing is there."""
    open_at(mysql_url).close()
    run_mysql(mysql_url, "ALTER TABLE netcancel_meta COMMENT = ''")
    run_mysql(mysql_url, f"DROP TABLE IF EXISTS netcancel_{lost}")
    with pytest.raises(ConfigurationError, match="never create one"):
        open_at(mysql_url, create=False)
    with closing(open_at(mysql_url)) as journal:
        open_one(journal)


def test_without_the_right_to_make_triggers_there_are_no_guards(
    mysql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The journal works, writes its history, and says once what is missing."""
    (database,) = run_mysql(mysql_url, "SELECT DATABASE()")[0]
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES"
    run_mysql(
        mysql_url,
        f"CREATE OR REPLACE USER modest@'%' IDENTIFIED BY '{PASSWORD}'",
        f"GRANT {rights} ON {database}.* TO modest@'%'",
    )
    with (
        caplog.at_level(logging.WARNING, "netcancel"),
        closing(open_at(mysql_url.replace("netcancel:", "modest:", 1))) as journal,
    ):
        payment = bring_to(journal, State.SETTLING)
        read = journal.read(payment.id).result()
        assert read is not None
        assert len(read.history) == 3
    assert "a guard of the journal's tables is missing" in caplog.text
    run_mysql(mysql_url, "DROP USER modest@'%'")


SAFE = {
    "flushes": 1, "has_log": 0, "syncs_log": 0, "is_replica": 0, "now": 5,
    "sql_mode": "STRICT_ALL_TABLES",
}  # fmt: skip
UNSAFE: dict[str, dict[str, object]] = {
    "innodb_flush_log_at_trx_commit": {"flushes": 2},
    "sync_binlog": {"has_log": 1},
    "read-only": {"is_replica": 1},
    "read-only ": {"is_replica": "ON"},
    "sql_mode": {"sql_mode": "ANSI"},
}


@pytest.mark.parametrize(("sentence", "found"), UNSAFE.items(), ids=UNSAFE)
def test_a_server_that_would_not_keep_it_is_refused(
    sentence: str, found: dict[str, object]
) -> None:
    """What its settings tell; the good ones are taken."""
    assert checked_now(SAFE, None) == 5
    with pytest.raises(UnsafeServer, match=sentence.strip()):
        checked_now(SAFE | found, None)


def test_durability_is_looked_at_in_every_transaction(mysql_url: str, journal: Journal) -> None:
    """A session that lost its settings, as behind a pooler, is replaced by one that has them."""

    def lose(session: Any, _now: int) -> None:
        session._run("SET SESSION sql_mode = ''")

    open_one(journal)
    journal._writer.submit(lose, writes=False).result()  # type: ignore[attr-defined]
    sessions = "SELECT id FROM information_schema.processlist WHERE db = DATABASE()"
    before = set(run_mysql(mysql_url, sessions))
    open_one(journal)
    assert set(run_mysql(mysql_url, sessions)) - before


def test_sessions_that_were_ended_are_replaced_unnoticed(mysql_url: str, journal: Journal) -> None:
    """A restart between two operations costs nobody a failure."""
    payment = open_one(journal)
    for _ in range(3):
        end_sessions(mysql_url)
        assert journal.read(payment.id).result() is not None
        end_sessions(mysql_url)
        open_one(journal)


def test_a_row_that_is_locked_undoes_the_whole_transaction(
    mysql_url: str, journal: Journal
) -> None:
    """The server itself undoes one statement only; what came before it must not be committed."""
    payment, other = bring_to(journal, State.UNCONFIRMED), open_one(journal)
    reject = CHANGES[State.CANCELLING]
    with closing(connect(mysql_url)) as holder:
        holder.begin()
        holder.cursor().execute(
            "SELECT 1 FROM netcancel_payment WHERE id = %s FOR UPDATE", [payment.id]
        )

        def both(session: Any, now: int) -> None:
            from netcancel.journal.operations import Moving

            Moving(other, Event.ANSWER_LOST, "w", CHANGES[State.NET_CANCELLING])(session, now)
            Moving(payment, Event.REJECTED, "w", reject)(session, now)

        writing = journal._writer.submit(both, writes=True)  # type: ignore[attr-defined]
        with pytest.raises(JournalUnavailable, match="Lock wait timeout"):
            writing.result(COMMIT_BUDGET_SECONDS)
        holder.rollback()
    assert state_of(journal, other) is State.APPROVING
    assert state_of(journal, payment) is State.UNCONFIRMED


def test_what_a_caller_holds_is_passed_over_by_claims(mysql_url: str) -> None:
    """A long transaction of a merchant's keeps recovery from one payment, not from the others."""
    clock = Clock()
    with closing(open_at(mysql_url, clock)) as journal, closing(connect(mysql_url)) as merchant:
        held, other = bring_to(journal, State.UNCONFIRMED), bring_to(journal, State.UNCONFIRMED)
        clock.advance(1_000)
        assert journal.confirm_in(merchant, merc_trx_no=held.merc_trx_no, **NUMBER)
        claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
        assert [claim.payment.id for claim in claims] == [other.id]
        merchant.commit()
        assert state_of(journal, held) is State.APPROVED


def test_journals_of_many_hosts_agree(mysql_url: str) -> None:
    """One number has one winner, each claim one owner, and no note is lost."""
    clock = Clock()
    journals = [open_at(mysql_url, clock) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        samples = [intent(merc_trx_no=f"ORD_{place % 50}") for place in range(200)]
        openings = zip(itertools.cycle(journals), samples, strict=False)
        fates = list(pool.map(lambda each: fate(each[0].open_new(each[1]).result()), openings))
        assert (fates.count("Opened"), fates.count("Known")) == (50, 150)
        clock.advance(HOLD)
        claimed = list(pool.map(drain, journals))
        numbers = [payment.merc_trx_no for mine in claimed for payment in mine]
        assert sorted(numbers) == sorted({sample.merc_trx_no for sample in samples})
        payment = next(payment for mine in claimed for payment in mine)
        notes = [
            journal.note(payment, Event.LATE_APPROVAL, f"w{place}", Change(answer=ANSWER))
            for place in range(10)
            for journal in journals
        ]
        assert [note.result() for note in notes] == [None] * 40
    after = journals[0].read(payment.id).result()
    assert after is not None
    assert sum("noted by" in line.note for line in after.history) == 40
    for journal in journals:
        journal.close()


def drain(journal: Journal) -> list[Payment]:
    """Claim in small batches until nothing is due, passing over what others are just taking."""
    mine: list[Payment] = []
    while journal.summary(worlds=[WORLD]).result().by_state.get(State.APPROVING):
        batch = journal.claim_due(world=WORLD, writer="w", limit=3, hold_seconds=HOLD).result()
        mine += [claim.payment for claim in batch]
    return mine


@pytest.mark.parametrize("other", ["ORD_A", "ord_a", "ORD_a ", "ORD_á"])
def test_spaces_and_accents_make_other_numbers(journal: Journal, other: str) -> None:
    """Collations would take some of these for the same."""
    open_one(journal, merc_trx_no="ORD_a")
    assert fate(journal.open_new(intent(merc_trx_no=other)).result()) == "Opened"
    found = journal.find("T123456789", other).result()
    assert found is not None
    assert found.merc_trx_no == other


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_confirmation_joins_the_callers_transaction(
    mysql_url: str, journal: Journal, ends: str
) -> None:
    """It is there with the order, or not at all; whatever the transaction has read before."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(connect(mysql_url)) as connection:
        connection.begin()
        connection.cursor().execute("SELECT count(*) FROM netcancel_payment")
        journal.note(payment, Event.LATE_APPROVAL, "w", Change(note="meanwhile")).result()
        confirmed = journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert confirmed is not None
        assert confirmed.state is State.APPROVED
        assert state_of(journal, payment) is State.UNCONFIRMED
        getattr(connection, ends)()
    wanted = State.APPROVED if ends == "commit" else State.UNCONFIRMED
    assert state_of(journal, payment) is wanted
    read = journal.read(payment.id).result()
    assert read is not None
    assert (read.history[-1].event is Event.CONFIRMED) == (ends == "commit")


def test_an_old_view_is_not_taken_for_what_is_so_now(mysql_url: str, journal: Journal) -> None:
    """A transaction that has read before is told no yes that has been taken back since."""
    payment = bring_to(journal, State.APPROVED)
    with closing(connect(mysql_url)) as connection:
        connection.begin()
        connection.cursor().execute("SELECT count(*) FROM netcancel_payment")
        move(journal, payment, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
        seen = journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert seen is not None
        assert seen.state is State.CANCELLING


def of_sqlite(_: str) -> Any:
    """Return another driver's connection."""
    return sqlite3.connect(":memory:")


def without_transaction(url: str) -> Any:
    """Return a connection that commits each statement."""
    return connect(url, autocommit=True)


def without_journal(url: str) -> Any:
    """Return a connection to another database of the same server."""
    return connect(with_database(url, "mysql"))


def of_latin1(url: str) -> Any:
    """Return a connection that can't carry every text."""
    return connect(url, charset="latin1")


REFUSED: dict[Callable[[str], Any], str] = {
    of_sqlite: "PyMySQL",
    without_transaction: "no open transaction",
    without_journal: "another database",
    of_latin1: "utf8mb4",
}


@pytest.mark.parametrize(
    ("connecting", "sentence"), REFUSED.items(), ids=[each.__name__ for each in REFUSED]
)
def test_only_a_transaction_of_the_journals_database_is_joined(
    mysql_url: str, journal: Journal, connecting: Callable[[str], Any], sentence: str
) -> None:
    """Anything else is refused with a sentence, and nothing is written."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(connecting(mysql_url)) as connection:
        with pytest.raises(ConfigurationError, match=sentence):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        connection.commit()
    assert state_of(journal, payment) is State.UNCONFIRMED


def test_options_of_a_url_are_the_drivers() -> None:
    """TLS and a local socket, with their own types; what is escaped is what was meant."""
    assert parameters_of(
        "mysql://u%40x:p%2Fw@db.example:3307/shop?ssl_ca=/etc/ca.pem&ssl_verify_cert=true"
    ) == {
        "host": "db.example",
        "port": 3307,
        "user": "u@x",
        "password": "p/w",
        "database": "shop",
        "ssl_ca": "/etc/ca.pem",
        "ssl_verify_cert": True,
    }


def test_a_journal_of_an_older_release_is_brought_up_to_date(mysql_url: str) -> None:
    """New code refuses it before, and works on it after; a second step is none."""
    first, *later = SQL.migrations
    server = dataclasses.replace(MysqlServer(parameters_of(mysql_url), None), migrations=(first,))
    make_as_before(server)
    with pytest.raises(ConfigurationError, match="netcancel db upgrade"):
        open_at(mysql_url)
    tables = open_tables(mysql_url)
    assert tables.standing().missing == tuple(each.name for each in later)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: open_tables(mysql_url).upgrade(), range(4)))
    assert sorted(name for names in made for name in names) == [each.name for each in later]
    assert tables.standing().is_good
    with closing(open_at(mysql_url)) as journal:
        open_one(journal)


def make_as_before(server: MysqlServer) -> None:
    """Make a journal as the first release would have done, with what it wrote of itself."""
    with closing(server.connect()) as session:
        session.begin(writes=True)
        session.apply(server.migrations[0])
        values = {
            "id": bytes(16),
            "key_id": vault().key_id,
            "secret": vault().new_secret(),
            **_form_of(session, 1),
        }
        for name, value in values.items():
            session.execute(Query.WRITE_META, {"name": name, "value": value})
        session.announce_tables()
        session.commit()


def test_a_new_journal_is_the_sum_of_its_steps(mysql_url: str, journal: Journal) -> None:
    """Nothing is missing, and what somebody changed by hand is seen."""
    assert journal.strangers().result() == 0
    assert open_tables(mysql_url).standing().is_good
    run_mysql(mysql_url, "ALTER TABLE netcancel_worker ADD COLUMN more TEXT")
    assert not open_tables(mysql_url).standing().is_sum
    with pytest.raises(ConfigurationError, match="somebody changed"):
        open_tables(mysql_url).upgrade()


def test_its_health_says_what_is_in_force(journal: Journal) -> None:
    """The server's own words for its version and its syncs, and nothing to complain of."""
    facts = {fact.name: fact for fact in journal.health().result().facts}
    assert facts["schema"].found == str(SCHEMA)
    assert facts["innodb_flush_log_at_trx_commit"].found == "1"
    assert all(fact.holds for fact in facts.values())


def test_no_statement_that_runs_often_walks_through_the_whole_table(
    mysql_url: str, journal: Journal
) -> None:
    """Each finds its rows by an index, however many there are."""
    for _ in range(30):
        bring_to(journal, State.APPROVED)
    numbers: dict[str, Any] = {"now": 1, "limit": 1, "seq": 1, "closed_before": 1}
    values = defaultdict(lambda: "1", numbers | {"world": WORLD})
    for query in (
        Query.DUE, Query.DUE_NEWEST_FIRST, Query.COUNT_IN_DOUBT, Query.COUNT_OWED, Query.READ,
        Query.FIND, Query.FIND_BY_VAN_NUMBER, Query.HISTORY, Query.SHRED_KEYS, Query.SHRED_BODIES,
        Query.SHRED_ANSWERS, Query.MOVE, Query.NOTED_ANSWERS, Query.TELL, Query.NEGLECTED,
        Query.SUMMARY_IN_DOUBT, Query.SUMMARY_REFUSALS,
    ):  # fmt: skip
        steps = plan_of(mysql_url, query, values)
        assert [step for step in steps if step["type"] in ("ALL", "index")] == [], query


def test_payments_are_counted_by_an_index_alone(mysql_url: str, journal: Journal) -> None:
    """Their rows, which are long, are not read."""
    for _ in range(30):
        bring_to(journal, State.APPROVED)
    (step,) = plan_of(mysql_url, Query.SUMMARY_STATES, {"worlds": "[]"})
    assert (step["key"], "Using index" in step["Extra"]) == ("payment_due", True)


def plan_of(url: str, query: Query, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how the server would go about a statement: the steps on tables of payments."""
    ((text, parameters),) = SQL.bound(query, [values])
    with closing(connect(url, cursorclass=DictCursor)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"EXPLAIN {text}", parameters)
        return [row for row in cursor.fetchall() if row["table"] in TABLES]


TABLES = {"payment", "netcancel_payment", "netcancel_history", "kept"}
