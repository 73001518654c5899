"""What is said in a world: one order, the requests made of it, and the gateway's few answers."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from netcancel.core.policy import Policy
from netcancel.freezing import freeze
from netcancel.kicc import Break, Merchant, NoAnswer, RawAnswer, Reach, Reception

if TYPE_CHECKING:
    from netcancel.core import flows

PLACE: Final = "https://gateway.test:443 CH_1 default"
MERCHANT: Final = Merchant(tid="T123456789", svc_id="SVC_SIMPLE", bizr_no="1234567890")
NUMBER: Final = "ORD_1"
POLICY: Final = Policy(
    timeout_seconds=5.0,
    settle_seconds=60.0,
    retry_window_seconds=86_400.0,
    nothing_to_void_codes=frozenset({"4444"}),
    already_voided_codes=frozenset({"5555"}),
)
CODES: Final = {"charged": "0000", "amount": "0000", "uncancellable": "0000", "declined": "8521"}
"""What the gateway says to an approval; 9999, which nobody knows, to every other."""


def order(writer: str, *, confirms: bool) -> flows.Order:
    """Freeze the world's one order for a caller."""
    frozen = freeze(
        MERCHANT, world=PLACE, writer=writer, at=1_700_000_000.0, policy=POLICY,
        confirm_within=30.0 if confirms else None,
        merc_trx_no=NUMBER, token_key="TOKEN_1", trx_amt=10_000, vat_amt=909,  # noqa: S106  made up
    )  # fmt: skip
    return replace(frozen, intent=replace(frozen.intent, id=f"{'0' * 24}{writer[:8]:_<8}"))


@cache
def answer(word: str, body: bytes) -> Reception:
    """Return what comes back for a request; `word` is a code, or what became of an approval."""
    if word == "silence":
        return NoAnswer(Reach.SENT, Break.DEADLINE, "no answer")
    if word == "not-connected":
        return NoAnswer(Reach.NOT_CONNECTED, Break.CONNECTION, "refused")
    asked = json.loads(body)
    said = {name: asked[name] for name in ("tid", "svcId", "bizrNo", "mercTrxNo")}
    said |= {"respCd": word if word.isdecimal() else CODES.get(word, "9999"), "respMsg": ""}
    if word in {"charged", "amount", "uncancellable"}:
        said["trxAmt"] = asked["trxAmt"] + (word != "charged")
    if word in {"charged", "amount"}:
        said["aprvNo"] = "12345678"
    return RawAnswer(200, (), json.dumps(said).encode())
