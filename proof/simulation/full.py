"""The slow level: the product's own codec, signature, cipher and SQL.

Requests are frozen as a guard freezes them and read as the sandbox reads them; answers are the
sandbox's, and the flows judge their very bytes.
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from netcancel.core.effects import Signed
from netcancel.freezing import freeze, freeze_void
from netcancel.kicc import Credentials, Merchant, RawAnswer, sign
from netcancel.sandbox import codes
from netcancel.sandbox.delivery import to_json
from netcancel.sandbox.fields import read_fields
from netcancel.sandbox.gateway import PATHS, answer_to
from netcancel.sandbox.ledger import Did, Entry
from netcancel.sandbox.signature import SignatureCheck, SignatureVerdict
from netcancel.sandbox.world import BIZR_NO, CHANNEL_ID, SVC_ID, TID
from proof.simulation.database_books import DatabaseBooks
from proof.simulation.homes import Files
from proof.simulation.servers import Mariadb, Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.core import flows
    from netcancel.core.payment import Intent
    from netcancel.core.policy import Policy
    from netcancel.sandbox.ledger import Charge, Fields
    from proof.simulation.books import Watch
    from proof.simulation.homes import Home

MERCHANT: Final = Merchant(tid=TID, svc_id=SVC_ID, bizr_no=BIZR_NO)
TOKENS: Final = {"same": "AUTHORIZATION-ID", "other": "ANOTHER-AUTHORIZATION-ID"}


class Full:
    """Makes, signs, reads and answers requests in their very bytes."""

    TID = TID
    home: ClassVar[type[Home]] = Files
    _opened: ClassVar[Home | None] = None

    def __init__(self) -> None:
        self._signed = 0

    @classmethod
    @contextmanager
    def installed(cls) -> Iterator[None]:
        """Leave the flows as they are, and have a home for the journals."""
        if vars(cls).get("_opened") is not None:
            yield
            return
        with cls.home.opened() as home:
            cls._opened = home
            try:
                yield
            finally:
                cls._opened = None

    def books(self, clock: Callable[[], float], watch: Watch) -> DatabaseBooks:
        """Open an empty journal."""
        if self._opened is None:
            raise RuntimeError("the level is not installed")
        return DatabaseBooks(self._opened, clock, watch)

    def order(
        self, number: str, call: int, policy: Policy, *,
        at: float, confirm_within: float | None, data: str = "same",
    ) -> flows.Order:  # fmt: skip
        """Freeze an order as a guard does; only its id is not drawn."""
        order = freeze(
            MERCHANT,
            world="world",
            writer=f"w{call}",
            at=at,
            policy=policy,
            confirm_within=confirm_within,
            merc_trx_no=number,
            token_key=TOKENS[data],
            alot_month="00",
            trx_amt=10_000,
            vat_amt=909,
        )
        return replace(order, intent=replace(order.intent, id=f"{call:032x}"))

    def void_intent(self, number: str, call: int, policy: Policy, *, at: float) -> Intent:
        """Freeze a caller's own net-cancel of a number, as the proxy does."""
        body = self.order(number, call, policy, at=at, confirm_within=None).intent.net_cancel_body
        intent = freeze_void(body, world="world", writer=f"w{call}", at=at, policy=policy)
        return replace(intent, id=f"{call:032x}")

    def sign(self, secret: int, path: str, body: bytes, *, now: float, wall: float) -> Signed:
        """Sign as the drivers do; a counter stands for the chance in the nonce."""
        self._signed += 1
        headers = sign(
            _credentials(secret),
            path,
            body,
            timestamp_ms=round(wall * 1000),
            nonce=str(uuid.UUID(int=self._signed)),
        )
        return Signed(path, headers, body, now)

    def is_signed(self, signed: Signed, secret: int) -> bool:
        """Verify as the sandbox does; how old a signature is, and whether it came before, aside."""
        headers = {name.lower(): value for name, value in signed.headers}
        check = SignatureCheck(CHANNEL_ID, _credentials(secret).secret_key)
        at = int(headers["x-kicc-timestamp"]) / 1000
        verdict = check.verify(headers.items(), signed.path, signed.body, now=at)
        return verdict is SignatureVerdict.VALID

    def fields(self, path: str, body: bytes) -> Fields:
        """Read a request as the sandbox does."""
        return read_fields(PATHS[path], body)

    def answer(
        self, path: str, fields: Fields, code: str, charge: Charge | None, *, without: str = ""
    ) -> Any:  # noqa: ANN401  as the level says
        """Write the sandbox's answer."""
        at = 0.0 if charge is None else charge.charged_at
        answer = answer_to(PATHS[path], fields, Entry(code, Did.NOTHING, charge), at)
        body = {name: value for name, value in answer.body.items() if name != without}
        return _received(answer.status, body)

    def spoiled(self, fields: Fields, status: int) -> Any:  # noqa: ANN401  likewise
        """Answer with a success that another number gets, or under another status."""
        number = fields["mercTrxNo"] if status != 200 else "ANOTHER"  # noqa: PLR2004  OK
        return _received(status, {"respCd": codes.SUCCESS, "mercTrxNo": number})


class FullOnPostgres(Full):
    """The same, with the journal on a server of PostgreSQL."""

    home = Postgres


class FullOnMariadb(Full):
    """The same, with the journal on a server of MariaDB."""

    home = Mariadb


def _received(status: int, body: dict[str, object]) -> RawAnswer:
    return RawAnswer(status, ((b"content-type", b"application/json"),), to_json(body))


@cache
def _credentials(secret: int) -> Credentials:
    return Credentials(channel_id=CHANNEL_ID, secret_key=f"secret-of-the-simulation-{secret:08d}")
