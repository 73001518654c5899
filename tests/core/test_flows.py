"""What flows do with each verdict, with a journal in trouble, with somebody else at work."""

from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Effect, Exchange, Read, Sign, Unavailable, Write
from netcancel.core.lifecycle import Event, State
from netcancel.core.outcomes import Approved, Declined, InDoubt, NetCancelled, outcome_of
from netcancel.core.payment import Change, Payment
from netcancel.core.policy import COMMIT_BUDGET_SECONDS, SEND_WITHIN_SECONDS
from netcancel.errors import DuplicateTransaction, JournalUnavailable, TooManyInDoubt
from netcancel.journal.sqlite_file import BUSY_SECONDS
from netcancel.kicc import APPROVAL_PATH, NET_CANCEL_PATH, Codes, Loss
from tests.core.world import POLICY, Gateway, World

FORGETFUL_POLICY = replace(POLICY, nothing_to_void_codes=frozenset({"7777"}))


def sent(world: World) -> list[str]:
    """List the paths of what reached the gateway."""
    return [path for path, _ in world.gateway.bodies]


def found(world: World) -> Payment:
    """Return the one payment, which is there."""
    payment = world.find()
    assert payment is not None
    return payment


def test_an_approval_is_sent_once_and_told() -> None:
    """A proven approval is told as such, with one request."""
    world = World()
    payment = world.approve(world.order())
    outcome = outcome_of(payment)
    assert isinstance(outcome, Approved)
    assert outcome.answer.aprv_no == "12345678"
    assert sent(world) == [APPROVAL_PATH]


def test_an_answer_without_amount_is_approved_and_noted() -> None:
    """An absent amount contradicts nothing; the history says that it was absent (spec 3.1)."""
    world = World(Gateway(["amount-absent"]))
    assert world.approve(world.order()).state is State.APPROVED
    assert "no amount" in found(world).history[-1].note


def test_a_listed_decline_is_told_with_its_code() -> None:
    """A decline needs no net-cancel."""
    world = World(Gateway(["declined"]))
    outcome = outcome_of(world.approve(world.order()))
    assert isinstance(outcome, Declined)
    assert outcome.code == "8521"
    assert sent(world) == [APPROVAL_PATH]


@pytest.mark.parametrize(
    ("fate", "loss"),
    [
        ("lost-before", Loss.READ_TIMEOUT),
        ("lost-after", Loss.READ_TIMEOUT),
        ("not-connected", Loss.CONNECTION_ERROR),
        ("unlisted", Loss.AMBIGUOUS_CODE),
        ("amount-differs-uncancellable", None),
    ],
)
def test_a_lost_answer_is_net_cancelled_at_once_by_its_caller(fate: str, loss: Loss | None) -> None:
    """Each kind of loss, and a sum without a number, is voided before the caller is told."""
    world = World(Gateway([fate]))
    outcome = outcome_of(world.approve(world.order()))
    assert isinstance(outcome, NetCancelled)
    assert outcome.loss is loss
    assert sent(world) == [APPROVAL_PATH, NET_CANCEL_PATH]
    assert world.gateway.charges.get("ORD_1") != "live"


def test_an_early_acknowledgement_is_verified_after_the_settle_time() -> None:
    """The first acknowledgement doesn't close; the one claimed after `settle_at` does."""
    world = World(Gateway(["delayed"]))
    assert world.approve(world.order()).state is State.SETTLING
    assert world.gateway.charges == {"ORD_1": "live"}
    world.time += POLICY.settle_seconds - 10.0
    assert world.recover_once() == []
    world.time += 20.0
    assert [p.state for p in world.recover_once()] == [State.NET_CANCELLED]
    assert world.gateway.charges == {"ORD_1": "voided"}
    assert found(world).attempts == sent(world).count(NET_CANCEL_PATH) == 2


