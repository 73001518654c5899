"""The campaign's processes: started, killed, paused and woken on purpose, and always ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from netcancel.settings import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

END_SECONDS: Final = 30.0
"""Between asking a process to end and killing it; more than any call takes."""
RESTART_SECONDS: Final = 0.3
"""Before a process that ended is started again."""


@dataclass(slots=True)
class Child:
    """One process, and how to start the one that takes its place."""

    name: str
    command: list[str]
    allowed_codes: frozenset[int]
    """With which it may end by itself, because there was no journal."""
    process: subprocess.Popen[str]
    wakes_at: float | None = None
    """When it is woken from its pause; None: it isn't paused."""
    starts_at: float | None = None
    """When it is started again; None: it runs."""


class Processes:
    """Leaving the `with` block ends them all, whatever happened in it."""

    def __init__(self, directory: Path, settings: Path) -> None:
        """Keep logs in `directory`; every child reads the settings file `settings`."""
        self._directory = directory
        self._children: dict[str, Child] = {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environ = kept | {
            f"{PREFIX}CONFIG": str(settings),
            "PYTHONUNBUFFERED": "1",
            "XDG_STATE_HOME": str(directory / "state"),
        }
        self.surprises: list[str] = []
        """Processes that ended by themselves in a way that nothing excuses."""
        self.deaths_for_want_of_a_journal = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.process.kill()
            _bury(child.process)

    def start(self, name: str, module: str, *words: str, allowed: frozenset[int]) -> None:
        """Start a module with arguments; what it writes to its standard error goes to NAME.log."""
        command = [sys.executable, "-m", module, *words]
        self._children[name] = Child(name, command, allowed, self._spawn(name, command))

    def document_of(self, name: str) -> dict[str, Any]:
        """Read the JSON document that a child begins with."""
        text = ""
        output = self._children[name].process.stdout
        for line in output or ():
            text += line
            if line == "}\n":
                document: dict[str, Any] = json.loads(text)
                return document
        raise RuntimeError(f"{name} said no document")

    def has_spoken(self, name: str) -> bool:
        """Whether a child has written something that nobody has read."""
        output = self._children[name].process.stdout
        return output is not None and bool(select.select([output], [], [], 0)[0])

    def awake(self, names: tuple[str, ...]) -> list[str]:
        """Return which of these run and aren't paused."""
        return [name for name in names if self._is_awake(self._children[name])]

    def kill(self, name: str) -> None:
        """Kill a child as a power cut would; it is started again soon."""
        child = self._children[name]
        child.process.kill()
        _bury(child.process)
        child.starts_at, child.wakes_at = time.monotonic() + RESTART_SECONDS, None

    def pause(self, name: str, seconds: float) -> None:
        """Stop a child, to be woken after so many seconds."""
        child = self._children[name]
        child.process.send_signal(signal.SIGSTOP)
        child.wakes_at = time.monotonic() + seconds

    def tend(self) -> None:
        """Wake those whose pause is over, and start again those that ended."""
        now = time.monotonic()
        for child in self._children.values():
            if child.wakes_at is not None and now >= child.wakes_at:
                child.process.send_signal(signal.SIGCONT)
                child.wakes_at = None
            if child.starts_at is None and child.process.poll() is not None:
                self._note_end(child)
            if child.starts_at is not None and now >= child.starts_at:
                child.process = self._spawn(child.name, child.command)
                child.starts_at = None

    def all_awake(self) -> bool:
        """Whether every child runs and none is paused."""
        return all(map(self._is_awake, self._children.values()))

    def hang_up(self, *names: str) -> None:
        """Let children finish what they have begun: their standard input ends."""
        for name in names:
            _close_input(self._children[name].process)
        self._reap(names)

    def terminate(self, *names: str) -> None:
        """End children by SIGTERM."""
        for name in names:
            self._children[name].process.terminate()
        self._reap(names)

    def _reap(self, names: tuple[str, ...]) -> None:
        """Wait for children that were asked to end, and forget them."""
        for name in names:
            process = self._children.pop(name).process
            try:
                code: int | None = process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = None
            _bury(process)
            if code != 0:
                how = "did not end" if code is None else f"ended with {code}"
                self.surprises.append(f"{name} was asked to end, and {how}")

    def _is_awake(self, child: Child) -> bool:
        return child.starts_at is None and child.wakes_at is None and child.process.poll() is None

    def _note_end(self, child: Child) -> None:
        code = child.process.returncode
        _bury(child.process)
        child.starts_at, child.wakes_at = time.monotonic() + RESTART_SECONDS, None
        if code in child.allowed_codes:
            self.deaths_for_want_of_a_journal += 1
        else:
            self.surprises.append(f"{child.name} ended by itself with {code}")

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[str]:
        with (self._directory / f"{name}.log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(  # noqa: S603  our own programs
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environ,
                # A Ctrl-C at the terminal is for the campaign alone: it ends the others in order.
                start_new_session=True,
            )


def _close_input(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _bury(process: subprocess.Popen[str]) -> None:
    process.wait()
    _close_input(process)
    if process.stdout is not None:
        process.stdout.close()
