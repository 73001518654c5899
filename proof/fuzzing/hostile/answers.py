"""One answer and its way to the client: what it proves, if it arrives, and how it travels."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final

from proof.fuzzing import grammar, wire_oracle
from proof.fuzzing.checks import proven_by
from proof.fuzzing.oracle import Ours, Says
from tests.wire.answerer import reset

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS: Final = 1.0
"""How long the guards wait for an answer."""

LATE_SECONDS: Final = 1.5
"""When a late answer is complete."""


class Ending(StrEnum):
    """What becomes of the connection behind the answer."""

    CLOSE = "close"
    HOLD = "hold"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of an answer, cut into pieces, and what happens between and behind them."""

    pieces: tuple[bytes, ...]
    pause_seconds: float
    ending: Ending
    proves: Says
    """What its bytes prove, as the oracles read them."""
    is_plain: bool
    """Whether it has the plainest form, which no client may refuse."""

    @property
    def is_late(self) -> bool:
        """Whether it is complete only after the client gave up."""
        return self.pause_seconds * len(self.pieces) >= LATE_SECONDS

    def allows(self, judged: Says) -> bool:
        """Tell whether a client may make this of it."""
        if judged is Says.LOST:
            is_sure = self.is_plain and not self.is_late and self.ending is not Ending.RESET
            return self.proves is Says.LOST or not is_sure
        return judged is self.proves and not self.is_late

    def send(self, connection: socket.socket) -> None:
        """Send it, and end the connection as it is meant to end."""
        for piece in self.pieces:
            time.sleep(self.pause_seconds)
            connection.sendall(piece)
        if self.ending is Ending.RESET:
            reset(connection)
        elif self.ending is Ending.CLOSE:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)


def drawn(
    draw: Random, ours: Ours, says_of_body: Callable[[bytes], Says], code: str | None = None
) -> Answer:
    """Draw an answer about a payment; `code` None: any."""
    changes = draw.choice((0, 0, 1, 3))
    whole = grammar.answer(draw, grammar.body(draw, ours, code, changes=changes), changes=changes)
    pieces, pause = _travel(draw, whole)
    ending = draw.choices((Ending.CLOSE, Ending.HOLD, Ending.RESET), (12, 2, 1))[0]
    proves = proven_by(whole, says_of_body)
    return Answer(pieces, pause, ending, proves, wire_oracle.is_plain(whole))


def documented(ours: Ours, code: str = "0000") -> Answer:
    """Make the answer that everybody hopes for."""
    whole = grammar.answer(Random(0), grammar.written(grammar.members(ours, code)), changes=0)  # noqa: S311  of no chance
    return Answer((whole,), 0.0, Ending.CLOSE, Says.DONE, is_plain=True)


def _travel(draw: Random, whole: bytes) -> tuple[tuple[bytes, ...], float]:
    """Cut an answer into pieces; return them and the pause before each."""
    count = draw.choice((1, 1, 2, 7, 40))
    size = len(whole) // count + 1
    pieces = tuple(whole[at : at + size] for at in range(0, len(whole), size)) or (b"",)
    is_late = draw.randrange(20) == 0
    return pieces, LATE_SECONDS / len(pieces) if is_late else 0.0
