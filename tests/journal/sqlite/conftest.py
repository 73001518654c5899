"""A journal in a file of its own, open or closed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from netcancel.journal import Journal
from tests.journal.samples import Clock, open_file


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    """Return an empty journal that is open, at `path`."""
    with closing(open_file(path, clock)) as journal:
        yield journal


@pytest.fixture
def made(path: Path) -> Path:
    """Return the file of an empty journal."""
    open_file(path).close()
    return path
