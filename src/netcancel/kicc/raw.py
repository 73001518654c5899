"""What came back for a request, before anybody judged it.

The wire produces these values, the judge (`judge`) reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Reach(IntEnum):
    """How far an exchange came; a later step includes the earlier ones."""

    NOT_CONNECTED = 0
    """No connection, tunnel, TLS handshake or pinned key yet: not one byte of the request left."""
    NOTHING_SENT = 1
    """Connected; the kernel took no byte of the request."""
    PARTLY_SENT = 2
    SENT = 3
    """The kernel took the whole request; no byte of an answer came."""
    ANSWER_BEGUN = 4
    ANSWER_COMPLETE = 5
    """The whole answer came, but too late or in a form that is not HTTP as agreed."""


class Break(StrEnum):
    """Why an exchange ended without a complete answer."""

    DEADLINE = "deadline"
    """The total deadline passed."""
    CONNECTION = "connection"
    """Not connected, TLS refused, connection closed or reset, any other error of the network."""
    UNINTELLIGIBLE = "unintelligible"
    """Bytes came that are no HTTP answer within the limits."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One whole HTTP answer, received before the deadline."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case, in the order of arrival."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No whole answer came; `detail` is a short English sentence without data of the request."""

    reach: Reach
    why: Break
    detail: str

    @property
    def never_left(self) -> bool:
        """Whether the wire proves that not one byte of the request left this host."""
        return self.reach is Reach.NOT_CONNECTED


Reception = RawAnswer | NoAnswer
"""What the wire hands to the judge."""
