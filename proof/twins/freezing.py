"""Twins that don't repeat the approval's very data."""

from __future__ import annotations

from typing import Final

from proof.twins.twin import Edit, Room, Twin, by_simulating, by_test, by_the_whole

TWINS: Final = (
    Twin(
        name="date-taken-anew",
        mistake="tranDt recomputed at net-cancel time",
        breaks="a net-cancel that is sent later has another time than its approval",
        room=Room.FREEZING,
        edits=[
            Edit(
                "core/flows/net_cancelling.py",
                before="    signed = yield from"
                " perform(Sign(payment.world, NET_CANCEL_PATH, body))\n",
                after="""\
    from netcancel.core.effects import StampCancel

    stamp = yield from perform(StampCancel())
    body = body.replace(payment.tran_dt.encode(), stamp.tran_dt.encode())
    body = body.replace(payment.tran_tm.encode(), stamp.tran_tm.encode())
    signed = yield from perform(Sign(payment.world, NET_CANCEL_PATH, body))
""",
            )
        ],
        killers=[
            by_test(
                "core/test_net_cancelling", "test_each_attempt_is_signed_anew_over_the_same_bytes"
            ),
            by_the_whole("duty/test_clocks", "test_nothing_is_done_twice"),
            by_simulating("full"),
        ],
    ),
    Twin(
        name="token-encrypted-again",
        mistake="token encrypted again",
        breaks="a net-cancel names the card by another text than its approval",
        room=Room.FREEZING,
        edits=[
            Edit(
                "freezing.py",
                before="        request.net_cancel_body(),\n",
                after="""\
        request.net_cancel_body().replace(
            json.dumps(request.token_key).encode(), json.dumps(secrets.token_hex(16)).encode()
        ),
""",
            )
        ],
        killers=[
            by_test(
                "core/test_crashes", "test_books_balance_wherever_a_worker_dies[lost-after-before]"
            ),
            by_the_whole("duty/test_same_number", "test_threads[lost]"),
        ],
    ),
    Twin(
        name="token-encrypted-again-for-the-same-order",
        mistake="token encrypted again",
        breaks="another card's order is told what became of the first",
        room=Room.FREEZING,
        edits=[
            Edit(
                "freezing.py",
                before='NOT_DATA: Final = frozenset({"tran_dt", "tran_tm"})\n',
                after='NOT_DATA: Final = frozenset({"tran_dt", "tran_tm", "token_key"})\n',
            )
        ],
        killers=[
            by_test(
                "core/test_approving", "test_other_data_under_a_used_number_is_refused[fields1]"
            ),
            by_the_whole("duty/test_same_number", "test_other_data_is_refused[None]"),
        ],
    ),
)
