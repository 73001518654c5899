"""The pytest plugin: pytest loads it by itself wherever netcancel is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netcancel.sandbox import Sandbox


@pytest.fixture
def kicc_sandbox() -> Iterator[Sandbox]:
    """Run a gateway of one's own on the loopback interface for the length of one test."""
    # Imported here: pytest loads this module at every start, also where no test needs a gateway.
    from netcancel.sandbox import Sandbox  # noqa: PLC0415

    with Sandbox() as sandbox:
        yield sandbox
