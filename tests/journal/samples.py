"""Payments to try journals with."""

import base64
import itertools
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from netcancel.core.lifecycle import CancelReason, Event, Resolution, State, target
from netcancel.core.payment import (
    MICROSECONDS,
    Change,
    FrozenCancel,
    Intent,
    Known,
    Opened,
    Payment,
    TooMany,
    Used,
)
from netcancel.journal import Journal, open_journal
from netcancel.journal.vault import Vault
from netcancel.kicc import ApprovalAnswer, Loss
from tests.canaries import TOKEN

KEY_BYTES: Final = bytes((7 * n * n + 31 * n) % 251 for n in range(32))
KEY: Final = base64.b64encode(KEY_BYTES).decode()
OTHER_KEY: Final = base64.b64encode(KEY_BYTES[::-1]).decode()
OLD: Final = Path(__file__).parent / "old" / "schema_1.sql"
"""What the first release's tables held: one payment in each state, and two more."""
WORLD: Final = "https://gateway.example:443 CH_A1B2C3D4 production"
NUMBER: Final[dict[str, Any]] = {"worlds": [WORLD], "tid": "T123456789", "writer": "merchant"}
"""What a merchant's confirmation says besides the merchant's number."""
HOLD: Final = 39.0
SETTLE: Final = 900.0
START: Final = 1_700_000_000.0
NOW: Final = round(START * MICROSECONDS)
"""The same, as a journal keeps it."""
BODY: Final = b'{"tokenKey":"%s"}' % TOKEN.encode()
ANSWER: Final = ApprovalAnswer(resp_cd="0000", trx_amt=10_000, aprv_no="12345678")

_count = itertools.count(1)


class Clock:
    """A journal's clock that a test advances."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def vault() -> Vault:
    """Return a vault with the tests' key."""
    return Vault(KEY_BYTES)


def intent(**changes: Any) -> Intent:
    """Return an intent with a number, an id and a writer of its own."""
    number = next(_count)
    sample = Intent(
        id=f"payment-{number}",
        writer=f"owner{number}",
        world=WORLD,
        tid="T123456789",
        svc_id="SVC_SIMPLE",
        bizr_no="1234567890",
        merc_trx_no=f"ORD_{number}",
        alot_month="00",
        trx_amt=10_000,
        vat_amt=909,
        svc_amt=0,
        tran_dt="20231225",
        tran_tm="120000",
        same_data=b"the same order",
        net_cancel_body=BODY,
        hold_seconds=HOLD,
        settle_after_seconds=SETTLE,
    )
    return replace(sample, **changes)


def open_one(journal: Journal, **changes: Any) -> Payment:
    """Open a new payment."""
    opened = journal.open_new(intent(**changes)).result()
    assert isinstance(opened, Opened)
    return opened.payment


def fate(opened: Opened | Known | Used | TooMany) -> str:
    """Return what became of an intent, in one word."""
    return type(opened).__name__


CHANGES: Final = {
    State.APPROVED: Change(answer=ANSWER, code="0000"),
    State.DECLINED: Change(code="8521", message="limit exceeded"),
    State.NET_CANCELLING: Change(
        hold_seconds=HOLD, begins_debt=True, attempts=1, loss=Loss.READ_TIMEOUT, detail="silence"
    ),
    State.SETTLING: Change(due_seconds=60.0, attempts=0, code="0000"),
    State.NET_CANCELLED: Change(code="0000", note="acknowledged"),
    State.UNCONFIRMED: Change(due_seconds=60.0, answer=ANSWER, code="0000"),
    State.CANCELLING: Change(
        hold_seconds=HOLD,
        begins_debt=True,
        attempts=1,
        answer=ANSWER,
        cancel_reason=CancelReason.ASKED,
        cancel=FrozenCancel("CANCEL_1", b'{"mercTrxNo":"CANCEL_1"}'),
    ),
    State.CANCELLED: Change(code="0000", message="refunded"),
    State.ESCALATED: Change(alarmed=True, note="a person must decide"),
    State.RESOLVED: Change(resolution=Resolution.NO_CHARGE, note="somebody looked it up"),
}
"""What a move into a state has to write."""

