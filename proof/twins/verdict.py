"""Twins that guess where the verdict table asks for a proof."""

from __future__ import annotations

from typing import Final

from proof.twins.twin import SECONDS_OF_CAMPAIGN, Edit, Room, Twin, by_test, by_the_whole

JUDGE: Final = "kicc/judge.py"

TWINS: Final = (
    Twin(
        name="unlisted-code-taken-for-declined",
        mistake="an unlisted code judged declined while a copy of the approval is on its way",
        breaks="a payment whose code says nothing is told declined, and its charge stands",
        room=Room.VERDICT,
        edits=[
            Edit(
                JUDGE,
                before="    if reply.code in decline_codes:\n",
                after="    if reply.code:\n",
            )
        ],
        killers=[
            by_test("kicc/test_judge", "test_every_code_has_its_verdict"),
            by_the_whole(
                "duty/test_every_fault",
                "test_every_fault_ends_in_balanced_books[AsyncGuard-tombstone]",
            ),
            SECONDS_OF_CAMPAIGN,
        ],
    ),
    Twin(
        name="silence-taken-for-declined",
        mistake="lost answer judged as declined",
        breaks="an approval that nobody answered is told declined, and its charge stands",
        room=Room.VERDICT,
        edits=[
            Edit(
                JUDGE,
                before="""\
        return reply
    if reply.code == SUCCESS:
        return _judge_amount(reply, expected)
""",
                after="""\
        return DeclineProven("", reply.detail)
    if reply.code == SUCCESS:
        return _judge_amount(reply, expected)
""",
            )
        ],
        killers=[
            by_test("kicc/test_judge", "test_no_answer_is_lost_by_the_manuals_names"),
            by_the_whole(
                "duty/test_every_fault",
                "test_every_fault_ends_in_balanced_books[AsyncGuard-tombstone]",
            ),
            SECONDS_OF_CAMPAIGN,
        ],
    ),
    Twin(
        name="parts-of-codes",
        mistake="substring match of codes",
        breaks="a code that is made of parts of two listed ones is told declined",
        room=Room.VERDICT,
        edits=[
            Edit(
                "kicc/codes.py",
                before="        if code in self.exact:\n",
                after='        if code in "".join(sorted(self.exact)):\n',
            )
        ],
        killers=[
            by_test("kicc/test_judge", "test_every_code_has_its_verdict"),
            by_the_whole(
                "duty/test_every_fault",
                "test_every_fault_ends_in_balanced_books[AsyncGuard-tombstone]",
            ),
            SECONDS_OF_CAMPAIGN,
        ],
    ),
)
