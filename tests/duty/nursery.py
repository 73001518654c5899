"""Processes that are forked from a warmed one: a child costs milliseconds, not a new Python.

Run as a program this is that warmed process. It reads orders from its input, one JSON object a
line, and forks for each; a child tells its parent JSON values, and how it ended is told at last.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections import defaultdict
from typing import IO, TYPE_CHECKING, Any, Final, Self

from tests.duty import parts
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_SECONDS: Final = 50.0
"""For whatever a test waits for from a child; only a failing test comes so far."""


class Nursery:
    """The test's side."""

    def __init__(self, errors: Path) -> None:
        """Prepare; what children write to their standard error goes to the file `errors`."""
        self._errors = errors
        self._errors_seen = 0
        self._children = 0
        self._told: defaultdict[int, queue.SimpleQueue[dict[str, Any]]] = defaultdict(
            queue.SimpleQueue
        )

    def __enter__(self) -> Self:
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.duty.nursery"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: IO[str] = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)

    def start(self, part: str, **arguments: Any) -> Child:
        """Fork a child that plays a part (a function of `tests.duty.parts`)."""
        self._children += 1
        number = self._children
        order = {"child": number, "part": part, "arguments": arguments}
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return Child(self._told[number])

    def new_errors(self) -> str:
        """Return what children wrote to their standard error since the last call."""
        text = self._errors.read_text()
        new, self._errors_seen = text[self._errors_seen :], len(text)
        return new

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                message = json.loads(line)
                self._told[message.pop("child")].put(message)


class Child:
    """A child: what it says, and how it ended."""

    def __init__(self, told: queue.SimpleQueue[dict[str, Any]]) -> None:
        self._told = told
        self.pid: int = self._next()["pid"]
        self.ended_by: int | None = None

    def hear(self) -> Any:
        """Return the next value that the child says; fails where it ends instead."""
        message = self._next()
        assert "said" in message, f"the child ended: {message}"
        return message["said"]

    def hear_until(self, word: str) -> None:
        """Wait until the child says a word."""
        while self.hear() != word:
            continue

    def end(self) -> list[Any]:
        """Wait for the end and return everything that was said and not heard before."""
        said = []
        while "said" in (message := self._next()):
            said.append(message["said"])
        self.ended_by = message["ended"]
        return said

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the child a signal."""
        os.kill(self.pid, number)

    def _next(self) -> dict[str, Any]:
        return self._told.get(timeout=DEADLINE_SECONDS)


def _tell(**message: Any) -> None:
    # One write of less than PIPE_BUF: lines of several processes never mix.
    os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def _mind(child: int, part: str, arguments: dict[str, Any]) -> None:
    """Fork the child proper, wait for its end, and tell of it."""
    pid = os.fork()
    if pid == 0:
        _tell(child=child, pid=os.getpid())
        code = 1
        try:
            getattr(parts, part)(lambda value: _tell(child=child, said=value), **arguments)
            code = 0
        except BaseException:  # noqa: BLE001  whatever it was, it must be seen
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    _tell(child=child, ended=os.waitstatus_to_exitcode(status))


def main() -> None:
    """Fork for each order, until there are no more."""
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _mind(**json.loads(line))
            finally:
                os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the minders
    main()
