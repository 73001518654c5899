"""A shop that knows nothing of netcancel: it signs, sends and reads as the manual says."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import socket
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.canaries import SECRET as CANARY
from tests.canaries import TOKEN

APPROVAL = "/smpy/kiccpay/reqAprv"
CANCEL = "/smpy/kiccpay/reqCancel"
NET_CANCEL = "/smpy/kiccpay/reqRtran"

CHANNEL = "CH_SHOP1"
SECRET = f"{CANARY[:16]}-of-the-shop-{CANARY[-16:]}"
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop reads: the status, the bytes of the body, and what kind they are."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = "application/json; charset=utf-8"

    @property
    def members(self) -> dict[str, Any]:
        """The body as JSON."""
        members: dict[str, Any] = json.loads(self.body)
        return members

    @property
    def code(self) -> str:
        """The result code."""
        return str(self.members["respCd"])


def check_form(answer: Answer, asked: dict[str, Any]) -> None:
    """Check that an answer has the manual's form and, where it echoes, echoes the request."""
    assert answer.content_type == "application/json; charset=utf-8"
    pairs = json.loads(answer.body, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    assert isinstance(answer.members["respCd"], str)
    assert re.fullmatch("[!-~]{4}", answer.code)
    assert isinstance(answer.members["respMsg"], str)
    for name in ("tid", "svcId", "bizrNo", "mercTrxNo"):
        if name in answer.members:
            assert answer.members[name] in (asked[name], asked[name][:20]), name


def order(number: str, **fields: Any) -> dict[str, Any]:
    """Return an approval's fields; None takes one away."""
    values = {
        "tid": "T123456789",
        "svcId": "SVC_SIMPLE",
        "bizrNo": "1234567890",
        "mercTrxNo": number,
        "tokenKey": TOKEN,
        "alotMonth": "00",
        "trxAmt": 10_000,
        "vatAmt": 909,
        "svcAmt": 0,
        "tranDt": "20231225",
        "tranTm": "120000",
    } | fields
    return {name: value for name, value in values.items() if value is not None}


NET_CANCEL_FIELDS = tuple(order("any"))


def cancel_of(approval: dict[str, Any], answer: Answer, **fields: Any) -> dict[str, Any]:
    """Return a cancel's fields for an approved order, by the VAN's number."""
    told = answer.members
    kept = ("tid", "svcId", "bizrNo", "alotMonth", "trxAmt", "vatAmt", "svcAmt", "tranDt", "tranTm")
    return (
        {name: approval[name] for name in kept}
        | {
            "mercTrxNo": f"C_{approval['mercTrxNo']}"[:20],
            "wcc": "T",
            "cndTrxNo": told["vanTrxNo"],
            "orgAprvDt": told["aprvDt"],
            "orgAprvNo": told["aprvNo"],
        }
        | fields
    )


def written(fields: dict[str, Any]) -> bytes:
    """Write a body as some shop does: with spaces, and Hangul as it is."""
    return json.dumps(fields, ensure_ascii=False, indent=1).encode()


def signed(
    path: str, body: bytes, *, channel: str = CHANNEL, secret: str = SECRET, **parts: str
) -> dict[str, str]:
    """Return the headers of a request (spec 1.3)."""
    timestamp = parts.get("timestamp", str(time.time_ns() // 1_000_000))
    nonce = parts.get("nonce", str(uuid.uuid4()))
    text = f"{channel}{path}{timestamp}{nonce}".encode() + body
    digest = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "X-KICC-ChannelId": channel,
        "X-KICC-Timestamp": timestamp,
        "X-KICC-Nonce": nonce,
        "X-KICC-Authorization": base64.b64encode(digest).decode(),
    }


def send(
    base_url: str,
    path: str,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    seconds: float = WAIT_SECONDS,
) -> Answer:
    """Send a request and read the whole answer; raises `OSError` or `http.client` errors."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        connection.request("POST", path, body, signed(path, body) if headers is None else headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), answer.headers["Content-Type"])
    finally:
        connection.close()


def ask(base_url: str, path: str, fields: dict[str, Any]) -> Answer:
    """Ask for what stands in the fields; whatever is answered has the manual's form."""
    answer = send(base_url, path, written(fields))
    check_form(answer, fields)
    return answer


def pay(base_url: str, number: str, **fields: Any) -> Answer:
    """Ask for an approval."""
    return ask(base_url, APPROVAL, order(number, **fields))


def net_cancel(base_url: str, number: str, **fields: Any) -> Answer:
    """Ask for a net-cancel of an approval."""
    return ask(base_url, NET_CANCEL, order(number, **fields))


def cancel(base_url: str, number: str, approved: Answer, **fields: Any) -> Answer:
    """Ask for a cancel of an approval that was answered."""
    return ask(base_url, CANCEL, cancel_of(order(number), approved, **fields))


def leave(base_url: str, path: str, body: bytes, *, only: int | None = None) -> socket.socket:
    """Send a request, or `only` so many bytes of its body; return the socket."""
    parts = urlsplit(base_url)
    sock = socket.create_connection((parts.hostname or "", parts.port or 0), WAIT_SECONDS)
    head = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in signed(path, body).items()]
    sock.sendall("\r\n".join([*head, "", ""]).encode() + body[:only])
    return sock
