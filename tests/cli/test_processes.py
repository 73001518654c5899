"""worker and sandbox: processes that run until they are told to stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from netcancel.sandbox import RemoteSandbox, Sandbox
from netcancel.sandbox.faults import FAULTS
from tests.canaries import leaks_in
from tests.cli.test_approving import FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Run

DEADLINE_SECONDS = 30.0


@contextmanager
def child(
    *arguments: str, environ: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process of its own, and never leave it behind."""
    with subprocess.Popen(
        [sys.executable, "-m", "netcancel.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ) | {"PYTHONUNBUFFERED": "1"} | (environ or {}),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until something holds, at most until the deadline."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < until, "the deadline is over"
        time.sleep(0.05)


def ask(url: str) -> tuple[int, dict[str, Any]]:
    """Probe a worker."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=DEADLINE_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_worker_answers_probes(run: Run, van: Sandbox) -> None:
    """Alive while its loop runs, ready while it looks at its journal; nothing else is there."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused")
    assert run("approve", *FLAGS).code == 3
    with child("worker", "--probes", "127.0.0.1:0") as process:
        assert process.stdout is not None
        url = process.stdout.readline().rpartition("probes at ")[2].strip()
        wait_until(lambda: ask(f"{url}/ready")[0] == 200)
        wait_until(lambda: ask(f"{url}/ready")[1]["claimed"] >= 1)
        status, said = ask(f"{url}/live")
        assert (status, said["ready"], said["is_gateway_away"]) == (200, True, False)
        assert ask(f"{url}/payments")[0] == 404
        process.terminate()
        assert process.wait(DEADLINE_SECONDS) == 0


@pytest.mark.parametrize("address", ["0.0.0.0:8701", "gateway.example:1", "8701", "127.0.0.1:x"])
@pytest.mark.usefixtures("van")
def test_probes_are_answered_on_this_host_only(run: Run, address: str) -> None:
    """Anything else is refused before the worker begins."""
    assert run("approve", *FLAGS).code == 0
    result = run("worker", "--probes", address)
    assert result.code == 2
    assert "127.0.0.1:8701" in result.err


@pytest.mark.usefixtures("van")
def test_a_worker_notifies_systemd(run: Run, tmp_path: Path) -> None:
    """Ready when it works, alive as often as it was asked, stopping when it stops."""
    assert run("approve", *FLAGS).code == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(DEADLINE_SECONDS)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with child("worker", environ=environ) as process:
            heard = {notified.recv(100) for _ in range(4)}
            assert heard == {b"READY=1", b"WATCHDOG=1"}
            process.terminate()
            while notified.recv(100) != b"STOPPING=1":
                continue
            assert process.wait(DEADLINE_SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_recovers_until_it_is_stopped(
    run: Run, van: Sandbox, number: signal.Signals
) -> None:
    """It says that it works, closes what is due, and ends with 0 at either signal."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused")
    assert run("approve", *FLAGS).code == 3
    with child("worker") as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().startswith("worker started on sqlite:///netcancel.db for ")
        wait_until(lambda: van.charges()[0]["status"] == "voided")
        worker.send_signal(number)
        out, err = worker.communicate(timeout=DEADLINE_SECONDS)
    assert worker.returncode == 0
    assert out == "worker stopped\n"
    assert leaks_in(err) == []
    assert run("list", "--in-doubt", "--json").document == {"payments": []}


def test_a_stopped_worker_hands_back(
    run: Run, van: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds at the signal is due at once, for whoever comes next."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused")
    assert run("approve", *FLAGS).code == 3
    van.inject("net-cancel-silence", times=100)
    monkeypatch.setenv("NETCANCEL_TIMEOUT_SECONDS", "25")
    before = len(van.requests())
    with child("worker") as worker:
        wait_until(lambda: len(van.requests()) > before)
        worker.terminate()
        worker.communicate(timeout=DEADLINE_SECONDS)
    [row] = run("list", "--json").document["payments"]
    assert row["state"] == "net_cancelling"
    assert row["is_held"] is False
    assert row["due_at"] <= row["read_at"]


def test_an_alarm_goes_to_the_standard_error(
    run: Run, van: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment that is in doubt for too long is told to a person."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused", times=100)
    monkeypatch.setenv("NETCANCEL_ALARM_AFTER_SECONDS", "0.001")
    assert run("approve", *FLAGS).code == 3
    with child("worker") as worker:
        assert worker.stderr is not None
        assert "payment A of terminal" in worker.stderr.readline()
        worker.terminate()
        assert worker.wait(DEADLINE_SECONDS) == 0


def test_a_worker_without_a_journal_ends(run: Run, van: Sandbox) -> None:
    """A worker in another directory must not watch an empty file."""
    ran = run("worker")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no journal" in ran.err
    assert van.requests() == []


def test_the_sandbox_announces_itself_and_stops() -> None:
    """Its announcement is enough to use it and to look into its books."""
    with child("sandbox", "--json", "--seed", "3", "--fault", "decline:0.5") as sandbox:
        assert sandbox.stdout is not None
        text = ""
        while "\n}\n" not in text:
            text += sandbox.stdout.readline()
        said = json.loads(text)
        remote = RemoteSandbox(said["settings"]["NETCANCEL_BASE_URL"], said["admin_key"])
        assert remote.charges() == []
        sandbox.terminate()
        out, err = sandbox.communicate(timeout=DEADLINE_SECONDS)
    assert (sandbox.returncode, out, err) == (0, "", "")


def test_the_sandbox_prints_settings_for_a_shell() -> None:
    """Without --json each line exports one setting."""
    with child("sandbox") as sandbox:
        assert sandbox.stdout is not None
        lines = [sandbox.stdout.readline() for _ in range(6)]
    assert all(line.startswith("export NETCANCEL_") for line in lines)


def test_every_fault_is_listed(run: Run) -> None:
    """Text and JSON name each fault of the catalogue."""
    assert all(name in run("sandbox", "--list-faults").out for name in FAULTS)
    listed = run("sandbox", "--list-faults", "--json").document["faults"]
    assert [row["name"] for row in listed] == list(FAULTS)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--fault", "gremlin"), "no fault is called 'gremlin'"),
        (("--fault", "silence:2"), "rate must lie above 0 and at most at 1"),
        (("--fault", "silence:often"), "often"),
        (("--port", "99999"), "port 99999 can't be had"),
        (("--port", "-1"), "port -1 can't be had"),
        (("--port", "many"), "--port"),
    ],
)
def test_a_sandbox_that_cannot_be(run: Run, arguments: tuple[str, ...], part: str) -> None:
    """Exit 2 with a sentence."""
    ran = run("sandbox", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert part in ran.err
