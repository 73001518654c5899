"""Twins whose flows, table or policy are broken: the order of steps, and what they lead to."""

from __future__ import annotations

from typing import Final

from proof.twins.twin import (
    Edit,
    Kind,
    Room,
    Twin,
    by,
    by_exploring,
    by_simulating,
    by_test,
    by_the_whole,
)

APPROVING: Final = "core/flows/approving.py"
NET_CANCELLING: Final = "core/flows/net_cancelling.py"
WRITING: Final = "core/flows/writing.py"
LIFECYCLE: Final = "core/lifecycle.py"

EVERY_FAULT: Final = by_the_whole(
    "duty/test_every_fault", "test_every_fault_ends_in_balanced_books[Guard-forgetful]"
)
"""Before a gateway that forgets a net-cancel that came before its approval."""

TAKEN_FOR_A_TAKE_OVER: Final = Edit(
    WRITING,
    before="            return row, Fate.APPLIED if ours else Fate.FENCED\n",
    after="            return row, Fate.FENCED\n",
)
TAKEN_FOR_NEW_EVIDENCE: Final = Edit(
    APPROVING,
    before="    while row.answer != answer:\n",
    after="    while True:\n",
)
REOPENED_FROM_APPROVED: Final = Edit(
    LIFECYCLE,
    before="""\
)

IGNORED: Final = (
    Ignored(S.APPROVED, E.LATE_APPROVAL, "approved stands; a second proof is only noted"),
""",
    after="""\
    Move(S.APPROVED, E.LATE_APPROVAL, S.NET_CANCELLING, "somebody took over"),
)

IGNORED: Final = (
""",
)

