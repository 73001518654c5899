"""What the body of an answer proves, read a second time: spec 3.1 on a page, nothing of `kicc`.

The answers belong to one payment, `OURS`. Every rule is complete: the oracle knows the verdict of
any bytes, so the judge must agree with it in both directions.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Says(StrEnum):
    """What an answer proves; corpus files begin their names with what they prove of an approval."""

    APPROVED = "approved"
    OTHER_AMOUNT = "amount"
    DECLINED = "declined"
    DONE = "done"
    """Of a net-cancel or a cancel: acknowledged."""
    REFUSED = "refused"
    """Of a net-cancel or a cancel: an intelligible no."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Ours:
    """What the answer must be about."""

    tid: str = "T123456789"
    svc_id: str = "SVC_SIMPLE"
    bizr_no: str = "1234567890"
    merc_trx_no: str = "ORD_20231225_0001_TABLE7"
    trx_amt: int = 10_000


OURS: Final = Ours()
"""The manual's example; its number has more than the 20 bytes that a net-cancel may echo."""

DECLINES: Final = frozenset(
    {"8035", "8311", "8314", "8315", "8316", "8350", "8373", "8521", "8527"}
)
DONE_CODES: Final = frozenset({"7001", "7002"})
"""What the operator has configured: nothing to void, already voided."""

BODY_BYTES: Final = 65_536
DEPTH: Final = 16
DIGITS: Final = 640
CODE_LENGTH: Final = 4
ECHO_BYTES: Final = 20


def says_of_approval(body: bytes, ours: Ours = OURS) -> Says:
    """Tell what a whole answer with status 200 proves of an approval."""
    members = read(body)
    if members is None or not _is_ours(members, ours, (ours.merc_trx_no,)):
        return Says.LOST
    if members["respCd"] in DECLINES:
        return Says.DECLINED
    if members["respCd"] != "0000":
        return Says.LOST
    amount = members.get("trxAmt", ours.trx_amt)
    if not isinstance(amount, int) or isinstance(amount, bool):
        return Says.LOST
    return Says.APPROVED if amount == ours.trx_amt else Says.OTHER_AMOUNT


def says_of_net_cancel(body: bytes, ours: Ours = OURS) -> Says:
    """Tell what it proves of a net-cancel."""
    numbers = (ours.merc_trx_no, ours.merc_trx_no.encode()[:ECHO_BYTES].decode())
    return _says_of_void(body, ours, numbers, DONE_CODES | {"0000"})


def says_of_cancel(body: bytes, ours: Ours = OURS) -> Says:
    """Tell what it proves of a cancel."""
    return _says_of_void(body, ours, (ours.merc_trx_no,), frozenset({"0000"}))


def _says_of_void(body: bytes, ours: Ours, numbers: tuple[str, ...], done: frozenset[str]) -> Says:
    members = read(body)
    if members is None or not _is_ours(members, ours, numbers):
        return Says.LOST
    return Says.DONE if members["respCd"] in done else Says.REFUSED


def read(body: bytes) -> dict[str, Any] | None:
    """Read one strict JSON object; None: it isn't one."""
    if len(body) > BODY_BYTES:
        return None
    try:
        value = json.loads(
            str(body, "utf-8"),
            object_pairs_hook=_once,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_whole,
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _depth(value) <= DEPTH else None


def _is_ours(members: Mapping[str, Any], ours: Ours, numbers: tuple[str, ...]) -> bool:
    code = members.get("respCd")
    if not isinstance(code, str) or not code.isascii() or len(code) != CODE_LENGTH:
        return False
    echoes = {"tid": ours.tid, "svcId": ours.svc_id, "bizrNo": ours.bizr_no}
    others = [name for name, echo in echoes.items() if members.get(name, echo) != echo]
    return not others and members.get("mercTrxNo", ours.merc_trx_no) in numbers


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a key twice")
    return dict(pairs)


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError("too long")
    return int(text)  # "NaN" and "Infinity" are no whole numbers either


def _finite(text: str) -> float:
    if len(text) > DIGITS or math.isinf(float(text)):
        raise ValueError("too much")
    return float(text)


def _depth(value: object) -> int:
    """Return how deep a value is nested, level by level."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [inner for each in level for inner in _inside(each)]
    return depth


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []
