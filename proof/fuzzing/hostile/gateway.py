"""The gateway: it charges, voids and refunds, and answers with whatever was drawn.

Where its answer proves something, it has done that; where it proves nothing, a coin decides. After
`calm` it answers as documented.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

from proof.fuzzing import oracle, wire_oracle
from proof.fuzzing.grammar import van_number
from proof.fuzzing.hostile.answers import Answer, documented, drawn
from proof.fuzzing.oracle import OURS, Ours, Says

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

NO_ORIGINAL: Final = "9999"
VOIDING_CODES: Final = ("0000", "0000", "0000", "9999", "7001", "7002")
"""Codes of answers to a net-cancel or a cancel, before they are changed."""

AMOUNTS_OFF: Final = (*[0] * 10, 1, -1)


class HostileGateway:
    """Knows who is charged; safe to use from the threads of all connections."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._is_calm = False
        self._charges: dict[str, dict[str, Any]] = {}
        self._turns: Counter[str] = Counter()
        self.approvals: dict[str, Answer] = {}
        """What each number's approval was answered."""
        self.again: set[str] = set()
        """Numbers whose approval came more than once."""
        self.sent: Counter[str] = Counter()
        """How many answers were sent, by request and what they prove."""

    def calm(self) -> None:
        """Answer as documented from now on."""
        self._is_calm = True

    def charges(self) -> list[dict[str, Any]]:
        """Return every charge, as `netcancel.demo.books` reads it."""
        with self._lock:
            return [dict(charge) for charge in self._charges.values()]

    def act(self, connection: socket.socket, request: bytes) -> None:
        """Work a request, then send what was drawn for it."""
        head, _, body = request.partition(b"\r\n\r\n")
        path = head.split(b" ")[1].decode().rpartition("/")[2]
        fields = json.loads(body)
        work = {"reqAprv": self._approve, "reqRtran": self._net_cancel, "reqCancel": self._cancel}
        with self._lock:
            draw = self._draw(f"{path} {fields['mercTrxNo']}")
            ours = replace(OURS, merc_trx_no=fields["mercTrxNo"], trx_amt=fields["trxAmt"])
            answer = work[path](draw, ours, fields)
            self.sent[f"{path} {answer.proves}"] += 1
            self.sent["late"] += answer.is_late
        answer.send(connection)

    def _draw(self, what: str) -> Random:
        """Return a generator of this request's own: the order of requests changes no draw."""
        self._turns[what] += 1
        return Random(f"{self._seed} {what} {self._turns[what]}")  # noqa: S311  reproducible

    def _approve(self, draw: Random, ours: Ours, _fields: dict[str, Any]) -> Answer:
        said = replace(ours, trx_amt=ours.trx_amt + draw.choice(AMOUNTS_OFF))
        answer = drawn(draw, said, partial(oracle.says_of_approval, ours=ours))
        number = ours.merc_trx_no
        if number in self.approvals:
            self.again.add(number)
        self.approvals[number] = answer
        is_charged = answer.proves in {Says.APPROVED, Says.OTHER_AMOUNT}
        if is_charged or (answer.proves is Says.LOST and draw.randrange(2)):
            self._charges[number] = {
                "tid": ours.tid,
                "merc_trx_no": number,
                "trx_amt": _told_amount(answer) if is_charged else ours.trx_amt,
                "status": "live",
            }
        return answer

    def _net_cancel(self, draw: Random, ours: Ours, _fields: dict[str, Any]) -> Answer:
        says = partial(oracle.says_of_net_cancel, ours=ours)
        return self._give_back(draw, ours, says, ours.merc_trx_no, "voided")

    def _cancel(self, draw: Random, ours: Ours, fields: dict[str, Any]) -> Answer:
        wanted = fields["cndTrxNo"]
        known = [each for each in self._charges if wanted in (each, van_number(each))]
        if not known:
            return documented(ours, NO_ORIGINAL)
        says = partial(oracle.says_of_cancel, ours=ours)
        return self._give_back(draw, ours, says, known[0], "refunded")

    def _give_back(
        self,
        draw: Random,
        ours: Ours,
        says_of_body: Callable[[bytes], Says],
        number: str,
        status: str,
    ) -> Answer:
        if self._is_calm:
            answer = documented(ours)
        else:
            answer = drawn(draw, ours, says_of_body, draw.choice(VOIDING_CODES))
        charge = self._charges.get(number)
        if charge and charge["status"] == "live":
            is_given_back = answer.proves is Says.DONE or draw.randrange(2)
            charge["status"] = status if is_given_back else "live"
        return answer


def _told_amount(answer: Answer) -> int:
    """Return the amount that an approval's answer says, or else the one that was asked for."""
    found = wire_oracle.generous(b"".join(answer.pieces))
    members = None if found is None else oracle.read(found.body)
    if members is None:
        raise AssertionError("an answer that proves a charge can be read")
    return int(members.get("trxAmt", OURS.trx_amt))
