"""A bare client for the sandbox's tests: raw bytes out, raw bytes and the connection's end in."""

import base64
import hmac
import json
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from netcancel.sandbox.world import CHANNEL_ID, SECRET_KEY
from tests.canaries import TOKEN

APPROVAL = "/smpy/kiccpay/reqAprv"
CANCEL = "/smpy/kiccpay/reqCancel"
NET_CANCEL = "/smpy/kiccpay/reqRtran"
JSON_TYPE = "application/json; charset=utf-8"
NONCE = "0b5f1a52-3a4c-4d8e-9a10-9f0d6c1e2b3a"
WAIT_SECONDS = 20.0

ELEVEN: dict[str, str | int] = {
    "tid": "T123456789",
    "svcId": "SVC_SIMPLE",
    "bizrNo": "1234567890",
    "mercTrxNo": "ORD_20231225_0001",
    "tokenKey": TOKEN,
    "alotMonth": "00",
    "trxAmt": 10_000,
    "vatAmt": 909,
    "svcAmt": 0,
    "tranDt": "20231225",
    "tranTm": "120000",
}


def eleven(**changes: str | int) -> dict[str, str | int]:
    """Return the manual's example with some fields changed."""
    return {**ELEVEN, **changes}


def cancel_of(charge: Mapping[str, Any], **changes: str | int) -> dict[str, str | int]:
    """Return the cancel of a charge, by its VAN number."""
    fields: dict[str, str | int] = {
        name: ELEVEN[name] for name in ELEVEN if name not in {"tokenKey", "mercTrxNo"}
    }
    fields |= {
        "mercTrxNo": "CANCEL_1",
        "wcc": "T",
        "cndTrxNo": charge["van_trx_no"],
        "orgAprvDt": charge["aprv_dt"],
        "orgAprvNo": charge["aprv_no"],
        "trxAmt": charge["trx_amt"],
    }
    return {**fields, **changes}


def mac(message: bytes, *, key: str = SECRET_KEY) -> str:
    """Return Base64(HMAC-SHA256)."""
    return base64.b64encode(hmac.digest(key.encode(), message, "sha256")).decode()


def signed(
    path: str,
    body: bytes,
    *,
    timestamp: str | None = None,
    nonce: str | None = None,
    channel: str = CHANNEL_ID,
    key: str = SECRET_KEY,
) -> dict[str, str]:
    """Return the four signature headers over these bytes."""
    timestamp = timestamp or str(int(time.time() * 1000))
    nonce = nonce or str(uuid.uuid4())
    message = f"{channel}{path}{timestamp}{nonce}".encode() + body
    return {
        "X-KICC-ChannelId": channel,
        "X-KICC-Timestamp": timestamp,
        "X-KICC-Nonce": nonce,
        "X-KICC-Authorization": mac(message, key=key),
    }


def raw_request(
    path: str,
    fields: Mapping[str, object] | bytes,
    *,
    method: str = "POST",
    keep_alive: bool = False,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return a whole signed request."""
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    lines = {
        "Host": "sandbox",
        "Content-Type": JSON_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "keep-alive" if keep_alive else "close",
        **signed(path, body),
        **(headers or {}),
    }
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items())
    return head.encode("latin-1") + b"\r\n" + body


@dataclass(frozen=True)
class Raw:
    """What came back until the connection ended, and how it ended: "eof" or "reset"."""

    data: bytes
    end: str

    @property
    def head(self) -> bytes:
        """Return status line and headers."""
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """Return what follows the first head."""
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        """Return the first status."""
        return int(self.data.split(b" ", 2)[1])

    def headers(self, name: str) -> list[str]:
        """Return all values of a header."""
        pairs = [line.decode("latin-1").partition(": ") for line in self.head.split(b"\r\n")[1:]]
        return [value for key, _, value in pairs if key.lower() == name.lower()]

    def json(self) -> dict[str, Any]:
        """Return the body as JSON."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@contextmanager
def connected(base_url: str) -> Iterator[socket.socket]:
    """Open a connection to the sandbox."""
    parts = urlsplit(base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=WAIT_SECONDS) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> Raw:
    """Read until the sandbox ends the connection."""
    data = b""
    try:
        while piece := connection.recv(65_536):
            data += piece
    except ConnectionResetError:
        return Raw(data, "reset")
    return Raw(data, "eof")


def send_raw(base_url: str, data: bytes) -> Raw:
    """Send bytes on a fresh connection and read until it ends."""
    with connected(base_url) as connection:
        connection.sendall(data)
        return read_to_end(connection)


def post(base_url: str, path: str, fields: Mapping[str, object]) -> Raw:
    """Send one signed request on a fresh connection."""
    return send_raw(base_url, raw_request(path, fields))
