"""What a flow writes of each answer, and tells of it, so that its reader knows what happened."""

import json
from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import (
    CancelStamp,
    Effect,
    Exchange,
    Find,
    Flow,
    Open,
    OpenBody,
    Read,
    Sign,
    SignAgain,
    Signed,
    Unavailable,
    Write,
)
from netcancel.core.flows.net_cancelling import may_send
from netcancel.core.flows.writing import Hand
from netcancel.core.lifecycle import CancelReason, Event, State
from netcancel.core.payment import MICROSECONDS, Asked, KeptAnswer, Payment, Used
from netcancel.core.policy import Policy
from netcancel.core.refund import freeze_cancel
from netcancel.errors import (
    DuplicateTransaction,
    InvalidRequest,
    JournalUnavailable,
    PaymentNotFound,
    TooManyInDoubt,
)
from netcancel.freezing import freeze_void
from netcancel.kicc import (
    APPROVAL_PATH,
    CANCEL_PATH,
    NET_CANCEL_PATH,
    Loss,
    RawAnswer,
    seoul_date_and_time,
)
from tests.core.world import APPROVAL_FATES, CANCEL_FATES, POLICY, WORLD, Gateway, World

OTHER_SUM = "10001 approved where 10000 was asked for"

WRITTEN: dict[str, dict[str, Any]] = {
    "approved": {"state": State.APPROVED, "code": "0000"},
    "amount-absent": {"state": State.APPROVED, "code": "0000"},
    "declined": {"state": State.DECLINED, "code": "8521", "message": "said 8521"},
    "lost-before": {"loss": Loss.READ_TIMEOUT, "detail": "no answer"},
    "lost-after": {"loss": Loss.READ_TIMEOUT, "detail": "no answer"},
    "delayed": {"loss": Loss.READ_TIMEOUT, "detail": "no answer"},
    "not-connected": {"loss": Loss.CONNECTION_ERROR, "detail": "refused", "never_sent": True},
    "unlisted": {
        "loss": Loss.AMBIGUOUS_CODE,
        "detail": "code 9999 proves neither an approval nor a decline",
        "code": "9999",
    },
    "amount-differs": {
        "state": State.CANCELLING,
        "detail": OTHER_SUM,
        "cancel_reason": CancelReason.AMOUNT_MISMATCH,
        "cancel_trx_no": "CANCEL_1",
    },
    "amount-differs-uncancellable": {"detail": OTHER_SUM},
}
"""Of each fate of an approval; where nothing else is said, a net-cancel is owed."""

NOTES = {
    "approved": "0000",
    "amount-absent": "the answer named no amount",
    "declined": "8521 said 8521",
}
"""What the history says, where it isn't the detail."""

NOTHING: dict[str, Any] = {
    "state": State.NET_CANCELLING,
    "loss": None,
    "code": None,
    "message": None,
    "detail": "",
    "never_sent": False,
    "cancel_reason": None,
    "cancel_trx_no": None,
}


def charge(world: World, order: flows.Order) -> flows.Charged:
    """Run the first half of an approval."""
    halves: list[flows.Charged] = []

    def first() -> Flow[Payment]:
        halves.append((yield from flows.charge(order, world.policy)))
        return halves[0].payment

    world.run(first())
    return halves[0]


def found(world: World, number: str = "ORD_1") -> Payment:
    """Return a payment, which is there."""
    payment = world.find(number)
    assert payment is not None
    return payment


def note_of(world: World, event: Event) -> str:
    """Return what the history says of the one event of its kind."""
    (entry,) = [entry for entry in found(world).history if entry.event is event]
    return entry.note


@pytest.mark.parametrize("fate", APPROVAL_FATES)
def test_of_each_answer_to_an_approval_is_written_what_it_proves(fate: str) -> None:
    """Before anybody is told, and before anything follows."""
    world = World(Gateway([fate]))
    told = charge(world, world.order()).payment
    written = NOTHING | WRITTEN[fate]
    assert {name: getattr(told, name) for name in written} == written
    row = found(world)
    assert row.version == told.version
    assert row.attempts == (0 if row.state.is_final else 1)
    assert row.history[-1].note == NOTES.get(fate, written["detail"])


