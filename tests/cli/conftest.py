"""A command line in a world of its own: a directory, settings, a key, and a sandbox."""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.cli import main
from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change, Intent, Opened, Payment
from netcancel.journal.opening import open_journal
from netcancel.sandbox import Sandbox
from tests.canaries import TOKEN, leaks_in

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.journal.contract import Journal

TID = "T123456789"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)


Run = Callable[..., Ran]
Plant = Callable[..., Payment]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, with a vault key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETCANCEL_VAULT_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
    monkeypatch.setenv("NETCANCEL_TID", TID)
    return tmp_path


@pytest.fixture
def run(
    place: Path,  # noqa: ARG001  where commands run
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Return what runs a command in this process; nothing that it prints shows a canary."""

    def run_one(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([str(each) for each in arguments])
        captured = capfd.readouterr()
        assert leaks_in(captured.out + captured.err) == []
        return Ran(code, captured.out, captured.err)

    return run_one


@pytest.fixture
def van(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return a sandbox, with everything set for using it; the token is in the file `token`."""
    with Sandbox() as sandbox:
        settings = {
            "BASE_URL": sandbox.base_url,
            "CHANNEL_ID": sandbox.credentials.channel_id,
            "SECRET_KEY": sandbox.credentials.secret_key,
            "SVC_ID": sandbox.merchant.svc_id,
            "BIZR_NO": sandbox.merchant.bizr_no,
            "TIMEOUT_SECONDS": "1",
            "SETTLE_SECONDS": "1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"NETCANCEL_{name}", value)
        (place / "token").write_text(TOKEN + "\n")
        yield sandbox


@pytest.fixture
def journal(place: Path) -> Iterator[Journal]:
    """Return the journal that commands read by default."""
    opened = open_journal(f"sqlite:///{place}/netcancel.db")
    yield opened
    opened.close()


MOVES: dict[str, list[tuple[Event, Change]]] = {
    "approving": [],
    "declined": [(Event.DECLINE_PROVEN, Change(code="8035", message="Declined"))],
    "net_cancelling": [(Event.OWNER_GAVE_UP, Change(due_seconds=60.0, begins_debt=True))],
}
MOVES["escalated"] = [
    *MOVES["net_cancelling"],
    (Event.WINDOW_CLOSED, Change(code="X123", message="Not now", alarmed=True)),
]


@pytest.fixture
def plant(journal: Journal) -> Plant:
    """Return what brings a payment into a state, as a guard and recovery would."""

    def plant_one(number: str, state: str, **change: Any) -> Payment:
        opened = journal.open_new(_intent(number)).result(10)
        assert isinstance(opened, Opened)
        payment: Payment | None = opened.payment
        for event, usual in MOVES[state]:
            assert payment is not None
            asked = Change(**change) if change else usual
            payment = journal.move_if_unchanged(payment, event, "f00d", asked).result(10)
        assert payment is not None
        return payment

    return plant_one


def _intent(number: str) -> Intent:
    return Intent(
        id=secrets.token_hex(16),
        writer="f00d",
        world="https://gateway.example:443 CH default",
        tid=TID,
        svc_id="SVC_SIMPLE",
        bizr_no="1234567890",
        merc_trx_no=number,
        alot_month="00",
        trx_amt=10_000,
        vat_amt=909,
        svc_amt=0,
        tran_dt="20260102",
        tran_tm="030405",
        same_data=b"same",
        net_cancel_body=b"body",
        hold_seconds=60.0,
        settle_after_seconds=60.0,
    )


@pytest.fixture
def environ(place: Path) -> dict[str, str]:
    """Return the environment for a command in a process of its own."""
    return dict(os.environ) | {"PYTHONUNBUFFERED": "1", "PWD": str(place)}