WAYS: Final = {
    State.APPROVING: (),
    State.APPROVED: (Event.APPROVAL_PROVEN,),
    State.DECLINED: (Event.DECLINE_PROVEN,),
    State.NET_CANCELLING: (Event.ANSWER_LOST,),
    State.SETTLING: (Event.ANSWER_LOST, Event.ACKNOWLEDGED_EARLY),
    State.NET_CANCELLED: (Event.ANSWER_LOST, Event.ACKNOWLEDGED_LATE),
    State.UNCONFIRMED: (Event.APPROVAL_PROVEN_UNCONFIRMED,),
    State.CANCELLING: (Event.AMOUNT_DIFFERS,),
    State.CANCELLED: (Event.AMOUNT_DIFFERS, Event.CANCEL_PROVEN),
    State.ESCALATED: (Event.ANSWER_LOST, Event.WINDOW_CLOSED),
    State.RESOLVED: (Event.ANSWER_LOST, Event.WINDOW_CLOSED, Event.RESOLVED),
}
"""How a new payment comes to each of these states."""


FORBIDDEN: Final = {
    "change the history": "UPDATE history SET note = 'nothing happened'",
    "delete history": "DELETE FROM history",
    "delete a payment": "DELETE FROM payment",
    "change an amount": "UPDATE payment SET trx_amt = 1",
    "change a number": "UPDATE payment SET merc_trx_no = 'x'",
    "change a world": "UPDATE payment SET world = 'x'",
    "change the settle time": "UPDATE payment SET settle_at = settle_at + 1",
    "use a number for an open payment": "INSERT INTO used_number"
    " SELECT tid, merc_trx_no, 'approved', 1, 1 FROM payment",
    "use a number for nothing": "INSERT INTO used_number VALUES ('T', 'x', 'approved', 1, 1)",
    "forget a life": "DELETE FROM incarnation",
    "count back": "UPDATE incarnation SET count = count - 1",
    "forget a hold": "DELETE FROM hold",
    "release for nobody": "UPDATE hold SET released_at = 1, note = 'x'",
    "hold twice": "INSERT INTO hold (reason, held_at) VALUES ('x', 1)",
    "invent a state": "UPDATE payment SET state = 'forgotten'",
    "final and due": "UPDATE payment SET state = 'declined', code = 'x', is_held = 0",
    "owed and not due": "UPDATE payment SET due_at = NULL, is_held = 0",
    "approving, not held": "UPDATE payment SET is_held = 0",
    "owed without a beginning": "UPDATE payment SET state = 'net_cancelling'",
    "approved without proof": "UPDATE payment SET state = 'approved', due_at = NULL, is_held = 0",
    "declined without proof": "UPDATE payment SET state = 'declined', due_at = NULL, is_held = 0",
    "text for a number": "UPDATE payment SET attempts = 'many'",
    "no attempts less than none": "UPDATE payment SET attempts = -1",
}
"""What no database lets be written, whoever writes."""


def move(
    journal: Journal, seen: Payment, event: Event, change: Change, *, writer: str | None = None
) -> Payment:
    """Make a move that must succeed."""
    moved = journal.move_if_unchanged(seen, event, writer or seen.version.writer, change).result()
    assert moved is not None
    return moved


def bring_to(journal: Journal, state: State, **changes: Any) -> Payment:
    """Return a new payment in a state."""
    payment = open_one(journal, **changes)
    for event in WAYS[state]:
        lands = target(payment.state, event)
        payment = move(journal, payment, event, CHANGES[lands])
    return payment


def again(journal: Journal, payment: Payment) -> Payment:
    """Read a payment that is there."""
    read = journal.read(payment.id).result()
    assert read is not None
    return read


def claim(journal: Journal, *, limit: int = 100, writer: str = "worker") -> list[Payment]:
    """Claim what is due in the tests' world."""
    claims = journal.claim_due(world=WORLD, writer=writer, limit=limit, hold_seconds=HOLD)
    return [each.payment for each in claims.result()]


def open_at(url: str, clock: Clock | None = None, **options: Any) -> Journal:
    """Open a journal with the tests' key; without a clock, it has its usual one."""
    given: dict[str, Any] = {"vault_key": KEY, "clock": clock}
    return open_journal(url, **given | options)


def open_file(path: Path, clock: Clock | None = None, **options: Any) -> Journal:
    """Open the journal in a file with the tests' key, and a clock of theirs."""
    return open_at(f"sqlite:///{path}", clock or Clock(), **options)


def compatible_from(schema: int) -> str:
    """Return what says in a file that the code of this schema is the oldest that may work on it."""
    update = "UPDATE meta SET value = CAST('?' AS BLOB) WHERE name = 'compatible_from'"
    return update.replace("?", str(schema))


def old_file(path: Path) -> Path:
    """Make a journal as netcancel wrote it at schema 1, with the tests' key."""
    path.touch(0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
    return path