def test_late_is_judged_by_the_claim_not_by_the_answer() -> None:
    """A net-cancel that was claimed before `settle_at` and answered after it closes nothing."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    assert world.approve(world.order()).state is State.NET_CANCELLING
    row = found(world)
    world.time = row.settle_at / 1e6 - 0.1
    claim = world.claim("worker")[0]

    class SlowGateway(Gateway):
        def answer(self, path: str, body: bytes) -> Any:
            world.time += 1.0
            return super().answer(path, body)

    world.gateway = SlowGateway()
    payment = world.run(flows.recover(claim, world.time, "worker", POLICY))
    assert world.time * 1e6 > row.settle_at
    assert payment.state is State.SETTLING


def test_without_settle_time_the_first_acknowledgement_closes() -> None:
    """settle_seconds = 0: closed at once."""
    world = World(Gateway(["lost-after"]), replace(POLICY, settle_seconds=0.0))
    assert world.approve(world.order()).state is State.NET_CANCELLED


def test_what_never_left_is_closed_by_any_intelligible_answer() -> None:
    """No byte left: a refusal closes it as well as an acknowledgement does, without settling."""
    for fate in ("done", "refused"):
        world = World(Gateway(["not-connected"], [fate]))
        assert world.approve(world.order()).state is State.NET_CANCELLED


def test_nothing_to_void_closes_only_where_it_is_configured() -> None:
    """Without configuration a refusal is a refusal, with its code kept and a retry due."""
    world = World(Gateway(["lost-before"], ["refused"]))
    payment = world.approve(world.order())
    assert payment.state is State.NET_CANCELLING
    assert payment.code == "7777"
    configured = World(Gateway(["lost-before"], ["refused"]), FORGETFUL_POLICY)
    assert configured.approve(configured.order()).state is State.SETTLING


def test_nothing_to_void_is_never_done_where_the_approval_is_proven() -> None:
    """A proven charge that the gateway doesn't know is a contradiction: a person's."""
    world = World(Gateway(["amount-differs-uncancellable"], ["refused"]), FORGETFUL_POLICY)
    payment = world.approve(world.order())
    assert payment.state is State.ESCALATED
    assert world.alarms


def test_a_second_call_is_answered_from_the_journal() -> None:
    """Same number, same data: the first call's outcome, and nothing is sent again."""
    world = World()
    first = outcome_of(world.approve(world.order()))
    world.time += 86_400.0
    assert outcome_of(world.approve(world.order(writer="second"))) == first
    assert sent(world) == [APPROVAL_PATH]


@pytest.mark.parametrize(
    "fields", [{"trx_amt": 10_001}, {"token_key": "TOKEN_2"}, {"user_data": "x"}, {"svc_amt": 1}]
)
def test_other_data_under_a_used_number_is_refused(fields: dict[str, Any]) -> None:
    """Same number, other data: DuplicateTransaction, whatever became of the first."""
    world = World(Gateway(["declined"]))
    world.approve(world.order())
    with pytest.raises(DuplicateTransaction):
        world.approve(world.order(writer="second", **fields))
    assert len(sent(world)) == 1


def test_a_second_caller_waits_for_the_first() -> None:
    """While the owner is at work, a second caller of its number waits and is told the same."""
    world = World()
    order = world.order()
    owner = flows.approve(order, POLICY)
    effect = next(owner)
    while not isinstance(effect, Exchange):
        effect = owner.send(world.perform(effect))
    second = flows.approve(world.order(writer="second"), POLICY)
    looking = next(second)
    for _ in range(20):
        looking = second.send(world.perform(looking))
    answer = world.perform(effect)
    effect = owner.send(answer)
    first = world_result(world, owner, effect)
    told = world_result(world, second, looking)
    assert first.state is told.state is State.APPROVED
    assert sent(world) == [APPROVAL_PATH]


def world_result(world: World, flow: Any, effect: Effect[Any]) -> Payment:
    """Run a flow that has begun to its end."""
    try:
        while True:
            effect = flow.send(world.perform(effect))
    except StopIteration as stop:
        payment: Payment = stop.value
        return payment


def test_a_second_caller_does_not_wait_for_ever() -> None:
    """The owner died: a second caller gives up when the lease is over and tells InDoubt."""
    world = World()
    world.journal.open_new(world.order().intent).result()
    payment = world.approve(world.order(writer="second"))
    assert isinstance(outcome_of(payment), InDoubt)
    assert sent(world) == []


def test_a_long_lease_makes_nobody_wait_longer() -> None:
    """A lease of an hour is for the journal; a second caller waits as long as an owner needs."""
    policy = replace(POLICY, lease_seconds=3000.0)
    world = World(policy=policy)
    world.journal.open_new(world.order().intent).result()
    began = world.time
    world.approve(world.order(writer="second"))
    assert world.time - began < policy.shortest_lease_seconds + 1.0


def test_an_intent_that_may_not_be_durable_sends_nothing() -> None:
    """Any doubt about the intent: JournalUnavailable, and no byte leaves (I4)."""
    world = World()
    flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    effect = flow.send(world.perform(effect))
    handing_over = flow.send(Unavailable("disk full"))
    world.perform(handing_over)
    with pytest.raises(JournalUnavailable):
        flow.send(None)
    assert sent(world) == []