def test_an_approval_that_was_not_sent_says_why() -> None:
    """Its journal took too long for the intent."""

    class Slow(World):
        def perform(self, effect: Effect[Any]) -> Any:
            self.time += 2.0 if isinstance(effect, Open) else 0.0
            return super().perform(effect)

    world = Slow()
    told = charge(world, world.order()).payment
    assert (told.state, told.never_sent, told.loss) == (State.NET_CANCELLING, True, None)
    assert told.detail == "not sent: too much time had passed since it was signed"


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("fate", APPROVAL_FATES)
def test_the_bytes_of_a_proof_are_kept_for_whoever_asks_for_them(fate: str, *, keeps: bool) -> None:
    """Written with the move that they prove; what proves nothing is not kept."""
    world = World(Gateway([fate]))
    charge(world, replace(world.order(), keeps_answer=keeps))
    (kept,) = kept_answers(world)
    if not keeps or fate not in {"approved", "amount-absent", "declined"}:
        assert kept is None
    else:
        assert kept is not None
        assert kept.asked is Asked.APPROVAL
        assert json.loads(kept.body)["respCd"] == found(world).code


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("fate", CANCEL_FATES)
def test_the_bytes_of_a_cancels_answer_are_kept_likewise(fate: str, *, keeps: bool) -> None:
    """A refusal's too: its caller is told of it."""
    world = World(Gateway(cancels=[fate]))
    world.approve(world.order())
    world.effects.clear()
    world.run(flows.cancel(replace(world.wish(), keeps_answer=keeps), POLICY))
    kept = [each for each in kept_answers(world) if each is not None]
    codes = {"done": ["0000"], "refused": ["7777"]}
    assert [json.loads(each.body)["respCd"] for each in kept] == (
        codes.get(fate, []) if keeps else []
    )
    assert all(each.asked is Asked.CANCEL for each in kept)


