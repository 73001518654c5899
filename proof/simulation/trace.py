"""What happened in a run, event by event, and the hash that says whether it happened so again."""

from __future__ import annotations

from hashlib import blake2b


class Trace:
    """The events of one run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, now: float, whose: str, what: str) -> None:
        """Remember one event."""
        self.lines.append(f"{now:.6f} {whose}: {what}")

    @property
    def digest(self) -> str:
        """The hash over every event."""
        return blake2b("\n".join(self.lines).encode(), digest_size=16).hexdigest()
