"""The processes of a performance: started, killed and paused on purpose, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Final, Self

from netcancel.settings import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

END_SECONDS: Final = 10.0
"""Between asking a process to end and killing it: a worker hands back what it holds."""


class Family:
    """Child processes; leaving the `with` block ends them all, whatever happened in it."""

    def __init__(self, directory: Path, config: Path) -> None:
        """Keep logs in `directory`; every child reads its settings from the file `config`."""
        self._directory = directory
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._wakes_at: dict[str, float] = {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environ = kept | {
            f"{PREFIX}CONFIG": str(config),
            "PYTHONUNBUFFERED": "1",
            "XDG_STATE_HOME": str(directory),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(*self._children)

    def start(self, name: str, *words: str) -> None:
        """Start a child (see `netcancel.cli.demo_child`); its errors go to a log of its name."""
        with self.log_path(name).open("a", encoding="utf-8") as log:
            self._children[name] = subprocess.Popen(  # noqa: S603  our own program
                [sys.executable, "-m", "netcancel.cli.demo_child", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environ,
                # A Ctrl-C at the terminal is for the parent alone: it ends the others in order.
                start_new_session=True,
            )

    def log_path(self, name: str) -> Path:
        """Return where a child's errors are."""
        return self._directory / f"{name}.log"

    def lines_of(self, name: str) -> IO[str]:
        """Return a child's standard output."""
        output = self._children[name].stdout
        if output is None:
            raise RuntimeError(f"{name} has no output")
        return output

    def is_running(self, name: str) -> bool:
        """Whether a child has not ended."""
        return self._children[name].poll() is None

    def failed(self) -> list[str]:
        """Name the children that ended by themselves and not well."""
        return [name for name, child in self._children.items() if child.poll() not in {None, 0}]

    def kill(self, name: str) -> None:
        """Kill a child as a power cut would, and forget it."""
        child = self._children.pop(name)
        self._wakes_at.pop(name, None)
        child.kill()
        _bury(child)

    def pause(self, name: str, seconds: float) -> None:
        """Stop a child where it is, until `wake_due` finds that so long has passed."""
        self._children[name].send_signal(signal.SIGSTOP)
        self._wakes_at[name] = time.monotonic() + seconds

    def is_paused(self, name: str) -> bool:
        """Whether a child is stopped."""
        return name in self._wakes_at

    def wake_due(self) -> list[str]:
        """Let the children go on whose pause is over; returns their names."""
        now = time.monotonic()
        due = [name for name, at in self._wakes_at.items() if at <= now]
        for name in due:
            self._wake(name)
        return due

    def _wake(self, name: str) -> None:
        del self._wakes_at[name]
        self._children[name].send_signal(signal.SIGCONT)

    def end(self, *names: str) -> None:
        """Ask children to end, wait, and kill those that don't."""
        for name in self._wakes_at.keys() & names:
            self._wake(name)
        children = [self._children.pop(name) for name in names]
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
            _bury(child)


def _bury(child: subprocess.Popen[str]) -> None:
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
