"""What most tests of journals begin with."""

from pathlib import Path

import pytest

from tests.journal.samples import Clock


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still until it is advanced."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal can be made."""
    return tmp_path / "journal.db"
