"""A real `netcancel proxy`: a process of its own, with a settings file."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.canaries import leaks_in
from tests.duty.shop import CREDENTIALS, ENVIRONMENT, VAULT_KEY
from tests.proxy.gate import DEADLINE_SECONDS
from tests.proxy.shop import CHANNEL, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.duty.shop import Shop as Books

GRACE_SECONDS: Final = 30.0
"""For a proxy to end in; only a failing test comes so far."""


@dataclass(frozen=True, slots=True)
class ProxyProgram:
    """How a proxy is started, again and again: its directory has all that it needs."""

    directory: Path

    @classmethod
    def of(
        cls, books: Books, directory: Path, *, tls: tuple[str, str] | None = None
    ) -> ProxyProgram:
        """Write the settings file: one channel, one shop, a free port that stays the same."""
        (directory / "channel").write_text(f"{CREDENTIALS.secret_key}\n")
        (directory / "shop").write_text(f"{SECRET}\n")
        (directory / "vault").write_text(f"{VAULT_KEY}\n")
        policy = books.policy
        lines = {
            "base_url": books.base_url,
            "channel_id": CREDENTIALS.channel_id,
            "secret_key_file": str(directory / "channel"),
            "vault_key_file": str(directory / "vault"),
            "journal": books.journal,
            "environment": ENVIRONMENT,
            "timeout_seconds": policy.timeout_seconds,
            "settle_seconds": policy.settle_seconds,
            "first_retry_seconds": policy.first_retry_seconds,
            "retry_ceiling_seconds": policy.retry_ceiling_seconds,
        }
        shop = {"channel_id": CHANNEL, "secret_key_file": str(directory / "shop")}
        shop["gateway_channel_id"] = CREDENTIALS.channel_id
        server = {"listen": f"127.0.0.1:{free_port()}"}
        if tls is not None:
            server |= {"certificate_file": tls[0], "key_file": tls[1]}
        text = [_toml(lines), "[[shops]]", _toml(shop), "[server]", _toml(server)]
        (directory / "netcancel.toml").write_text("\n".join(text), encoding="utf-8")
        return cls(directory)

    @contextmanager
    def run(self, *, seconds: float = DEADLINE_SECONDS) -> Iterator[ProxyProcess]:
        """Run it for at most so long; it is told to end at last, and what it wrote is looked at."""
        with (self.directory / "stderr").open("a+") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "netcancel.cli", "proxy"],
                cwd=self.directory,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=dict(os.environ) | {"PYTHONUNBUFFERED": "1"},
            )
        running = ProxyProcess(process)
        watch = threading.Timer(seconds, process.kill)
        watch.start()
        try:
            running.await_greeting()
            yield running
            running.end()
        finally:
            watch.cancel()
            process.kill()
            process.communicate()
            assert leaks_in(self.said()) == []

    def said(self) -> str:
        """Return what it wrote to its standard error."""
        return (self.directory / "stderr").read_text()


class ProxyProcess:
    """A running proxy."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.base_url = ""

    def await_greeting(self) -> None:
        """Wait until it serves."""
        assert self._process.stdout is not None
        greeting = self._process.stdout.readline()
        assert greeting.startswith("proxy on http"), greeting
        self.base_url = greeting.split()[2].rstrip(",")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end; it does so in order."""
        if self._process.poll() is None:
            self._process.send_signal(number)
            out, _ = self._process.communicate(timeout=GRACE_SECONDS)
            assert out == "proxy stopped\n"
            assert self._process.wait() == 0

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    """Return a port that was free just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        port: int = sock.getsockname()[1]
        return port


def _toml(values: dict[str, object] | dict[str, str]) -> str:
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