def kept_answers(world: World) -> list[KeptAnswer | None]:
    """Return what each write of the world keeps of an answer."""
    return [effect.change.kept_answer for effect in world.effects if isinstance(effect, Write)]


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "archived": (
        Used("approved", 1, 2),
        DuplicateTransaction,
        "^this number was used before, by a payment that is archived$",
    ),
    "silent": (
        Unavailable("disk full"),
        JournalUnavailable,
        "^the intent could not be written: disk full$",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_an_approval_that_can_not_begin_says_why(case: str) -> None:
    """And sends nothing."""
    opened, error, says = REFUSALS[case]
    with pytest.raises(error, match=says):
        opening(opened, lambda world: flows.approve(world.order(), POLICY))


def opening(opened: Any, make: Any) -> None:
    """Run a flow on a journal that gives this answer to its intent; nothing may be sent."""

    class Answering(World):
        def perform(self, effect: Effect[Any]) -> Any:
            return opened if isinstance(effect, Open) else super().perform(effect)

    world = Answering()
    try:
        world.run(make(world))
    finally:
        assert world.gateway.bodies == []


def test_a_used_number_and_too_many_in_doubt_are_told_apart() -> None:
    """Each says what is the matter."""
    world = World(Gateway(["lost-after"], ["lost-before"]), replace(POLICY, max_in_doubt=1))
    world.approve(world.order())
    with pytest.raises(DuplicateTransaction, match="used before, with other data or in another"):
        world.approve(world.order(trx_amt=10_001))
    with pytest.raises(TooManyInDoubt, match=r"^1 payments are in doubt; nothing was sent$"):
        world.approve(world.order("ORD_2"))


class Slow(World):
    """A journal that takes nearly all that a commit may take."""

    def perform(self, effect: Effect[Any]) -> Any:
        """Take the time before."""
        self.time += 4.5 if isinstance(effect, Write) else 0.0
        return super().perform(effect)


def test_a_loss_that_is_slowly_written_is_net_cancelled_by_its_owner() -> None:
    """From its decision on, an owner has a whole lease."""
    world = Slow(Gateway(["lost-after"]))
    assert world.approve(world.order()).last_event is Event.ACKNOWLEDGED_EARLY


def test_a_cancel_whose_loss_is_slowly_written_is_net_cancelled_by_its_sender() -> None:
    """Likewise."""
    world = Slow(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    assert world.cancel().last_event is Event.ACKNOWLEDGED_EARLY


def test_a_cancel_that_is_slowly_frozen_is_sent_by_its_worker() -> None:
    """From the freezing on it has a whole lease, however long its claim took."""
    world = Slow()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0
    (claim,) = world.claim()
    payment = world.run(flows.recover(claim, world.time - 4.0, "worker", POLICY))
    assert (payment.state, payment.attempts) == (State.CANCELLED, 1)


def test_another_sum_is_told_before_its_cancel_is_sent() -> None:
    """In halves, too."""
    world = World(Gateway(["amount-differs"]))
    charged = charge(world, world.order())
    assert charged.payment.state is State.CANCELLING
    assert CANCEL_PATH not in [path for path, _ in world.gateway.bodies]
    assert charged.rest is not None
    assert world.run(charged.rest).state is State.CANCELLED


def test_the_owner_of_another_sum_leaves_the_net_cancel_to_recovery() -> None:
    """It has held its caller for two requests; a lost cancel's net-cancel is due at once."""
    world = World(Gateway(["amount-differs"], cancels=["lost-after"]))
    payment = world.approve(world.order())
    assert (payment.state, payment.is_held) == (State.NET_CANCELLING, False)
    assert payment.due_at == payment.read_at
    assert world.gateway.bodies[-1][0] == CANCEL_PATH
    assert note_of(world, Event.CANCEL_LOST) == "the cancel is lost: read-timeout: no answer"


@pytest.mark.parametrize("for_good", [True, False])
@pytest.mark.parametrize("fate", ["amount-differs", "lost-after", "approved"])
def test_what_is_not_known_to_be_written_is_followed_by_nothing(
    fate: str, *, for_good: bool
) -> None:
    """Somebody else may hold the payment by then, or the journal is gone."""

    class Gone(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write | Read):
                return Unavailable("gone", for_good=for_good)
            return super().perform(effect)

    world = Gone(Gateway([fate]))
    world.approve(world.order())
    assert len(world.gateway.bodies) == 1


def test_whoever_asks_for_a_cancel_waits_while_somebody_else_is_at_work() -> None:
    """As long as the other may need, and no longer."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0
    world.claim()
    begun = world.time
    assert world.cancel().state is State.CANCELLING
    assert world.time - begun == pytest.approx(POLICY.shortest_lease_seconds, abs=0.3)


def test_a_rejected_payment_says_so() -> None:
    """Its reason is the merchant's failure, not a wish."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    assert world.reject().cancel_reason is CancelReason.REJECTED


def test_a_worker_that_follows_a_dead_sender_says_so() -> None:
    """The cancel may have been worked: it is net-cancelled, and the history says why."""
    world = World(Gateway(["amount-differs"]))
    charge(world, world.order())
    world.time += 100.0
    world.recover_once()
    lost = "the cancel is lost: its sender died, or was too slow"
    assert note_of(world, Event.CANCEL_LOST) == lost


UNCANCELLABLE = "no cancel can be built from what the approval's answer says"


@pytest.mark.parametrize("act", ["ask", "miss"])
def test_a_charge_that_no_cancel_can_name_says_so(act: str) -> None:
    """Whoever wants it cancelled."""
    world = World(Gateway(says={"aprvNo": ""}))
    world.approve(replace(world.order(), confirm_within=30.0))
    if act == "ask":
        world.cancel()
    else:
        world.time += 31.0
        world.recover_once()
    assert note_of(world, Event.CANCEL_LOST) == UNCANCELLABLE


@pytest.mark.parametrize("act", ["cancel", "reject", "miss"])
def test_a_cancel_whose_signature_has_aged_is_given_back(act: str) -> None:
    """Not sent by whoever was paused, and due for others at once."""

    class Paused(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            self.time += 2.0 if getattr(effect, "path", "") == CANCEL_PATH else 0.0
            return answer

    world = Paused()
    world.approve(replace(world.order(), confirm_within=30.0))
    if act == "miss":
        world.time += 31.0
        world.recover_once()
    else:
        world.cancel() if act == "cancel" else world.reject()
    assert len(world.gateway.bodies) == 1
    payment = found(world)
    assert (payment.state, payment.is_held) == (State.CANCELLING, False)
    assert payment.due_at is not None
    assert payment.due_at <= payment.read_at


AUTHENTICATION = replace(POLICY, authentication_codes=frozenset({"7777"}))
ASK_A_PERSON = replace(POLICY, lost_cancel="ask-a-person")
REFUSED_SIGNATURE = "the cancel is lost: its signature was refused with 7777"

CANCELLED: dict[str, tuple[Event, str, str | None, str | None]] = {
    "done": (Event.CANCEL_PROVEN, "0000 said 0000", "0000", "said 0000"),
    "refused": (
        Event.CANCEL_REFUSED,
        "the cancel was refused with 7777",
        "7777",
        "said 7777",
    ),
    "lost-before": (
        Event.CANCEL_LOST,
        "the cancel is lost: read-timeout: no answer",
        "0000",
        "said 0000",
    ),
    "not-connected": (
        Event.CANCEL_LOST,
        "the cancel is lost: connection-error: refused",
        "0000",
        "said 0000",
    ),
}
"""Of each fate of a cancel: what is written, and the payment's code and message in the end."""


@pytest.mark.parametrize("fate", CANCELLED)
def test_of_each_answer_to_a_cancel_is_written_what_it_proves(fate: str) -> None:
    """A refusal alarms a person, in the same words."""
    world = World(Gateway(cancels=[fate]))
    world.approve(world.order())
    payment = world.cancel()
    event, note, code, message = CANCELLED[fate]
    assert note_of(world, event) == note
    assert (payment.code, payment.message) == (code, message)
    assert world.alarms == ([note] if fate == "refused" else [])
    assert payment.alarmed is (fate == "refused")
    asked_or_lost = Event.CANCEL_LOST if event is Event.CANCEL_LOST else Event.CANCEL_ASKED
    (begun,) = [entry.at for entry in found(world).history if entry.event is asked_or_lost]
    assert payment.owed_since == begun


@pytest.mark.parametrize("act", ["own", "mismatch"])
def test_a_cancel_whose_signature_is_refused_says_so(act: str) -> None:
    """Its caller's net-cancel follows; the owner of another sum leaves that to recovery."""
    approval = "approved" if act == "own" else "amount-differs"
    world = World(Gateway([approval], cancels=["refused"]), AUTHENTICATION)
    payment = world.approve(world.order())
    if act == "own":
        payment = world.cancel()
    assert note_of(world, Event.CANCEL_LOST) == REFUSED_SIGNATURE
    assert world.alarms == ["the gateway refused the signature of its cancel"]
    state = State.SETTLING if act == "own" else State.NET_CANCELLING
    assert (payment.state, payment.attempts) == (state, 1 if act == "own" else 0)


@pytest.mark.parametrize("why", ["policy", "shredded", "old"])
def test_a_lost_cancel_that_no_net_cancel_may_follow_says_why(why: str) -> None:
    """A person hears of it in the same words."""

    class Shredded(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            return None if isinstance(effect, OpenBody) and why == "shredded" else answer

    gateway = Gateway(cancels=["lost-after"])
    world = Shredded(gateway, ASK_A_PERSON if why == "policy" else POLICY)
    world.approve(world.order())
    world.time += POLICY.retry_window_seconds if why == "old" else 0.0
    payment = world.cancel()
    reason = {
        "policy": "a person is to decide, by the policy",
        "shredded": "the net-cancel's data is shredded or can't be opened",
        "old": "the approval is older than the retry window",
    }[why]
    says = f"the cancel is lost: read-timeout: no answer; {reason}"
    assert (payment.state, payment.alarmed) == (State.ESCALATED, True)
    assert note_of(world, Event.CANCEL_UNDECIDED) == says
    assert world.alarms == [says]


def test_a_lost_cancel_of_a_settled_approval_is_void_at_once() -> None:
    """No approval can follow its net-cancel any more."""
    world = World(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    world.time += POLICY.settle_seconds + 10.0
    assert world.cancel().last_event is Event.ACKNOWLEDGED_LATE


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("act", ["cancel", "reject"])
def test_an_unclear_asking_for_a_cancel_is_resolved(act: str, *, applied: bool) -> None:
    """It is looked for and, where it isn't there, asked again."""

    class Troubled(World):
        troubles = 1

        def perform(self, effect: Effect[Any]) -> Any:
            if not isinstance(effect, Write) or effect.writer == "owner" or not self.troubles:
                return super().perform(effect)
            self.troubles -= 1
            if applied:
                super().perform(effect)
            return Unavailable("the connection broke")

    world = Troubled()
    world.approve(replace(world.order(), confirm_within=30.0))
    payment = world.cancel() if act == "cancel" else world.reject()
    assert payment.state is State.CANCELLED


def test_whoever_asks_for_a_cancel_asks_again_when_a_confirmation_was_faster() -> None:
    """An approved payment can be cancelled as well; a rejected one is left alone."""

    class Confirmed(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write) and effect.seen.state is State.UNCONFIRMED:
                self.confirm()
            return super().perform(effect)

    for act, state in (("cancel", State.CANCELLED), ("reject", State.APPROVED)):
        world = Confirmed()
        world.approve(replace(world.order(), confirm_within=30.0))
        assert (world.cancel() if act == "cancel" else world.reject()).state is state


def test_a_charge_that_no_cancel_can_name_has_no_attempt_yet() -> None:
    """Whoever asked for its cancel died: recovery knows that none was sent."""
    world = World(Gateway(says={"aprvNo": ""}))
    world.approve(world.order())
    flow = flows.cancel(world.wish(), POLICY)
    effect = next(flow)
    while not isinstance(effect, Write):
        effect = flow.send(world.perform(effect))
    world.perform(effect)
    flow.close()
    row = found(world)
    assert (row.state, row.attempts) == (State.CANCELLING, 0)
    world.time += 100.0
    world.recover_once()
    assert note_of(world, Event.CANCEL_LOST) == UNCANCELLABLE


class NotOpening(World):
    """A journal that can't be asked for a frozen body just now."""

    def perform(self, effect: Effect[Any]) -> Any:
        """Do all else."""
        answer = super().perform(effect)
        return Unavailable("busy") if isinstance(effect, OpenBody) else answer


def test_a_lost_cancel_whose_net_cancel_can_not_be_opened_now_is_due_at_once() -> None:
    """A new debt, with no attempt yet, for whoever can open it."""
    world = NotOpening(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    payment = world.cancel()
    assert (payment.state, payment.is_held, payment.attempts) == (State.NET_CANCELLING, False, 0)
    assert payment.due_at == payment.owed_since == payment.read_at


def test_a_cancel_of_an_approval_under_way_is_due_at_once() -> None:
    """Its owner is fenced, and the history says why."""
    world = World()
    world.journal.open_new(world.order().intent).result()
    payment = world.cancel()
    assert (payment.state, payment.is_held) == (State.NET_CANCELLING, False)
    assert payment.due_at == payment.owed_since == payment.updated_at
    assert payment.detail == "a cancel was asked for before the outcome was known"
    assert payment.cancel_reason is None


def test_a_cancel_has_the_number_that_its_caller_chose_and_todays_date() -> None:
    """A number that a payment has is refused."""
    world = World()
    world.approve(world.order())
    world.approve(world.order("ORD_2"))
    world.time += 86_400.0
    for number, says in {
        "ORD_2": "must be a number that no payment has",
        "ORD_1": "must be a number that no payment has",
    }.items():
        with pytest.raises(InvalidRequest, match=f"^cancel_trx_no: {says}$"):
            world.run(flows.cancel(replace(world.wish(), cancel_trx_no=number), POLICY))
    world.run(flows.cancel(replace(world.wish(), cancel_trx_no="MINE"), POLICY))
    sent = json.loads(world.gateway.bodies[-1][1])
    today = seoul_date_and_time(world.time)
    assert (sent["mercTrxNo"], sent["tranDt"], sent["tranTm"][:4]) == (
        "MINE",
        today[0],
        today[1][:4],
    )
    payment = found(world)
    assert (payment.cancel_trx_no, payment.attempts) == ("MINE", 1)
    assert payment.owed_since is not None
    assert payment.owed_since >= payment.created_at + 86_400 * 10**6


def test_a_cancel_that_somebody_else_wrote_is_sent_as_it_is() -> None:
    """Byte for byte."""
    world = World()
    payment = world.approve(world.order())
    frozen = freeze_cancel(payment, CancelStamp("MINE", "20231115", "000000"))
    assert frozen is not None
    body = json.dumps(json.loads(frozen.body), indent=1).encode()
    assert world.run(flows.cancel(replace(world.wish(), body=body), POLICY)).state is (
        State.CANCELLED
    )
    assert world.gateway.bodies[-1] == (CANCEL_PATH, body)


def test_what_is_not_there_to_be_cancelled_is_told_in_words() -> None:
    """Unknown, or a journal that can't be read."""
    world = World()
    says = "^the journal knows no such payment of this gateway$"
    for act in (flows.cancel, flows.reject):
        with pytest.raises(PaymentNotFound, match=says):
            world.run(act(world.wish("UNKNOWN"), POLICY))

    class Unread(World):
        def perform(self, effect: Effect[Any]) -> Any:
            return Unavailable("locked") if isinstance(effect, Find) else super().perform(effect)

    with pytest.raises(JournalUnavailable, match=r"^the journal could not be read: locked$"):
        Unread().cancel()


FORGETFUL = replace(POLICY, nothing_to_void_codes=frozenset({"7777"}))
KNOWING = replace(POLICY, already_voided_codes=frozenset({"7777"}))
NEVER_SETTLING = replace(POLICY, settle_seconds=0.0)
UNKNOWN_CHARGE = "the gateway knows of nothing to void, but the approval is proven"
NEVER_LEFT = "answered; the approval had never left this host"

NET_CANCELLED: dict[str, tuple[Policy, str, str, Event, str]] = {
    "acknowledged": (POLICY, "lost-after", "done", Event.ACKNOWLEDGED_EARLY, "voided"),
    "already voided": (
        KNOWING,
        "lost-after",
        "refused",
        Event.ACKNOWLEDGED_EARLY,
        "already-voided",
    ),
    "nothing to void": (
        FORGETFUL,
        "lost-after",
        "refused",
        Event.ACKNOWLEDGED_EARLY,
        "nothing-to-void",
    ),
    "late": (
        NEVER_SETTLING,
        "lost-after",
        "done",
        Event.ACKNOWLEDGED_LATE,
        "voided, nothing can follow",
    ),
    "never left": (POLICY, "not-connected", "done", Event.ANSWERED_NEVER_SENT, NEVER_LEFT),
    "never left, refused": (
        POLICY,
        "not-connected",
        "refused",
        Event.ANSWERED_NEVER_SENT,
        NEVER_LEFT,
    ),
    "denied": (
        FORGETFUL,
        "amount-differs-uncancellable",
        "refused",
        Event.CHARGE_DENIED,
        UNKNOWN_CHARGE,
    ),
    "refused": (POLICY, "lost-after", "refused", Event.NOT_ACKNOWLEDGED, "7777 said 7777"),
    "lost": (
        POLICY,
        "unlisted",
        "lost-after",
        Event.NOT_ACKNOWLEDGED,
        "read-timeout: no answer",
    ),
}
"""Policy, fate of the approval, fate of its net-cancel; then what is written of that."""


@pytest.mark.parametrize("case", NET_CANCELLED)
def test_of_each_answer_to_a_net_cancel_is_written_what_it_proves(case: str) -> None:
    """With its code and message, where it was one."""
    policy, approval, net_cancel, event, note = NET_CANCELLED[case]
    world = World(Gateway([approval], [net_cancel]), policy)
    payment = world.approve(world.order())
    assert note_of(world, event) == note
    code = {"done": "0000", "refused": "7777", "lost-after": "9999"}[net_cancel]
    assert payment.code == code
    assert payment.message == (None if net_cancel == "lost-after" else f"said {code}")
    denied = event is Event.CHARGE_DENIED
    assert (payment.alarmed, world.alarms) == (denied, [UNKNOWN_CHARGE] if denied else [])
    assert not payment.is_held
    if event is Event.ACKNOWLEDGED_EARLY:
        assert payment.due_at is not None
        assert 0 <= payment.due_at - payment.settle_at < 100_000
    if event is Event.NOT_ACKNOWLEDGED:
        assert payment.due_at == payment.read_at + 500_000  # half of a second: the draw is 0.5


@pytest.mark.parametrize("body", [None, b"no net-cancel"])
def test_a_payment_whose_data_can_not_be_read_says_so(body: bytes | None) -> None:
    """A person hears of it in the same words."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    (claim,) = world.claim()
    poisoned = replace(claim, net_cancel_body=body)
    payment = world.run(flows.recover(poisoned, world.time, "worker", POLICY))
    says = "its frozen data can't be opened or read"
    assert (payment.state, payment.alarmed) == (State.ESCALATED, True)
    assert note_of(world, Event.POISONED) == says
    assert world.alarms == [says]


class Unauthorized(Gateway):
    """Refuses the signatures of its first net-cancels by HTTP."""

    def __init__(self, status: int, refusals: int) -> None:
        super().__init__(["lost-after"])
        self.status = status
        self.refusals = refusals

    def answer(self, path: str, body: bytes) -> Any:
        """Work what it does not refuse."""
        if path != NET_CANCEL_PATH or not self.refusals:
            return super().answer(path, body)
        self.refusals -= 1
        self.bodies.append((path, body))
        return RawAnswer(self.status, (), b"")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("rotated", [True, False])
def test_a_refused_signature_alarms_a_person_once(status: int, *, rotated: bool) -> None:
    """And says whether there was another secret to try."""
    world = World(Unauthorized(status, 1 if rotated else 2))
    world.rotated = rotated
    payment = world.approve(world.order())
    more = "; the previous secret is tried" if rotated else ""
    assert world.alarms == [f"the gateway refused the signature{more}"]
    assert payment.state is (State.SETTLING if rotated else State.NET_CANCELLING)
    assert len(world.gateway.bodies) == (3 if rotated else 2)


def test_a_person_who_knows_of_a_payment_is_not_alarmed_by_its_signature() -> None:
    """The row says who has been alarmed."""
    world = World(Unauthorized(401, 2))
    world.approve(world.order())
    world.alarms.clear()
    world.time += 100.0
    (claim,) = world.claim()
    known = replace(claim, payment=replace(claim.payment, alarmed=True))
    world.run(flows.recover(known, world.time, "worker", POLICY))
    assert world.alarms == []


def test_another_status_is_no_refused_signature() -> None:
    """Nothing is signed again for it."""
    world = World(Unauthorized(500, 1))
    world.rotated = True
    assert world.approve(world.order()).state is State.NET_CANCELLING
    assert world.alarms == []
    assert note_of(world, Event.NOT_ACKNOWLEDGED) == "parsing-error: HTTP status 500 instead of 200"


def test_a_second_signature_that_has_aged_is_not_sent() -> None:
    """Whoever was paused before it leaves the first answer as it is."""

    class Paused(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            self.time += 2.0 if isinstance(effect, SignAgain) else 0.0
            return answer

    world = Paused(Unauthorized(401, 1))
    world.rotated = True
    assert world.approve(world.order()).state is State.NET_CANCELLING
    assert len(world.gateway.bodies) == 2


def test_a_net_cancel_whose_signature_has_aged_is_given_back() -> None:
    """Not sent by whoever was paused, and due for others at once."""

    class Paused(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            self.time += 2.0 if isinstance(effect, Sign) else 0.0
            return answer

    world = Paused(Gateway(["lost-after"]))
    payment = world.approve(world.order())
    assert payment.state is State.NET_CANCELLING
    row = found(world)
    assert (row.is_held, world.gateway.bodies) == (False, [])
    assert row.due_at is not None
    assert row.due_at <= row.read_at


@pytest.mark.parametrize(
    ("age", "left", "may"),
    [(0.0, 7.0, True), (1.9, 7.0, True), (2.0, 7.0, False), (0.0, 6.9, False), (0.0, 99.0, True)],
)
def test_a_request_may_be_sent_while_fresh_and_within_the_lease(
    age: float, left: float, *, may: bool
) -> None:
    """A request takes up to five seconds here, and the margin is two."""
    signed = Signed("/path", (), b"", 100.0)
    now = 100.0 + age
    assert may_send(signed, now, Hand("owner", now + left), POLICY) is may


def test_a_verification_that_is_refused_alarms_a_person_once() -> None:
    """What was told void may be charged after all; a lost answer says nothing of it."""
    world = World(Gateway(["lost-after"], ["done", "lost-before", "refused", "refused"]))
    world.approve(world.order())
    world.time += POLICY.settle_seconds + 10.0
    for alarms in ([], ["refused with 7777"], ["refused with 7777"]):
        assert [each.state for each in world.recover_once()] == [State.SETTLING]
        assert world.alarms == alarms
        world.time += 20.0


def test_a_window_that_closes_alarms_a_person() -> None:
    """Even one who has heard of it before."""
    world = World(Gateway(["lost-after"], ["refused"] * 2))
    world.approve(world.order())
    world.time += POLICY.retry_window_seconds - 5.0
    (payment,) = world.recover_once()
    assert (payment.last_event, payment.alarmed) == (Event.WINDOW_CLOSED, True)
    assert world.alarms == ["refused with 7777"]


def test_a_fenced_workers_result_is_noted_with_its_name() -> None:
    """The row stays as whoever took over has left it."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    (claim,) = world.claim("slow")
    flow = flows.recover(claim, world.time, "slow", POLICY)
    effect = next(flow)
    while not isinstance(effect, Write):
        effect = flow.send(world.perform(effect))
    world.time += 100.0
    (quick,) = world.recover_once("quick")
    world.go_on(flow, effect)
    last = found(world).history[-1]
    assert (last.event, last.target) == (Event.ACKNOWLEDGED_LATE, quick.state)
    assert last.note == "voided, nothing can follow (noted by slow)"


@pytest.mark.parametrize("act", ["own", "recovery"])
def test_an_interruption_makes_due_what_is_held(act: str) -> None:
    """And goes on; whoever comes next has it at once."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    if act == "recovery":
        world.approve(world.order())
        world.time += 100.0
        (claim,) = world.claim()
        flow = flows.recover(claim, world.time, "worker", POLICY)
    else:
        flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    while not (isinstance(effect, Exchange) and effect.signed.path == NET_CANCEL_PATH):
        effect = flow.send(world.perform(effect))
    with pytest.raises(KeyboardInterrupt):
        world.go_on(flow, flow.throw(KeyboardInterrupt()))
    row = found(world)
    assert (row.state, row.is_held, row.due_at) == (State.NET_CANCELLING, False, row.updated_at)


HELD: dict[str, tuple[list[str], list[str]]] = {
    "approve": (["lost-after"], []),
    "mismatch": (["amount-differs"], []),
    "cancel": ([], ["lost-after"]),
    "reject": ([], ["lost-after"]),
    "miss": ([], []),
    "void": ([], []),
    "uncancellable": (["amount-absent"], []),
}


@pytest.mark.parametrize("act", HELD)
def test_what_is_being_sent_is_held(act: str) -> None:
    """For a whole lease from the writing before it: nobody else takes it meanwhile."""
    approvals, cancels = HELD[act]

    class Watched(Gateway):
        def answer(self, path: str, body: bytes) -> Any:
            row = found(world)
            assert row.is_held
            assert row.due_at == row.updated_at + round(POLICY.hold_seconds * MICROSECONDS)
            assert row.attempts == (0 if path == APPROVAL_PATH else 1)
            return super().answer(path, body)

    says = {"aprvNo": ""} if act == "uncancellable" else {}
    world = World(Watched(approvals, [], cancels, says))
    if act != "void":
        world.approve(replace(world.order(), confirm_within=30.0))
    match act:
        case "cancel" | "uncancellable":
            world.cancel()
        case "reject":
            world.reject()
        case "miss":
            world.time += 31.0
            world.recover_once()
        case "void":
            body = world.order().intent.net_cancel_body
            intent = freeze_void(body, world=WORLD, writer="shop", at=world.time, policy=POLICY)
            world.run(flows.void(flows.VoidWish(intent, frozenset([WORLD])), POLICY))
        case _:
            pass
    assert len(world.gateway.bodies) > (1 if act != "void" else 0)
