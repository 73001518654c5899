"""How commands end: the exit codes, and the exception that says why there is nothing more to do."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    NO = 1
    """The answer is no: declined, net-cancelled, refused, not found, not balanced."""
    WRONG = 2
    """Wrong usage or configuration, or a journal that can't be used: nothing was sent."""
    IN_DOUBT = 3
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""


class Stop(Exception):
    """Ends a command with one sentence for the person at the terminal."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence
