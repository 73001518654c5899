"""Give up on a request while the link is down, and see what arrives when it is back.

Run in a network namespace of its own: `link_down.py blocking|awaiting reset|plain-close`.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys

from campaigns.network import held_by_the_kernel, set_link
from netcancel.kicc.raw import NoAnswer, RawAnswer, Reception
from netcancel.wire import AwaitingTransport, BlockingTransport, Gateway, Request, clock, sockets
from tests.wire.answerer import PATIENCE, Answerer, answers
from tests.wire.zoo import sized

SOON = 0.5
KEPT = 60.0


class Carrier:
    """One of the two transports, keeping its connection."""

    def __init__(self, name: str, gateway: Gateway) -> None:
        self._runner = asyncio.Runner()
        self._transport: BlockingTransport | AwaitingTransport = (
            BlockingTransport(gateway, keep_alive_seconds=KEPT)
            if name == "blocking"
            else AwaitingTransport(gateway, keep_alive_seconds=KEPT)
        )

    def carry(self, body: str, seconds: float) -> Reception:
        """Send one request with this body."""
        request = Request("/a", (), body.encode())
        deadline = clock.now() + seconds
        if isinstance(self._transport, BlockingTransport):
            return self._transport.exchange(request, deadline=deadline)
        return self._runner.run(self._transport.exchange(request, deadline=deadline))

    def close(self) -> None:
        """Close what is idle, and the loop."""
        if isinstance(self._transport, BlockingTransport):
            self._transport.close()
        else:
            self._runner.run(self._transport.aclose())
        self._runner.close()


def main(transport: str, ending: str) -> None:
    """Send the first request with the link up, the second while it is down, the third after."""
    if ending == "plain-close":
        sockets._RESET_ON_CLOSE = struct.pack("ii", 0, 0)
        sockets.limit_sending = lambda *_: None
    set_link("up")
    with Answerer(answers(sized())) as gateway:
        carrier = Carrier(transport, Gateway.parse(gateway.base_url))
        first = carrier.carry("first", PATIENCE)
        set_link("down")
        second = carrier.carry("second", SOON)
        held = held_by_the_kernel(gateway.port)
        set_link("up")
        if held:
            gateway.arrived.get(timeout=PATIENCE)
            gateway.arrived.get(timeout=PATIENCE)
        third = carrier.carry("third", PATIENCE)
        carrier.close()
        if not isinstance(first, RawAnswer) or not isinstance(third, RawAnswer):
            raise SystemExit(f"the link isn't as it should be: {first} {third}")
        if not isinstance(second, NoAnswer):
            raise SystemExit("an answer came over a dead link")
        seen = {
            "reach": second.reach.name,
            "why": second.why.value,
            "held": held,
            "arrived": [request.rpartition(b"\r\n")[2].decode() for request in gateway.requests],
        }
    print(json.dumps(seen))  # noqa: T201  the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
