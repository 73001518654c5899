"""The processes that the benchmark starts; each ends when its standard input is closed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bench.load import Cell

if TYPE_CHECKING:
    from collections.abc import Iterator
Process = subprocess.Popen[str]


class Payer:
    """A variant at work in its own process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def measure(self, in_flight: int, seconds: float) -> Cell:
        """Have it keep so many payments in flight for a window of time."""
        return Cell.of(self._ask(in_flight=in_flight, seconds=seconds))

    def pay(self, in_flight: int, payments: int) -> dict[str, Any]:
        """Have it make so many payments; returns its resident memory then, and its commits."""
        return self._ask(in_flight=in_flight, payments=payments)

    def _ask(self, **command: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(_line_of(self._process))
        return answer


@contextlib.contextmanager
def answerer() -> Iterator[str]:
    """Start the gateway; yields its base URL."""
    with _running([sys.executable, "-m", "bench.answerer"]) as process:
        yield f"http://127.0.0.1:{int(_line_of(process))}"


@contextlib.contextmanager
def payer(name: str, base_url: str, journal: str, *tracer: str) -> Iterator[Payer]:
    """Start a variant with the journal at a URL; `tracer` is a command around it."""
    command = [sys.executable, "-m", "bench.child", name, base_url, journal]
    with _running([*tracer, *command]) as process:
        yield Payer(process)


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[Process]:
    with subprocess.Popen(  # noqa: S603  commands of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def _line_of(process: Process) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"{process.args!r} ended with {process.wait()}"
    return line