def test_too_many_in_doubt_writes_and_sends_nothing() -> None:
    """`max_in_doubt` payments in doubt: the next approval is refused before anything happens."""
    policy = replace(POLICY, max_in_doubt=1)
    world = World(Gateway(["lost-after"], ["lost-before"]), policy)
    world.approve(world.order())
    with pytest.raises(TooManyInDoubt):
        world.approve(world.order("ORD_2", writer="second"))
    assert world.find("ORD_2") is None
    assert len(sent(world)) == 2


def test_a_signature_that_has_aged_is_not_sent() -> None:
    """A pause of two seconds between signing and sending: no approval, but its net-cancel."""
    world = World()

    class SlowJournal(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            if type(effect).__name__ == "Open":
                self.time += 2.0
            return answer

    world = SlowJournal()
    payment = world.approve(world.order())
    assert sent(world) == [NET_CANCEL_PATH]
    assert payment.state is State.NET_CANCELLED
    assert payment.never_sent


def test_a_pause_between_claim_and_sending_gives_the_claim_back() -> None:
    """A worker that was paused sends nothing; the payment is due for others at once."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    claimed_at = world.time
    world.time += COMMIT_BUDGET_SECONDS + SEND_WITHIN_SECONDS + 0.1
    before = len(sent(world))
    world.run(flows.recover(claim, claimed_at, "worker", POLICY))
    assert len(sent(world)) == before
    assert [p.state for p in world.recover_once("other")] == [State.NET_CANCELLED]


def test_a_slow_commit_of_the_claim_is_no_pause() -> None:
    """A journal that takes seconds for a claim must not keep its net-cancel from being sent."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    claimed_at = world.time
    world.time += COMMIT_BUDGET_SECONDS - 1.0
    assert world.run(flows.recover(claim, claimed_at, "worker", POLICY)).state is (
        State.NET_CANCELLED
    )


def test_a_clock_that_is_set_forward_makes_no_owner_late() -> None:
    """The owner's own net-cancel never closes: its settle time can't have passed (spec 3.5)."""
    world = World()

    class Forward(Gateway):
        def answer(self, path: str, body: bytes) -> Any:
            world.step += 120.0 if path == APPROVAL_PATH else 0.0
            return super().answer(path, body)

    world.gateway = Forward(["delayed"])
    told = world.approve(world.order())
    assert told.state is State.SETTLING
    assert world.gateway.charges == {"ORD_1": "live"}
    world.recover_until_closed()
    world.check_books(told)


def test_a_clock_that_is_set_back_has_the_verification_repeated() -> None:
    """A verification that is claimed before `settle_at` again only waits for it again."""
    world = World(Gateway(["lost-after"], ["done", "lost-before"]))
    world.approve(world.order())
    world.time = found(world).settle_at / 1e6 + 1.0
    claim = world.claim("worker")[0]
    world.step -= 30.0
    world.run(flows.recover(claim, world.time, "worker", POLICY))
    world.time += 10.0
    assert [p.state for p in world.recover_once()] == [State.SETTLING]
    row = found(world)
    assert row.due_at is not None
    assert row.due_at >= row.settle_at
    world.recover_until_closed()
    world.check_books()


def test_a_bug_in_a_recovery_is_not_tried_again_at_once() -> None:
    """An exception keeps the lease as its back-off; only an interruption hands over."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    flow = flows.recover(claim, world.time, "worker", POLICY)
    next(flow)
    with pytest.raises(ZeroDivisionError):
        flow.throw(ZeroDivisionError())
    assert found(world).is_being_worked_on
    assert world.claim("other") == []


class Troubled(World):
    """A journal whose write of the verdict gets no clear answer, applied or not."""

    def __init__(self, *, applied: bool, gateway: Gateway | None = None) -> None:
        super().__init__(gateway)
        self.applied = applied
        self.troubles = 1

    def perform(self, effect: Effect[Any]) -> Any:
        """Lose the answer to the first write."""
        if isinstance(effect, Write) and self.troubles:
            self.troubles -= 1
            if self.applied:
                super().perform(effect)
            return Unavailable("the connection broke")
        return super().perform(effect)


@pytest.mark.parametrize("applied", [True, False])
def test_an_unclear_write_is_resolved_by_reading(applied: bool) -> None:
    """A commit that raised may have been applied: the row tells, and approved is told."""
    world = Troubled(applied=applied)
    assert world.approve(world.order()).state is State.APPROVED
    world.check_books()


@pytest.mark.parametrize("applied", [True, False])
def test_an_unclear_write_of_a_loss_still_voids(applied: bool) -> None:
    """The same for a lost answer: the net-cancel goes out once the row is known to be ours."""
    world = Troubled(applied=applied, gateway=Gateway(["lost-after"]))
    assert world.approve(world.order()).state is State.SETTLING


def test_an_applied_write_is_not_taken_for_a_takeover() -> None:
    """Our approval was written, the commit's answer lost: it is no evidence against itself."""
    world = Troubled(applied=True)
    flow = flows.approve(world.order(), POLICY)
    assert world.run(flow).state is State.APPROVED
    assert [entry.event for entry in found(world).history] == [
        Event.INTENT_WRITTEN,
        Event.APPROVAL_PROVEN,
    ]
    assert world.alarms == []


def test_a_closed_journal_is_not_asked_again() -> None:
    """Its owner closed it under an approval: told at once, not when the lease is over."""

    class Closed(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write | Read):
                return Unavailable("closed", for_good=True)
            return super().perform(effect)

    world = Closed()
    began = world.time
    assert isinstance(outcome_of(world.approve(world.order())), InDoubt)
    assert world.time - began < 1.0


def test_an_unwritten_result_of_a_net_cancel_keeps_the_loss() -> None:
    """InDoubt tells why the approval's answer was lost, whatever happens later."""

    class GoneLater(World):
        writes = 0

        def perform(self, effect: Effect[Any]) -> Any:
            self.writes += isinstance(effect, Write)
            if self.writes >= 2 and isinstance(effect, Write | Read):
                return Unavailable("gone")
            return super().perform(effect)

    outcome = outcome_of((world := GoneLater(Gateway(["lost-after"]))).approve(world.order()))
    assert isinstance(outcome, InDoubt)
    assert outcome.loss is Loss.READ_TIMEOUT


@pytest.mark.parametrize("act", ["cancel", "reject"])
def test_who_asks_for_a_cancel_is_not_kept_by_a_journal_that_hangs(act: str) -> None:
    """Nothing is sent before it is written: a lock of the caller's own is not waited for."""

    class Hanging(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write) and effect.writer != "owner":
                self.time += BUSY_SECONDS
                return Unavailable("locked")
            return super().perform(effect)

    world = Hanging()
    world.approve(replace(world.order(), confirm_within=30.0))
    began = world.time
    with pytest.raises(JournalUnavailable, match="nothing was sent"):
        world.cancel() if act == "cancel" else world.reject()
    assert world.time - began < COMMIT_BUDGET_SECONDS + BUSY_SECONDS
    assert found(world).state is State.UNCONFIRMED
    assert sent(world) == [APPROVAL_PATH]


def test_late_evidence_does_not_keep_its_caller_for_long() -> None:
    """A fenced owner whose journal hangs gives up soon, with an alarm."""

    class Hanging(World):
        hangs = False

        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            if self.hangs and isinstance(effect, Write):
                self.time += COMMIT_BUDGET_SECONDS
                return Unavailable("hangs")
            return answer

    world = Hanging()
    flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    while not isinstance(effect, Exchange):
        effect = flow.send(world.perform(effect))
    world.time += 100.0
    world.recover_once()
    world.hangs = True
    began = world.time
    world_result(world, flow, effect)
    assert world.time - began < 4 * COMMIT_BUDGET_SECONDS
    assert world.alarms


def test_an_approval_that_can_not_be_written_is_not_told() -> None:
    """The journal is gone until the lease is over: InDoubt, and recovery voids the charge."""

    class Gone(World):
        gone = True

        def perform(self, effect: Effect[Any]) -> Any:
            if self.gone and isinstance(effect, Write | Read):
                return Unavailable("gone")
            return super().perform(effect)

    world = Gone()
    assert isinstance(outcome_of(world.approve(world.order())), InDoubt)
    assert world.gateway.charges == {"ORD_1": "live"}
    world.gone = False
    world.recover_until_closed()
    world.check_books()


def test_what_can_not_be_written_is_not_voided_out_of_memory() -> None:
    """Its approval may be there all the same: whoever asks again is told so, and it stands."""

    class Mute(World):
        mute = True

        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            return Unavailable("mute") if self.mute and isinstance(effect, Write | Read) else answer

    world = Mute()
    assert isinstance(outcome_of(world.approve(world.order())), InDoubt)
    assert sent(world) == [APPROVAL_PATH]
    world.mute = False
    told = world.approve(world.order(writer="second"))
    assert told.state is State.APPROVED
    world.check_books(told)


@pytest.mark.parametrize("turns", [1, 2])
def test_the_approval_of_a_fenced_owner_brings_the_debt_back(turns: int) -> None:
    """An owner paused past its lease wakes up with an approval: written and voided, not told."""
    world = World()
    flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    while not isinstance(effect, Exchange):
        effect = flow.send(world.perform(effect))
    for _ in range(turns):
        world.time += 100.0
        world.recover_once()
    assert found(world).state is State.NET_CANCELLED
    answer = world.perform(effect)
    told = world_result(world, flow, flow.send(answer))
    assert told.state is State.NET_CANCELLING
    assert world.gateway.charges == {"ORD_1": "live"}
    assert world.alarms
    world.recover_until_closed()
    world.check_books(told)


def test_a_fenced_workers_answer_changes_nothing_but_the_history() -> None:
    """A worker whose lease was taken over writes its result into the history only."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("slow")[0]
    flow = flows.recover(claim, world.time, "slow", POLICY)
    effect = next(flow)
    while not isinstance(effect, Write):
        effect = flow.send(world.perform(effect))
    world.time += 100.0
    assert [p.state for p in world.recover_once("quick")] == [State.NET_CANCELLED]
    told = world_result(world, flow, effect)
    assert told.state is State.NET_CANCELLED
    row = found(world)
    assert row.history[-1].version.writer == "quick" or row.history[-1].source is row.state


def test_a_fenced_workers_acknowledgement_closes_nothing() -> None:
    """Whoever took over was refused, so the payment is still owed, whatever the first one heard."""
    world = World(Gateway(["lost-after"], ["lost-before", "done", "refused"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("slow")[0]
    flow = flows.recover(claim, world.time, "slow", POLICY)
    effect = next(flow)
    while not isinstance(effect, Write):
        effect = flow.send(world.perform(effect))
    assert effect.event is Event.ACKNOWLEDGED_LATE
    world.time += 100.0
    assert [p.state for p in world.recover_once("quick")] == [State.NET_CANCELLING]
    assert world_result(world, flow, effect).state is State.NET_CANCELLING
    assert found(world).state is State.NET_CANCELLING


def test_a_payment_whose_token_can_not_be_opened_is_a_persons() -> None:
    """Poison is escalated alone, with an alarm, and nothing is sent for it."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    before = len(sent(world))
    poisoned = replace(claim, net_cancel_body=None)
    payment = world.run(flows.recover(poisoned, world.time, "worker", POLICY))
    assert payment.state is State.ESCALATED
    assert len(sent(world)) == before
    assert world.alarms


def test_a_window_that_closes_escalates_and_a_retry_reopens() -> None:
    """Refused until the window is over: a person's; asked again, it is tried again."""
    world = World(Gateway(["lost-after"], ["refused"] * 500))
    world.approve(world.order())
    for _ in range(500):
        world.time += 30.0
        world.recover_once()
        if found(world).state is State.ESCALATED:
            break
    row = found(world)
    assert row.state is State.ESCALATED
    assert row.in_doubt_seconds < POLICY.retry_window_seconds
    world.gateway = Gateway()
    world.gateway.charges["ORD_1"] = "live"
    world.journal.move_if_unchanged(
        row, Event.RETRY_ASKED, "person", Change(due_seconds=0.0, begins_debt=True)
    ).result()
    assert [p.state for p in world.recover_once()] == [State.NET_CANCELLED]


def test_a_person_is_alarmed_once_after_three_minutes_in_doubt() -> None:
    """The alarm comes early and once."""
    world = World(Gateway(["lost-after"], ["refused"] * 100))
    world.approve(world.order())
    for _ in range(20):
        world.time += 30.0
        world.recover_once()
    assert len(world.alarms) == 1


def test_each_attempt_is_signed_anew_over_the_same_bytes() -> None:
    """Repeats send the frozen body; each is signed for itself (I3)."""
    world = World(Gateway(["lost-after"], ["lost-before", "refused"]))
    world.approve(world.order())
    world.recover_until_closed()
    signed = [e.body for e in world.effects if isinstance(e, Sign) and e.path == NET_CANCEL_PATH]
    assert len(signed) == len(sent(world)) - 1 >= 3
    assert len(set(signed)) == 1


def test_codes_are_matched_exactly() -> None:
    """A configured code is no pattern and no substring."""
    codes = Codes.of({"7777"})
    assert "7777" in codes
    assert not any(code in codes for code in ("77777", "777", " 7777", "7777 ", "", "77٧7"))
