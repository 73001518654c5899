"""What arrived at a sandbox, read on our own: nothing of the program under test is used. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netcancel.sandbox.gateway import RecordedRequest

ELEVEN = (
    "tid", "svcId", "bizrNo", "mercTrxNo", "tokenKey", "alotMonth",
    "trxAmt", "vatAmt", "svcAmt", "tranDt", "tranTm",
)  # fmt: skip
"""The net-cancel page's table, in its order."""


def by_number(requests: Iterable[RecordedRequest]) -> dict[str, list[RecordedRequest]]:
    """Sort what arrived by merchant transaction number."""
    found: defaultdict[str, list[RecordedRequest]] = defaultdict(list)
    for request in requests:
        found[json.loads(request["body"])["mercTrxNo"]].append(request)
    return found


def cancels_in(requests: Iterable[RecordedRequest]) -> Counter[str]:
    """Count the cancels that arrived, by the original that they name."""
    bodies = [each["body"] for each in requests if each["endpoint"] == "cancel"]
    return Counter(json.loads(body)["cndTrxNo"] for body in bodies)


def projection(approval_body: bytes) -> bytes:
    """Derive a net-cancel's bytes from an approval's by the net-cancel page."""
    fields: dict[str, Any] = json.loads(approval_body)
    eleven = {name: fields[name] for name in ELEVEN}
    return json.dumps(eleven, ensure_ascii=False, separators=(",", ":")).encode()


def header(request: RecordedRequest, name: str) -> str:
    """Return a header's only value; raises ValueError where there is none, or another."""
    [value] = [value for each, value in request["headers"] if each.lower() == name.lower()]
    return str(value)


def is_proof(requests: Iterable[RecordedRequest]) -> bool:
    """Whether the approval was worked and answered with the success code, unspoilt (I8).

    A late answer is spoilt only by its receiver's time-out.
    """
    return any(
        request["endpoint"] == "approval"
        and request["fault"] in {None, "late-answer"}
        and (request["did"], request["status"]) == ("charged", 200)
        and request["resp_cd"] == "0000"
        for request in requests
    )
