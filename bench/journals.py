"""Each journal by itself: payments, recovered rows, and whether a claim costs more behind a queue.

The servers are started for the run, on loopback, with the same settings as for the tests. A queue
is rows that are all due: the worst that an outage leaves.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import sqlite3
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

import psycopg
import pymysql

from bench import processes
from bench.answerer import BIZR_NO, SVC_ID, TID
from bench.variants import CHANNEL, SECRET
from netcancel import Credentials, Merchant, Policy
from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change, Opened
from netcancel.desk import Desk
from netcancel.freezing import freeze
from netcancel.recovery import Recovery
from tests.servers.databases import with_database
from tests.servers.keeper import used
from tests.servers.kinds import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from netcancel.core.payment import Payment

SMALL: Final = 10_000
CLAIM: Final = 64
CLAIMS: Final = 40
IN_FLIGHT: Final = 64
RECOVERED: Final = 3_000
MADE_AT: Final = 1_700_000_000.0
FIRST: Final = "B0"

_KEY: Final = base64.b64encode(os.urandom(32)).decode()
_POLICY: Final = Policy(recovery_per_second=1_000_000.0, settle_seconds=0.0)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """What one journal did."""

    journal: str
    payments_per_second: float
    recovered_per_second: float
    rows: int
    claim_ms_small: float
    """Median of a claim of 64 rows behind 10,000 others."""
    claim_ms_large: float
    """The same behind `rows` others, measured in turns with it."""
    ratio: float


class Place:
    """Where journals of one kind can be made."""

    def __init__(self, name: str, url_of: Callable[[str], str]) -> None:
        self.name = name
        self.url_of = url_of


@contextlib.contextmanager
def places(directory: Path) -> Iterator[list[Place]]:
    """Return the kinds of journals that can be measured on this machine."""
    with contextlib.ExitStack() as stack:
        made = [Place("sqlite", lambda name: f"sqlite:///{directory / name}.db")]
        if found("postgres") is not None:
            made.append(
                Place("postgres", _postgres(stack.enter_context(used("postgres", directory))))
            )
        if found("mariadb") is not None:
            made.append(Place("mariadb", _mariadb(stack.enter_context(used("mariadb", directory)))))
        yield made


def run(base_url: str, directory: Path, *, rows: int, seconds: float) -> Iterator[JournalRow]:
    """Measure each kind of journal."""
    with places(directory) as kinds:
        for place in kinds:
            payments = _payments(base_url, place.url_of("payments"), seconds)
            recovered = _recovered(base_url, place.url_of("recovered"))
            small, large, ratio = _claims(base_url, place, rows)
            yield JournalRow(place.name, payments, recovered, rows, small, large, ratio)


def _payments(base_url: str, journal: str, seconds: float) -> float:
    with processes.payer("AsyncGuard", base_url, journal) as payer:
        payer.measure(IN_FLIGHT, seconds)
        cells = [payer.measure(IN_FLIGHT, seconds) for _ in range(3)]
    return median(cell.payments / cell.seconds for cell in cells)


def _recovered(base_url: str, journal: str) -> float:
    with _desk(base_url, journal) as desk:
        for future in [_owe(desk, f"R{place}") for place in range(RECOVERED)]:
            future.result()
        begun = time.perf_counter()
        report = asyncio.run(Recovery(desk).run_once(limit=RECOVERED))
        assert report.claimed == RECOVERED, report
        return RECOVERED / (time.perf_counter() - begun)


def _claims(base_url: str, place: Place, rows: int) -> tuple[float, float, float]:
    """Claim in turns from a short queue and from a long one."""
    urls = {size: place.url_of(f"rows{size}") for size in (SMALL, rows)}
    with contextlib.ExitStack() as stack:
        desks = {size: stack.enter_context(_desk(base_url, url)) for size, url in urls.items()}
        for size, desk in desks.items():
            _fill(desk, urls[size], size)
        took: dict[int, list[float]] = {size: [] for size in desks}
        for _ in range(CLAIMS):
            for size, desk in desks.items():
                took[size].append(_claim(desk))
        ratio = median(b / a for a, b in zip(took[SMALL], took[rows], strict=True))
        return 1_000 * median(took[SMALL]), 1_000 * median(took[rows]), ratio


def _claim(desk: Desk) -> float:
    begun = time.perf_counter()
    claims = desk.journal.claim_due(
        world=desk.world(), writer="bench", limit=CLAIM, hold_seconds=3_600.0
    ).result()
    assert len(claims) == CLAIM
    return time.perf_counter() - begun


@contextlib.contextmanager
def _desk(base_url: str, journal: str) -> Iterator[Desk]:
    desk = Desk.open(
        base_url=base_url,
        credentials=Credentials(channel_id=CHANNEL, secret_key=SECRET),
        journal=journal,
        policy=_POLICY,
        vault_key=_KEY,
    )
    try:
        yield desk
    finally:
        desk.journal.close()


def _fill(desk: Desk, url: str, rows: int) -> None:
    """Make a payment that is owed and due, and copies of its row.

    A copy's sealed text is another row's and won't open; to find that takes a claim as long.
    """
    _owe(desk, FIRST).result()
    _MULTIPLY[url.partition(":")[0]](url, rows - 1)


def _owe(desk: Desk, number: str) -> Future[Payment | None]:
    """Make a payment that is owed a net-cancel, and due."""
    order = freeze(
        Merchant(tid=TID, svc_id=SVC_ID, bizr_no=BIZR_NO),
        world=desk.world(),
        writer="owner",
        at=MADE_AT,
        policy=desk.policy,
        merc_trx_no=number,
        token_key="TOKEN_ABC123XYZ",  # noqa: S106  the manual's example
        trx_amt=10_000,
        vat_amt=909,
    )
    opened = desk.journal.open_new(order.intent).result()
    assert isinstance(opened, Opened)
    owed = Change(due_seconds=0.0, begins_debt=True)
    return desk.journal.move_if_unchanged(opened.payment, Event.ANSWER_LOST, "owner", owed)


# What stands in a copy of the row where it must differ; `n` is the number of the copy.
_NEW: Final = {"id": "{id}", "merc_trx_no": "{number}", "due_at": "due_at - {n}"}


def _multiply_sqlite(url: str, copies: int) -> None:
    path = url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(payment)")]
        connection.execute("PRAGMA synchronous=OFF")
        copy = _copy(columns, "payment", identity="printf('%032d', n)", number="'B' || n")
        connection.execute(
            "WITH RECURSIVE copies (n) AS"
            " (SELECT 1 UNION ALL SELECT n + 1 FROM copies LIMIT ?) " + copy,
            (copies,),
        )
        connection.execute("ANALYZE")


def _multiply_postgres(url: str, copies: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'netcancel' AND table_name = 'payment'"
        )
        columns = [row[0] for row in found]
        connection.execute("SET synchronous_commit = off")
        # No triggers: they would tell the copies' histories, and look up keys and numbers for each.
        connection.execute("SET session_replication_role = replica")
        identity, number = "lpad(n::text, 32, '0')", "'B' || n"
        copy = _copy(columns, "netcancel.payment", identity=identity, number=number)
        series = f"WITH copies (n) AS (SELECT generate_series(1, {copies})) "
        connection.execute((series + copy).encode())
        connection.execute("VACUUM ANALYZE netcancel.payment")


def _multiply_mariadb(url: str, copies: int) -> None:
    with contextlib.closing(_mariadb_connection(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name LIKE '%payment'"
            " AND extra NOT LIKE '%GENERATED%'"
        )
        columns = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name LIKE '%payment'"
        )
        (table,) = (row[0] for row in cursor.fetchall())
        identity, number = "lpad(n, 32, '0')", "concat('B', n)"
        copy = _copy(columns, table, identity=identity, number=number)
        insert, _, select = copy.partition(" SELECT ")
        copies_of = f"(SELECT seq AS n FROM seq_1_to_{copies}) AS copies"
        cursor.execute(f"{insert} SELECT {select}".replace("copies", copies_of, 1))
        cursor.execute(f"ANALYZE TABLE {table}")


def _copy(columns: list[str], table: str, *, identity: str, number: str) -> str:
    """Return the statement that copies the first row once for each number of `copies`."""
    names = [name for name in columns if name != "seq"]
    values = [
        _NEW.get(name, "payment." + name).format(id=identity, number=number, n="n")
        for name in names
    ]
    return (
        f"INSERT INTO {table} ({', '.join(names)})"
        f" SELECT {', '.join(values)} FROM copies CROSS JOIN {table} AS payment"
        f" WHERE payment.merc_trx_no = '{FIRST}'"
    )


def _postgres(server: str) -> Callable[[str], str]:
    def url_of(name: str) -> str:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING UTF8 TEMPLATE template0".encode())
        return with_database(server, name)

    return url_of


def _mariadb(server: str) -> Callable[[str], str]:
    def url_of(name: str) -> str:
        connection = _mariadb_connection(server)
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return with_database(server, name)

    return url_of


def _mariadb_connection(url: str) -> pymysql.Connection:
    parts = psycopg.conninfo.conninfo_to_dict(url.replace("mysql:", "postgresql:", 1))
    return pymysql.connect(
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        user=str(parts["user"]),
        password=str(parts["password"]),
        database=str(parts["dbname"]),
        autocommit=True,
    )


_MULTIPLY: Final[dict[str, Callable[[str, int], None]]] = {
    "sqlite": _multiply_sqlite,
    "postgresql": _multiply_postgres,
    "mysql": _multiply_mariadb,
}
