"""A small world for flows: a journal, a gateway with a ledger, a clock, and death at any effect."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

from netcancel.core import flows
from netcancel.core.effects import (
    Alarm,
    CancelStamp,
    Confirm,
    Draw,
    Effect,
    Exchange,
    Find,
    Flow,
    HandOver,
    Note,
    Now,
    Open,
    OpenBody,
    Read,
    Sign,
    SignAgain,
    Signed,
    Sleep,
    StampCancel,
    Write,
)
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Claim, Payment
from netcancel.core.policy import Policy
from netcancel.drive import ask
from netcancel.freezing import freeze
from netcancel.journal.opening import open_journal
from netcancel.kicc import (
    APPROVAL_PATH,
    CANCEL_PATH,
    NET_CANCEL_PATH,
    Break,
    Merchant,
    NoAnswer,
    RawAnswer,
    Reach,
    Reception,
    net_cancel_body,
    seoul_date_and_time,
)

EffectT = TypeVar("EffectT", bound=Effect[Any])

WORLD = "https://gateway.test:443 CH_1 default"
MERCHANT = Merchant(tid="T123456789", svc_id="SVC_SIMPLE", bizr_no="1234567890")
POLICY = Policy(timeout_seconds=5.0, settle_seconds=60.0, retry_window_seconds=3600.0)
START = 1_700_000_000.0
SILENCE = NoAnswer(Reach.SENT, Break.DEADLINE, "no answer")
NOT_CONNECTED = NoAnswer(Reach.NOT_CONNECTED, Break.CONNECTION, "refused")

APPROVAL_FATES = (
    "approved",
    "declined",
    "lost-before",
    "lost-after",
    "unlisted",
    "not-connected",
    "amount-differs",
    "amount-differs-uncancellable",
    "amount-absent",
    "delayed",
)
"""What the gateway does with an approval; `delayed`: worked after the first net-cancel."""

CODES = {
    "approved": "0000",
    "amount-differs": "0000",
    "amount-differs-uncancellable": "0000",
    "amount-absent": "0000",
    "unlisted": "9999",
}
"""What it answers to an approval that it has worked; every other fate is silence."""

CANCEL_FATES = ("done", "lost-before", "lost-after", "refused", "not-connected")

NET_CANCEL_FATES = ("done", "lost-before", "lost-after", "refused", "not-connected")


class Death(BaseException):
    """The machine lost power."""


class Gateway:
    """Charges and voids, by a script of fates; the truth about who was charged.

    It forgets net-cancels that find nothing, and answers them 0000 (the hardest case). `says`: what
    its answers to approvals have besides, or in another way.
    """

    def __init__(
        self,
        approvals: Iterable[str] = (),
        net_cancels: Iterable[str] = (),
        cancels: Iterable[str] = (),
        says: dict[str, Any] | None = None,
    ) -> None:
        self._says = says or {}
        self._approvals = iter(approvals)
        self._cancels = iter(cancels)
        self._net_cancels = iter(net_cancels)
        self._delayed: list[dict[str, Any]] = []
        self.charges: dict[str, str] = {}
        self.bodies: list[tuple[str, bytes]] = []

    def answer(self, path: str, body: bytes) -> Reception:
        """Work one request; what was delayed is worked after the next net-cancel."""
        self.bodies.append((path, body))
        message = json.loads(body)
        if path == APPROVAL_PATH:
            return self._approve(message, next(self._approvals, "approved"))
        if path == CANCEL_PATH:
            return self._cancel(message, next(self._cancels, "done"))
        reception = self._net_cancel(message, next(self._net_cancels, "done"))
        for late in self._delayed:
            self._charge(late)
        self._delayed.clear()
        return reception

    def _approve(self, message: dict[str, Any], fate: str) -> Reception:
        if fate == "declined":
            return self._say(message, "8521")
        if fate == "not-connected":
            return NOT_CONNECTED
        if fate == "delayed":
            self._delayed.append(message)
        elif fate != "lost-before":
            self._charge(message)
        if fate not in CODES:
            return SILENCE
        more: dict[str, Any] = {"trxAmt": message["trxAmt"], "aprvNo": "12345678"}
        if fate.startswith("amount-differs"):
            more["trxAmt"] += 1
        if fate == "amount-differs-uncancellable":
            del more["aprvNo"]
        if fate == "amount-absent":
            del more["trxAmt"]
        return self._say(message, CODES[fate], **more | self._says)

    def _charge(self, message: dict[str, Any]) -> None:
        self.charges.setdefault(message["mercTrxNo"], "live")

    def _net_cancel(self, message: dict[str, Any], fate: str) -> Reception:
        if fate == "not-connected":
            return NOT_CONNECTED
        if fate == "lost-before":
            return SILENCE
        if fate == "refused":
            return self._say(message, "7777")
        if self.charges.get(message["mercTrxNo"]) == "live":
            self.charges[message["mercTrxNo"]] = "voided"
        return SILENCE if fate == "lost-after" else self._say(message, "0000")

    def _cancel(self, message: dict[str, Any], fate: str) -> Reception:
        """Refund the charge that the cancel refers to by its merchant number (wcc G).

        A cancel whose reference is the VAN's number (wcc T) must be the only payment's.
        """
        if fate == "not-connected":
            return NOT_CONNECTED
        if fate == "lost-before":
            return SILENCE
        (number,) = [message["cndTrxNo"]] if message["wcc"] == "G" else self.charges
        if fate == "refused" or self.charges.get(number) != "live":
            return self._say(message, "7777")
        self.charges[number] = "refunded"
        return SILENCE if fate == "lost-after" else self._say(message, "0000")

    @staticmethod
    def _say(message: dict[str, Any], code: str, **more: Any) -> RawAnswer:
        echo = {name: message[name] for name in ("tid", "svcId", "bizrNo", "mercTrxNo")}
        body = json.dumps({"respCd": code, "respMsg": f"said {code}", **echo, **more}).encode()
        return RawAnswer(200, (), body)


def check_is_whole(effect: Effect[Any]) -> None:
    """Fail where an effect lacks what every host needs, though it would not notice."""
    assert not any(getattr(effect, each.name) is None for each in fields(effect))  # type: ignore[arg-type]
    if isinstance(effect, Write | Note):
        assert isinstance(effect.event, Event)
        assert isinstance(effect.change.note, str)
        assert isinstance(effect.change.begins_debt, bool)
    if isinstance(effect, Alarm):
        assert effect.payment.id


class World:
    """Performs effects on a memory journal and a `Gateway`, with a clock that tests move."""

    def __init__(self, gateway: Gateway | None = None, policy: Policy = POLICY) -> None:
        self.gateway = gateway or Gateway()
        self.policy = policy
        self.time = START
        self.step = 0.0
        """By how much somebody set the journal's clock; the host's measures durations."""
        self.journal = open_journal(
            "memory://",
            vault_key=b64encode(bytes(range(32))).decode(),
            clock=lambda: self.time + self.step,
        )
        self.alarms: list[str] = []
        self.effects: list[Effect[Any]] = []
        self.dies_at: tuple[int, str] | None = None
        self.rotated = False
        """Whether there is a secret that was in force before."""
        self.stamps = 0

    def order(self, number: str = "ORD_1", writer: str = "owner", **fields: Any) -> flows.Order:
        """Freeze an order of 10,000 won."""
        values: dict[str, Any] = {
            "token_key": "TOKEN_1",
            "trx_amt": 10_000,
            "vat_amt": 909,
        } | fields
        return freeze(
            MERCHANT, world=WORLD, writer=writer, at=self.time, policy=self.policy,
            merc_trx_no=number, **values,
        )  # fmt: skip

    def approve(self, order: flows.Order) -> Payment:
        """Run the approve flow; dies where `dies_at` says so."""
        return self.run(flows.approve(order, self.policy))

    def run(self, flow: Flow[Payment]) -> Payment:
        """Drive a flow; at death it is closed without a word, as a killed process would be."""
        return self.go_on(flow, next(flow))

    def go_to(self, flow: Flow[Payment], kind: type[EffectT]) -> EffectT:
        """Begin a flow and drive it to its first effect of a kind, which is not performed."""
        effect = next(flow)
        while not isinstance(effect, kind):
            effect = flow.send(self.perform(effect))
        return effect

    def go_on(self, flow: Flow[Payment], effect: Effect[Any]) -> Payment:
        """Drive a flow from an effect on."""
        try:
            while True:
                effect = flow.send(self.perform(effect))
        except StopIteration as stop:
            payment: Payment = stop.value
            return payment
        finally:
            flow.close()

    @property
    def sent(self) -> list[str]:
        """The paths of what reached the gateway."""
        return [path for path, _ in self.gateway.bodies]

    def perform(self, effect: Effect[Any]) -> Any:
        """Perform one effect, unless the machine dies before or after it."""
        check_is_whole(effect)
        self.effects.append(effect)
        if self.dies_at == (len(self.effects), "before"):
            raise Death
        answer = self._answer(effect)
        if self.dies_at == (len(self.effects), "after"):
            raise Death
        return answer

    def _answer(self, effect: Effect[Any]) -> Any:  # noqa: C901, PLR0911  one case an effect
        journal = self.journal
        match effect:
            case Now():
                return self.time
            case Draw():
                return 0.5
            case Sleep(seconds):
                self.time += seconds
                return None
            case Sign(world, path, body):
                assert world == WORLD
                return Signed(path, (), body, self.time)
            case SignAgain(world, path, body):
                assert world == WORLD
                return Signed(path, (("again", ""),), body, self.time) if self.rotated else None
            case StampCancel():
                self.stamps += 1
                return CancelStamp(f"CANCEL_{self.stamps}", *seoul_date_and_time(self.time))
            case Exchange(signed, timeout_seconds):
                self.check_is_durable(signed.path, signed.body)
                reception = self.gateway.answer(signed.path, signed.body)
                self.time += timeout_seconds if reception is SILENCE else 0.01
                return reception
            case Open() | Read() | Find() | OpenBody() | Confirm() | Write() | Note():
                return ask(journal, effect).result()
            case HandOver(payment_id, writer):
                return journal.hand_over_if_held(payment_id, writer).result()
            case Alarm(_, text):
                self.alarms.append(text)
                return None
        raise TypeError(effect)

    def check_is_durable(self, path: str, body: bytes) -> None:
        """Fail unless what is about to be sent is in the journal (I4)."""
        message = json.loads(body)
        if path == CANCEL_PATH:
            bodies = [payment.cancel_body for payment in self.journal.list_payments().result()]
            assert body.decode() in bodies
        else:
            assert self.find(message["mercTrxNo"]) is not None

    def wish(self, number: str = "ORD_1", writer: str = "canceller") -> flows.CancelWish:
        """Ask for a payment to be cancelled."""
        return flows.CancelWish(
            worlds=frozenset([WORLD]), tid=MERCHANT.tid, merc_trx_no=number, writer=writer
        )

    def cancel(self, number: str = "ORD_1", writer: str = "canceller") -> Payment:
        """Run the cancel flow; dies where `dies_at` says so."""
        return self.run(flows.cancel(self.wish(number, writer), self.policy))

    def reject(self, number: str = "ORD_1", writer: str = "rejecter") -> Payment:
        """Run the reject flow; dies where `dies_at` says so."""
        return self.run(flows.reject(self.wish(number, writer), self.policy))

    def confirm(self, number: str = "ORD_1", writer: str = "merchant") -> Payment:
        """Run the confirm flow; dies where `dies_at` says so."""
        return self.run(flows.confirm(frozenset([WORLD]), MERCHANT.tid, number, writer))

    def find(self, number: str = "ORD_1") -> Payment | None:
        """Read a payment."""
        return self.journal.find(MERCHANT.tid, number).result()

    def claim(self, writer: str = "worker") -> list[Claim]:
        """Claim what is due now."""
        return self.journal.claim_due(
            world=WORLD, writer=writer, limit=100, hold_seconds=self.policy.hold_seconds
        ).result()

    def recover_once(self, writer: str = "worker") -> list[Payment]:
        """Claim what is due now and run the recover flow for each."""
        claims, begun = self.claim(writer), self.time
        return [self.run(flows.recover(claim, begun, writer, self.policy)) for claim in claims]

    def recover_until_closed(self, rounds: int = 200) -> None:
        """Let time pass and recover until nothing is owed; fail where that never happens."""
        self.dies_at = None
        for turn in range(rounds):
            if all(p.state.is_final for p in self.journal.list_payments().result()):
                return
            self.time += 20.0
            self.recover_once(f"worker{turn}")
        raise AssertionError("a payment never closed")

    def check_books(self, told: Payment | None = None, number: str = "ORD_1") -> None:
        """Check I1, I2, I3 and I7 for one number after everything has closed."""
        payment = self.find(number)
        charge = self.gateway.charges.get(number)
        if payment is None:
            assert charge is None
            return
        assert payment.state.is_final
        assert (charge == "live") == (payment.state is State.APPROVED), (charge, payment.state)
        if payment.state is State.CANCELLED:
            assert charge == "refunded"
        if told is not None and told.state is State.APPROVED:
            assert charge == "live"
        bodies = [b for b in self.gateway.bodies if json.loads(b[1])["mercTrxNo"] == number]
        approvals = [body for path, body in bodies if path == APPROVAL_PATH]
        assert len(approvals) <= 1
        for path, body in bodies:
            if path == NET_CANCEL_PATH and approvals:
                assert body == net_cancel_body(approvals[0])
        cancels = [body for path, body in self.gateway.bodies if path == CANCEL_PATH]
        assert len(cancels) == len(set(cancels))


class Paused(World):
    """A world whose host is paused behind the effects that `after` picks: a signature ages then."""

    def __init__(
        self, after: Callable[[Effect[Any]], bool], gateway: Gateway | None = None
    ) -> None:
        super().__init__(gateway)
        self._after = after

    def perform(self, effect: Effect[Any]) -> Any:
        """Be paused before anybody hears the answer."""
        answer = super().perform(effect)
        self.time += 2.0 if self._after(effect) else 0.0
        return answer