TWINS: Final = (
    Twin(
        name="sent-before-written",
        mistake="send before the intent is durable",
        breaks="the approval leaves before its intent is in the journal",
        room=Room.CORE,
        edits=[
            Edit(
                APPROVING,
                before="    opened = yield from perform(Open(order.intent))\n",
                after="""\
    yield from perform(Exchange(signed, policy.timeout_seconds))
    opened = yield from perform(Open(order.intent))
""",
            )
        ],
        killers=[
            by_test("core/test_approving", "test_an_approval_is_sent_once_and_told"),
            by_the_whole(
                "duty/test_every_fault",
                "test_the_intent_is_durable_before_the_approval_arrives[Guard]",
            ),
            by_simulating(),
            by_exploring("two-callers"),
        ],
    ),
    Twin(
        name="own-write-taken-for-a-take-over",
        mistake="own applied write taken for a take-over",
        breaks="an owner whose commit got no clear answer brings its own approval as late evidence",
        room=Room.CORE,
        edits=[TAKEN_FOR_A_TAKE_OVER, TAKEN_FOR_NEW_EVIDENCE],
        killers=[
            by_test(
                "core/test_journal_trouble", "test_an_applied_write_is_not_taken_for_a_takeover"
            ),
            by_simulating(),
            by_exploring("confirm-in-doubt"),
        ],
    ),
    Twin(
        name="reopened-from-approved",
        mistake="re-open from approved",
        breaks="an approval that was told is voided because its owner proves it a second time",
        room=Room.CORE,
        edits=[REOPENED_FROM_APPROVED, TAKEN_FOR_A_TAKE_OVER, TAKEN_FOR_NEW_EVIDENCE],
        killers=[
            by_test(
                "core/test_evidence", "test_late_evidence_leads_where_the_table_says[approved]"
            ),
            by_simulating(),
            by_exploring("two-callers-in-doubt"),
        ],
    ),
    Twin(
        name="approved-cancelled-by-itself",
        mistake="automatic cancel of an approved payment",
        breaks="an exception after the confirmation refunds the charge of an order that stands",
        room=Room.CORE,
        edits=[
            Edit(
                LIFECYCLE,
                before="    Move(S.CANCELLING, E.CLAIMED, S.CANCELLING,",
                after="""\
    Move(S.APPROVED, E.REJECTED, S.CANCELLING, "the merchant failed"),
    Move(S.CANCELLING, E.CLAIMED, S.CANCELLING,""",
            )
        ],
        killers=[
            by_test("core/test_lifecycle", "test_an_automatic_cancel_moves_unconfirmed_only"),
            by_test("core/test_races", "test_one_row_has_one_winner[done-confirm and reject]"),
            by_exploring("confirm"),
        ],
    ),
    Twin(
        name="denied-charge-taken-for-void",
        mistake='"nothing to void" accepted where the approval is proven',
        breaks="a charge that is proven, and that the gateway denies, is closed as void",
        room=Room.CORE,
        edits=[
            Edit(
                NET_CANCELLING,
                before="""\
    if how is Acknowledgement.NOTHING_TO_VOID and payment.answer is not None:
        note = "the gateway knows of nothing to void, but the approval is proven"
        return Event.CHARGE_DENIED, replace(told, alarmed=True, note=note)
""",
                after="",
            )
        ],
        killers=[
            by_test(
                "core/test_net_cancelling",
                "test_nothing_to_void_is_never_done_where_the_approval_is_proven",
            ),
            by_exploring("denied"),
        ],
    ),
    Twin(
        name="late-by-the-answer",
        mistake="early or late judged when the answer is written",
        breaks="a net-cancel that was sent too early closes a payment because its answer is late",
        room=Room.CORE,
        edits=[
            Edit(
                NET_CANCELLING,
                before="    draw = yield from perform(Draw())\n",
                after="""\
    from netcancel.core.effects import Read

    row = yield from perform(Read(payment.id))
    is_late = isinstance(row, Payment) and row.is_settled
    draw = yield from perform(Draw())
""",
            )
        ],
        killers=[
            by_test(
                "core/test_net_cancelling", "test_late_is_judged_by_the_claim_not_by_the_answer"
            ),
            by_exploring("overdue"),
        ],
    ),
    Twin(
        name="resolved-amid-an-attempt",
        mistake="resolve while an attempt is on the wire",
        breaks="a person closes what an attempt that is still on its way may change",
        room=Room.CORE,
        edits=[
            Edit(
                "operators.py",
                before="    if payment.read_at < over_at:\n",
                after="    if payment.read_at < payment.updated_at < over_at:\n",
            )
        ],
        killers=[
            by_test(
                "core/test_operators", "test_a_person_closes_only_what_nothing_can_change_any_more"
            ),
            by_exploring("operator"),
        ],
    ),
    Twin(
        name="told-on-hope",
        mistake="report before durable",
        breaks="an approval is told that the journal never took, and recovery voids it",
        room=Room.CORE,
        edits=[
            Edit(
                WRITING,
                before="            return replace(seen, loss=change.loss or seen.loss,"
                " detail=JOURNAL_SILENT), Fate.UNKNOWN\n",
                after="""\
            from netcancel.core.lifecycle import target

            hoped = target(seen.state, event)
            return replace(seen, state=hoped, answer=change.answer), Fate.UNKNOWN
""",
            )
        ],
        killers=[
            by_test(
                "core/test_journal_trouble", "test_an_approval_that_can_not_be_written_is_not_told"
            ),
            by_the_whole(
                "duty/test_journal_trouble", "test_trouble_before_the_verdict_that_lasts[full]"
            ),
            by_exploring("pause-in-doubt"),
        ],
    ),
    Twin(
        name="raised-commit-taken-for-done",
        mistake="treat a raised commit as done",
        breaks="an approval is told whose commit raised and was not applied",
        room=Room.CORE,
        edits=[
            Edit(
                WRITING,
                before="        row = yield from perform(Read(seen.id))\n",
                after="""\
        if isinstance(row, Unavailable):
            from netcancel.core.lifecycle import target

            state, version = target(seen.state, event), hand.next_version(seen)
            done = replace(seen, state=state, version=version, answer=change.answer or seen.answer)
            return done, Fate.APPLIED
        row = yield from perform(Read(seen.id))
""",
            )
        ],
        killers=[
            by_test(
                "core/test_journal_trouble", "test_an_unclear_write_is_resolved_by_reading[False]"
            ),
            by_simulating(),
            by_exploring("pause-in-doubt"),
        ],
    ),
    Twin(
        name="nothing-to-void-taken-for-the-end",
        mistake='"nothing to void" final at once',
        breaks="an approval that comes after its net-cancel stays charged",
        room=Room.CORE,
        edits=[
            Edit(
                NET_CANCELLING,
                before="    if is_late:\n",
                after="    if is_late or how is Acknowledgement.NOTHING_TO_VOID:\n",
            )
        ],
        killers=[
            by_test(
                "core/test_net_cancelling",
                "test_nothing_to_void_closes_only_where_it_is_configured",
            ),
            by_exploring("code"),
        ],
    ),
    Twin(
        name="no-settle-time",
        mistake="settle time 0 with a delayed approval",
        breaks="no net-cancel is verified, and an approval that was delayed stays charged",
        room=Room.CORE,
        edits=[
            Edit(
                "core/policy.py",
                before="        return SEND_WITHIN_SECONDS + self.timeout_seconds"
                " + self.settle_seconds\n",
                after="        return 0.0\n",
            )
        ],
        killers=[
            by_test(
                "core/test_net_cancelling",
                "test_an_early_acknowledgement_is_verified_after_the_settle_time",
            ),
            by_the_whole(
                "duty/test_every_fault", "test_every_fault_ends_in_balanced_books[Guard-forgetful]"
            ),
            by_exploring("overdue"),
        ],
    ),
    Twin(
        name="signed-when-sent",
        mistake="sign at send time with a pause before it",
        breaks="an owner that was paused sends a fresh approval after everything was closed",
        room=Room.CORE,
        edits=[
            Edit(
                APPROVING,
                before="    if (yield from perform(Now())) - signed.at < SEND_WITHIN_SECONDS:\n",
                after="""\
    signed = yield from perform(Sign(order.intent.world, APPROVAL_PATH, order.approval_body))
    if (yield from perform(Now())) - signed.at < SEND_WITHIN_SECONDS:
""",
            )
        ],
        killers=[
            by_test("core/test_approving", "test_a_signature_that_has_aged_is_not_sent"),
            by_exploring("pauses"),
        ],
    ),
    Twin(
        name="first-acknowledgement-taken-for-the-last",
        mistake="first acknowledgement final",
        breaks="an approval that is worked after its net-cancel stays charged",
        room=Room.CORE,
        edits=[
            Edit(
                NET_CANCELLING,
                before="    return Event.ACKNOWLEDGED_EARLY,"
                " replace(told, due_seconds=payment.seconds_to_settle, note=how)\n",
                after="    return Event.ACKNOWLEDGED_LATE, replace(told, note=how)\n",
            )
        ],
        killers=[
            by_test(
                "core/test_net_cancelling",
                "test_an_early_acknowledgement_is_verified_after_the_settle_time",
            ),
            by_the_whole(
                "duty/test_every_fault", "test_every_fault_ends_in_balanced_books[Guard-forgetful]"
            ),
            by_simulating(),
            by_exploring("overdue"),
        ],
    ),
    Twin(
        name="late-approval-dropped",
        mistake="fenced late approval dropped",
        breaks="a fenced owner keeps the proof of a charge to itself, and the charge stands",
        room=Room.CORE,
        edits=[
            Edit(
                APPROVING,
                before="        return Charged((yield from"
                " _keep_evidence(row, verdict.answer, hand)))\n",
                after="        return Charged(row)\n",
            )
        ],
        killers=[
            by_test(
                "core/test_taking_over",
                "test_the_approval_of_a_fenced_owner_brings_the_debt_back[1]",
            ),
            by_the_whole(
                "duty/test_paused",
                "test_an_owner_that_wakes_up_with_an_approval_does_not_report_it"
                "[sqlite-voided for good]",
            ),
            by_exploring("overdue"),
        ],
    ),
    Twin(
        name="net-cancelled-from-memory",
        mistake="net-cancel sent from memory, not journaled",
        breaks="what can't be written is voided at once, although its approval may be written",
        room=Room.CORE,
        edits=[
            Edit(
                APPROVING,
                before="    if fate is Fate.FENCED and isinstance(verdict, ApprovalProven",
                after="""\
    if fate is Fate.UNKNOWN:
        from netcancel.kicc import NET_CANCEL_PATH

        body = order.intent.net_cancel_body
        signed = yield from perform(Sign(order.intent.world, NET_CANCEL_PATH, body))
        yield from perform(Exchange(signed, policy.timeout_seconds))
    if fate is Fate.FENCED and isinstance(verdict, ApprovalProven""",
            )
        ],
        killers=[
            by_test(
                "core/test_journal_trouble",
                "test_what_can_not_be_written_is_not_voided_out_of_memory",
            ),
            by_exploring("pause-in-doubt"),
        ],
    ),
    Twin(
        name="decided-on-a-stale-read",
        mistake="decision from a stale read",
        breaks="a worker that was fenced closes a payment by an answer that it had before",
        room=Room.CORE,
        edits=[
            Edit(
                WRITING,
                before="            ours = row.was_written_by(hand.next_version(seen))\n",
                after="""\
            ours = row.was_written_by(hand.next_version(seen))
            from netcancel.core.lifecycle import is_move

            if not ours and is_move(row.state, event):
                seen = row
                continue
""",
            )
        ],
        killers=[
            by_test(
                "core/test_taking_over", "test_a_fenced_workers_acknowledgement_closes_nothing"
            ),
            by_the_whole(
                "duty/test_paused",
                "test_a_worker_that_wakes_up_closes_nothing_that_it_does_not_hold[sqlite]",
            ),
            by_simulating(),
            by_exploring("overdue"),
        ],
    ),
    Twin(
        name="lost-taken-for-declined",
        mistake="lost answer judged as declined",
        breaks="a payment whose answer was lost is told declined, and its charge stands",
        room=Room.CORE,
        edits=[
            Edit(
                APPROVING,
                before="""\
            return Event.ANSWER_LOST, replace(
                owed, loss=loss, detail=detail, code=verdict.code, never_sent=verdict.never_left
            )
""",
                after="""\
            return Event.DECLINE_PROVEN, Change(code=verdict.code or "", message=detail)
""",
            )
        ],
        killers=[
            by_test(
                "core/test_approving", "test_a_lost_answer_is_net_cancelled_at_once_by_its_caller"
            ),
            by(Kind.DEMO, "--payments 60 --seed 1 --keep books"),
            by_simulating(),
            by_exploring("two-callers"),
        ],
    ),
)
