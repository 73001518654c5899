"""A gate before the gateway: what happens meanwhile, no clock decides."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from netcancel.sandbox import Sandbox

DEADLINE_SECONDS = 40.0
"""For whatever a test waits for; only a failing test comes so far."""


class Gate:
    """Holds up every request at the gateway until it is opened."""

    def __init__(self, van: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = threading.Event()
        self._came = threading.Event()
        receive = van._world.gateway.receive

        def held(request: Any) -> Any:
            self._came.set()
            self._open.wait(DEADLINE_SECONDS)
            return receive(request)

        monkeypatch.setattr(van._world.gateway, "receive", held)

    def wait_until_reached(self) -> None:
        """Wait until a request stands before it."""
        assert self._came.wait(DEADLINE_SECONDS)

    def open(self) -> None:
        """Let all through, from now on."""
        self._open.set()
