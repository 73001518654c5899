"""A sandbox whose secret and card number are canaries, and children that are forked fast."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from netcancel.sandbox import Sandbox
from tests.canaries import CARD, SECRET
from tests.duty.nursery import Nursery
from tests.duty.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plant_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sandbox sign with a canary, and answer with a whole card number."""
    monkeypatch.setattr("netcancel.sandbox.world.SECRET_KEY", SECRET)
    monkeypatch.setattr("netcancel.sandbox.gateway.MASKED_CARD", CARD)


@pytest.fixture
def van() -> Iterator[Sandbox]:
    """Serve a gateway that remembers net-cancels."""
    with Sandbox() as van:
        yield van


@pytest.fixture
def shop(van: Sandbox, tmp_path: Path) -> Shop:
    """Set up a shop with patient time-outs."""
    return Shop.at(van, tmp_path)


@pytest.fixture(scope="session")
def _nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery") / "errors.log") as nursery:
        yield nursery


@pytest.fixture
def nursery(_nursery: Nursery) -> Iterator[Nursery]:
    """Fork children from a warmed process; the canary watch sees what they write."""
    yield _nursery
    sys.stderr.write(_nursery.new_errors())
