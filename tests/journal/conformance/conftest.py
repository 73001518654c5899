"""What every journal promises, asked of each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from netcancel.journal import Journal, open_journal
from tests.journal.samples import Clock, open_at, open_file


@pytest.fixture(params=["memory", "sqlite", "postgres", "mysql"])
def journal(request: pytest.FixtureRequest, path: Path, clock: Clock) -> Iterator[Journal]:
    """Return an empty journal of each kind."""
    match request.param:
        case "memory":
            journal = open_journal("memory://", clock=clock)
        case "sqlite":
            journal = open_file(path, clock)
        case server:
            journal = open_at(request.getfixturevalue(f"{server}_url"), clock)
    yield journal
    journal.close()
