"""demo: real processes, real kills, real books; and nothing is left behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from netcancel.cli.demo_view import Lines, drawn
from netcancel.client import Client
from netcancel.core.lifecycle import State
from netcancel.demo.payer import orders, read_told
from netcancel.demo.stage import Snapshot
from netcancel.kicc import ApprovalProven, ApprovalRequest, Credentials
from netcancel.sandbox.faults import CATALOGUE
from tests.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Run

PROCESSES = Path("/proc")
PATIENCE_SECONDS = 150.0


@contextmanager
def demo(directory: Path, payments: int) -> Iterator[subprocess.Popen[str]]:
    """Start the demonstration in a process of its own, with its output into a pipe."""
    arguments = ["--payments", str(payments), "--seed", "7", "--keep", str(directory)]
    with subprocess.Popen(
        [sys.executable, "-m", "netcancel.cli", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def left_behind(directory: Path) -> list[str]:
    """Name the processes that were started for a demonstration in this directory."""
    if not (PROCESSES / "self" / "environ").exists():
        missing("a /proc that lists the processes")
    found = []
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if str(directory).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it ended meanwhile, or it is somebody else's
    return found


def wait_for_children(directory: Path, count: int) -> None:
    """Wait until a demonstration has so many processes."""
    until = time.monotonic() + 30
    while len(left_behind(directory)) != count:
        assert time.monotonic() < until, left_behind(directory)
        time.sleep(0.05)


def read_until(process: subprocess.Popen[str], part: str) -> str:
    """Read the output up to a line with this part in it."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if part in line:
            return text
    raise AssertionError(text)


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_the_demonstration_ends_with_balanced_books(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills are told, the books balance, exit 0; the kept directory is a working one."""
    directory = tmp_path / "kept"
    with demo(directory, 30) as process:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (0, "")
    for part in ("30 payments, seed 7", "worker-1 killed with SIGKILL", "of 30 closed"):
        assert part in out
    assert "SHOP1 killed with SIGKILL" in out
    assert out.endswith("The books balance.\n")
    wait_for_children(directory, 0)
    monkeypatch.chdir(directory)
    for name in ("NETCANCEL_VAULT_KEY", "NETCANCEL_TID"):
        monkeypatch.delenv(name)
    assert len(run("list", "--json").document["payments"]) == 30


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_a_charge_outside_the_journal_is_found(tmp_path: Path) -> None:
    """A ledger with one charge that the journal doesn't know: an orphan, and exit 1."""
    directory = tmp_path / "kept"
    with demo(directory, 10) as process:
        begun = read_until(process, " closed;")
        _charge_outside(tomllib.loads((directory / "netcancel.toml").read_text()))
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (1, "")
    assert "OUTSIDE: orphan charge" in out
    assert "The books do NOT balance." in out
    assert begun.startswith("10 payments")
    wait_for_children(directory, 0)


def _charge_outside(settings: dict[str, Any]) -> None:
    """Charge a card past the journal; tries until no fault is in the way."""
    client = Client(
        base_url=settings["base_url"],
        credentials=Credentials(
            channel_id=settings["channel_id"], secret_key=settings["secret_key"]
        ),
        timeout_seconds=1.0,
    )
    for index in range(20):
        request = ApprovalRequest(
            tid=settings["tid"],
            svc_id=settings["svc_id"],
            bizr_no=settings["bizr_no"],
            merc_trx_no="OUTSIDE" if index == 0 else f"OUTSIDE{index}",
            token_key="TOKEN_OF_NOBODY",
            trx_amt=100,
            vat_amt=9,
            tran_dt="20260102",
            tran_tm="030405",
        )
        if isinstance(client.approve(request), ApprovalProven):
            return
    raise AssertionError("every attempt met a fault")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demonstration_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, a polite end and a kill of the parent each end all its children."""
    directory = tmp_path / "kept"
    with demo(directory, 200) as process:
        read_until(process, " closed;")
        wait_for_children(directory, 5)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    if number is signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert (process.returncode, err) == (130, "netcancel: interrupted\n")
    wait_for_children(directory, 0)


@pytest.mark.parametrize("payments", ["0", "-1", "5001", "many"])
def test_a_demonstration_has_its_size(run: Run, payments: str) -> None:
    """A number beyond the limits is refused."""
    ran = run("demo", "--payments", payments)
    assert ran.code == 2
    assert "--payments" in ran.err


def test_a_used_directory_is_refused(run: Run, place: Path) -> None:
    """Nobody's files are mixed with a demonstration's."""
    (place / "mine").write_text("mine")
    ran = run("demo", "--keep", ".")
    assert ran.code == 2
    assert "is not empty" in ran.err
    assert [each.name for each in place.iterdir()] == ["mine"]


def test_a_seed_decides_all_orders() -> None:
    """The process that replaces a killed one makes the very same calls."""
    assert list(orders("S", 20, 3)) == list(orders("S", 20, 3))
    assert list(orders("S", 20, 3)) != list(orders("S", 20, 4))
    assert len({order["merc_trx_no"] for order in orders("S", 20, 3)}) == 20


def test_a_line_that_was_cut_was_not_told(tmp_path: Path) -> None:
    """A kill in the middle of a line doesn't count as an answer."""
    path = tmp_path / "told"
    assert read_told(path) == []
    path.write_text('{"merc_trx_no": "A", "outcome": "Approved"}\n{"merc_trx')
    assert read_told(path) == [{"merc_trx_no": "A", "outcome": "Approved"}]


def test_the_demonstration_uses_every_fault() -> None:
    """Each fault of the catalogue has a rate."""
    from netcancel.demo.scene import fault_words

    assert [word.split(":")[0] for word in fault_words()] == [fault.name for fault in CATALOGUE]


def test_the_live_picture_shows_what_happens() -> None:
    """States, what callers were told, the ledger, faults, kills and progress are on the screen."""
    seen = Snapshot(
        total=40,
        seconds=12.0,
        told={"Approved": 9, "InDoubt": 1},
        by_state={State.APPROVED: 9, State.NET_CANCELLING: 3, State.NET_CANCELLED: 2},
        in_doubt=3,
        live=10,
        given_back=4,
        faults=7,
        events=("  6 s  worker-1 killed with SIGKILL",),
    )
    console = Console(file=io.StringIO(), force_terminal=True, width=100, record=True)
    console.print(drawn(seen))
    text = console.export_text()
    for part in (
        "11 of 40 payments closed, 12 s",
        "9 Approved, 1 InDoubt",
        "10 live, 4 given back",
        "worker-1 killed",
        *(state.meaning for state in seen.by_state),
    ):
        assert part in text


def test_lines_are_few_and_events_come_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a terminal a line is written every few seconds, and for each event."""
    with Lines() as show:
        for tenth in range(60):
            events = ("killed",) if tenth > 30 else ()
            show(Snapshot(total=1, seconds=tenth / 10, events=events))
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines.count("killed") == 1
