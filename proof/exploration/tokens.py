"""What is said in a world: one order, the requests made of it, and the gateway's few answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from netcancel.core import flows
from netcancel.core.policy import Policy
from netcancel.freezing import freeze, freeze_void
from netcancel.kicc import Break, Merchant, NoAnswer, RawAnswer, Reach, Reception

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.core.payment import Intent

PLACE: Final = "https://gateway.test:443 CH_1 default"
MERCHANT: Final = Merchant(tid="T123456789", svc_id="SVC_SIMPLE", bizr_no="1234567890")
NUMBER: Final = "ORD_1"
START: Final = 1_700_000_000.0
POLICY: Final = Policy(
    timeout_seconds=5.0,
    settle_seconds=60.0,
    retry_window_seconds=86_400.0,
    nothing_to_void_codes=frozenset({"4444"}),
    already_voided_codes=frozenset({"5555"}),
)
CODES: Final = {"charged": "0000", "amount": "0000", "uncancellable": "0000", "declined": "8521"}
"""What the gateway says to an approval; 9999, which nobody knows, to every other."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What callers want of one number, frozen."""

    orders: Mapping[str, flows.Order]
    """By role."""
    void: flows.VoidWish

    @classmethod
    def of(cls, *, confirms: bool) -> Wishes:
        """Freeze what each role asks for; with `confirms`, approvals are to be confirmed."""
        orders = {role: _order(role, confirms=confirms) for role in ("owner", "second")}
        body = orders["owner"].intent.net_cancel_body
        intent = freeze_void(body, world=PLACE, writer="voider", at=START, policy=POLICY)
        return cls(orders, flows.VoidWish(_named(intent), frozenset([PLACE])))

    @property
    def net_cancel(self) -> bytes:
        """The one net-cancel of the number."""
        return self.void.intent.net_cancel_body

    @property
    def intents(self) -> list[Intent]:
        """Whatever may be written down first."""
        return [*(order.intent for order in self.orders.values()), self.void.intent]


def _order(writer: str, *, confirms: bool) -> flows.Order:
    frozen = freeze(
        MERCHANT, world=PLACE, writer=writer, at=START, policy=POLICY,
        confirm_within=30.0 if confirms else None,
        merc_trx_no=NUMBER, token_key="TOKEN_1", trx_amt=10_000, vat_amt=909,  # noqa: S106  made up
    )  # fmt: skip
    return replace(frozen, intent=_named(frozen.intent))


def _named(intent: Intent) -> Intent:
    """Give an intent the same id in every run."""
    return replace(intent, id=f"{'0' * 24}{intent.writer[:8]:_<8}")


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
