"""Bytes that are still in our kernel when we give up never reach the gateway."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from campaigns.network import ALONE, missing_here
from netcancel.kicc.raw import NoAnswer, Reach
from netcancel.wire import Gateway, Request, sockets
from tests.missing import missing
from tests.wire.answerer import PATIENCE

if TYPE_CHECKING:
    from tests.wire.conftest import Carry

SOON = 1.0
"""Seconds of a deadline that has to pass."""

REQUEST = Request("/smpy/kiccpay/reqAprv", (), b"x" * 12_000)
"""Far over the smallest receive buffer, and under what our kernel takes at once."""


def received_after_giving_up(carry: Carry) -> int:
    """Let a gateway read only after we gave up; returns how much of the request's body it gets."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        gateway = Gateway.parse(f"http://127.0.0.1:{listener.getsockname()[1]}")
        reception = carry(gateway, REQUEST, seconds=SOON)
        assert isinstance(reception, NoAnswer)
        assert reception.reach is Reach.SENT
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            count = 0
            try:
                while data := connection.recv(65536):
                    count += data.count(b"x")
            except ConnectionResetError:
                pass
            return count


def test_unsent_bytes_never_arrive(carry: Carry) -> None:
    """A gateway that stalls and reads after we gave up never sees the whole request."""
    assert received_after_giving_up(carry) < len(REQUEST.body)


def test_plain_close_would_deliver_them(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken twin, which closes plainly, delivers the request after we gave up."""
    monkeypatch.setattr(sockets, "_RESET_ON_CLOSE", struct.pack("ii", 0, 0))
    monkeypatch.setattr(sockets, "limit_sending", lambda *_: None)
    assert received_after_giving_up(carry) == len(REQUEST.body)


def in_a_network_of_its_own(*arguments: str) -> dict[str, object]:
    """Run `link_down.py` where its loopback is nobody else's; returns what it saw."""
    if lacking := missing_here():
        missing(lacking)
    script = Path(__file__).with_name("link_down.py")
    run = subprocess.run(
        [*ALONE, sys.executable, str(script), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    seen: dict[str, object] = json.loads(run.stdout)
    return seen


@pytest.mark.parametrize("transport", ["blocking", "awaiting"])
def test_bytes_sent_into_a_dead_link_never_arrive(transport: str) -> None:
    """What the kernel took while the link was down is gone when the link is back."""
    seen = in_a_network_of_its_own(transport, "reset")
    assert seen == {"reach": "SENT", "why": "deadline", "held": 0, "arrived": ["first", "third"]}


@pytest.mark.parametrize("transport", ["blocking", "awaiting"])
def test_plain_close_would_resend_them(transport: str) -> None:
    """The broken twin's kernel delivers the request when the link is back."""
    seen = in_a_network_of_its_own(transport, "plain-close")
    assert seen["held"] == 1
    assert sorted(seen["arrived"]) == ["first", "second", "third"]  # type: ignore[call-overload]
