"""A gateway that approves everything, as cheaply as asyncio can: its clients are what is measured.

It checks no signature and reads of a request only its length and its number. The connection is
kept unless the request says otherwise. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import re
import sys

BACKLOG = 1024
"""More than are ever in flight: no connection attempt may have to be repeated."""

TID, SVC_ID, BIZR_NO = "T123456789", "SVC_SIMPLE", "1234567890"
AMOUNT = 10_000

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CLOSE = re.compile(rb"(?i)\r\nconnection: *close")
_NUMBER = re.compile(rb'"mercTrxNo": *"([^"]*)"')
_BODY = (
    b'{"respCd":"0000","respMsg":"Approved","tid":"%b","svcId":"%b","bizrNo":"%b",'
    b'"trxAmt":%d,"aprvNo":"12345678","aprvDt":"20231225","vanTrxNo":"VAN12345678901234567",'
    b'"cardConfirmNo":"1234-56**-****-1234","mercTrxNo":"'
    % (TID.encode(), SVC_ID.encode(), BIZR_NO.encode(), AMOUNT)
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"


class Answerer(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            body, self._received = self._received[end + 4 : size], self._received[size:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        number = _NUMBER.search(body)
        assert number is not None
        answer = _BODY + number[1] + b'"}'
        self._transport.write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(answer) + answer)
        if _CLOSE.search(head):
            self._transport.close()


async def main() -> None:
    """Print the port, and serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answerer, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
