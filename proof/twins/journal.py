"""Twins whose journals are broken: the writes, and when they are told."""

from __future__ import annotations

from typing import Final

from proof.twins.twin import (
    Edit,
    Room,
    Twin,
    by_exploring,
    by_simulating,
    by_test,
    by_the_whole,
)

MEMORY: Final = "journal/memory.py"

CONDITION: Final = """ AND payment.state = new.seen_state
    AND payment.version_count = new.seen_count AND payment.version_writer = new.seen_writer"""
LEVELS: Final = {"sqlite": "full", "postgres": "postgres", "mysql": "mariadb"}
"""The levels of the simulation by their journals."""

UNCONDITIONAL: Final = (
    "a write goes through although somebody has written since the payment was seen"
)


def _unconditional(kind: str) -> Twin:
    return Twin(
        name=f"unconditional-write-{kind}",
        mistake="no conditional update",
        breaks=UNCONDITIONAL,
        room=Room.JOURNAL,
        edits=[
            Edit(f"journal/sql/{kind}/move.sql", before=CONDITION, after=""),
            # Else the history refuses a version that it has.
            Edit(
                f"journal/sql/{kind}/move.sql",
                before="version_count = new.version_count,",
                after="version_count = payment.version_count + 1,",
            ),
        ],
        killers=[
            by_test(
                "journal/conformance/test_moving",
                f"test_a_move_from_a_stale_view_changes_nothing[{kind}]",
            ),
            by_the_whole(
                "duty/test_paused",
                f"test_a_worker_that_wakes_up_closes_nothing_that_it_does_not_hold[{kind}]",
            ),
            by_simulating(LEVELS[kind]),
            *([by_exploring("late", "sqlite")] if kind == "sqlite" else []),
        ],
    )


TWINS: Final = (
    Twin(
        name="unconditional-write-memory",
        mistake="no conditional update",
        breaks=UNCONDITIONAL,
        room=Room.JOURNAL,
        edits=[
            Edit(
                MEMORY,
                before="        if row is None or (row.payment.state, row.payment.version)"
                " != (seen.state, seen.version):\n",
                after="        if row is None:\n",
            ),
            Edit(MEMORY, before="        old = row.payment\n", after="        old = seen\n"),
        ],
        killers=[
            by_test(
                "journal/conformance/test_moving",
                "test_a_move_from_a_stale_view_changes_nothing[memory]",
            ),
            by_simulating(),
            by_exploring("overdue"),
        ],
    ),
    _unconditional("sqlite"),
    _unconditional("postgres"),
    _unconditional("mysql"),
    Twin(
        name="told-before-the-commit",
        mistake="report before durable",
        breaks="what was told is not there after a loss of power",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/batch.py",
                before="""\
    try:
        session.commit()
    except Exception as error:  # noqa: BLE001  it may be durable or not: the callers read again
""",
                after="""\
    for task, result in zip(batch, results, strict=True):
        task.future.set_result(result)
    try:
        session.commit()
        return session
    except Exception as error:  # noqa: BLE001  it may be durable or not: the callers read again
        close_session(session)
        return None
""",
            )
        ],
        killers=[
            by_test("journal/test_writer", "test_nothing_is_told_before_the_commit"),
            by_the_whole("journal/test_crashes", "test_what_was_promised_survives_every_kill"),
            by_simulating("full"),
        ],
    ),
    Twin(
        name="raised-commit-taken-for-done-by-the-journal",
        mistake="treat a raised commit as done",
        breaks="what a commit that raised did not write is told as written",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/batch.py",
                before="""\
            log.notice("a commit to the journal got no clear answer: %s", error)
        _give_up(session, batch, _unavailable(error))
        return None
""",
                after="""\
            log.notice("a commit to the journal got no clear answer: %s", error)
""",
            )
        ],
        killers=[
            by_test("journal/test_writer", "test_a_failed_transaction_is_told_to_all[commit]"),
            by_the_whole(
                "journal/servers/test_durability",
                "test_a_commit_that_comes_with_a_warning_is_unknown[postgres]",
            ),
            by_simulating("full"),
        ],
    ),
    Twin(
        name="number-used-again-memory",
        mistake="number used again after a failure",
        breaks="a number that failed is charged again, and a late copy of its net-cancel voids it",
        room=Room.JOURNAL,
        edits=[
            Edit(
                MEMORY,
                before="        if (known := self._numbers.get(number)) is not None:\n",
                after="        if (known := self._numbers.get(number)) is not None"
                " and known.payment.state not in {State.DECLINED, State.NET_CANCELLED}:\n",
            )
        ],
        killers=[
            by_test(
                "journal/conformance/test_opening",
                "test_a_used_number_is_never_opened_again[memory-True-net_cancelled]",
            ),
            by_simulating(),
            by_exploring("two-callers"),
        ],
    ),
    Twin(
        name="number-used-again-sqlite",
        mistake="number used again after a failure",
        breaks="a number that failed is charged again, and a late copy of its net-cancel voids it",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/sql/sqlite/open_new.sql",
                before="ON CONFLICT (tid, merc_trx_no) DO NOTHING",
                after="""\
ON CONFLICT (tid, merc_trx_no) DO UPDATE SET
    state = 'approving', version_count = version_count + 1,
    version_writer = excluded.version_writer, is_held = 1, due_at = excluded.due_at
    WHERE state IN ('declined', 'net_cancelled')""",
            )
        ],
        killers=[
            by_test(
                "journal/conformance/test_opening",
                "test_a_used_number_is_never_opened_again[sqlite-True-net_cancelled]",
            ),
            by_the_whole("duty/test_same_number", "test_other_data_is_refused[decline]"),
            by_simulating("full"),
            by_exploring("two-callers", "sqlite"),
        ],
    ),
    Twin(
        name="archived-number-forgotten",
        mistake="forgetting the number of a payment that was archived",
        breaks="the number of a payment that has left is charged a second time",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/sql/sqlite/0004_retention.sql",
                before="""\
CREATE TRIGGER a_used_number_is_never_used_again BEFORE INSERT ON payment
WHEN EXISTS (SELECT 1 FROM used_number WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no)
BEGIN
    SELECT RAISE(IGNORE);
END;
""",
                after="",
            )
        ],
        killers=[
            by_test(
                "journal/conformance/test_archiving",
                "test_the_number_of_what_has_left_stays_used[sqlite]",
            ),
            by_the_whole("duty/test_archived", "test_an_archived_number_is_never_charged_again"),
            by_simulating("full"),
        ],
    ),
    Twin(
        name="stale-view-sqlite",
        mistake="decision from a stale read",
        breaks="a merchant's transaction is told of a confirmation that was taken back since",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/sqlite_joined.py",
                before="""\
            connection.execute("UPDATE meta SET value = value WHERE FALSE")
""",
                after="",
            )
        ],
        killers=[
            by_test(
                "journal/sqlite/test_joined", "test_an_old_view_is_not_taken_for_what_is_so_now"
            ),
            by_the_whole("duty/test_later", "test_no_goods_leave_for_what_was_given_back[sqlite]"),
            by_simulating("full"),
        ],
    ),
    Twin(
        name="stale-view-mysql",
        mistake="decision from a stale read",
        breaks="a merchant's transaction is told of a confirmation that was taken back since",
        room=Room.JOURNAL,
        edits=[Edit("journal/sql/mysql/find_to_write.sql", before=" FOR UPDATE", after="")],
        killers=[
            by_test(
                "journal/servers/test_joined",
                "test_an_old_view_is_not_taken_for_what_is_so_now[mysql]",
            ),
            by_the_whole("duty/test_later", "test_no_goods_leave_for_what_was_given_back[mysql]"),
            by_simulating("mariadb"),
        ],
    ),
    Twin(
        name="purged-too-early-memory",
        mistake="purge before the grace has passed",
        breaks="a late approval finds no token to void it with",
        room=Room.JOURNAL,
        edits=[
            Edit(
                MEMORY,
                before="self._shred(writes.after(now, -keep_seconds), limit)",
                after="self._shred(now, limit)",
            )
        ],
        killers=[
            by_test(
                "journal/conformance/test_shredding",
                "test_a_reopened_payment_starts_its_grace_anew[memory]",
            ),
            by_simulating(),
            by_exploring("overdue"),
        ],
    ),
    Twin(
        name="purged-too-early",
        mistake="purge before the grace has passed",
        breaks="a late approval finds no token to void it with",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/operations.py",
                before='"closed_before": writes.after(now, -keep_seconds), "limit": limit}',
                after='"closed_before": now, "limit": limit}',
            )
        ],
        killers=[
            by_test(
                "journal/conformance/test_shredding",
                "test_a_reopened_payment_starts_its_grace_anew[sqlite]",
            ),
            by_the_whole(
                "duty/test_later", "test_a_charge_that_is_reported_finds_its_token[sqlite]"
            ),
            by_simulating("full"),
            by_exploring("overdue", "sqlite"),
        ],
    ),
    Twin(
        name="restored-and-recovered",
        mistake="recovering a restored journal",
        breaks="payments that were confirmed after the backup are voided",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/life.py",
                before="        return Finding.BEHIND if copy.count > presence.found.count"
                " else Finding.KNOWN\n",
                after="        return Finding.KNOWN\n",
            )
        ],
        killers=[
            by_test("journal/test_life", "test_a_copy_tells_whether_a_journal_went_back"),
            by_the_whole("duty/test_restored", "test_a_restored_journal_voids_no_confirmed_order"),
            by_exploring("restored"),
            by_exploring("restored", "sqlite"),
        ],
    ),
    Twin(
        name="foreign-key-taken-for-damage",
        mistake="taking what another key seals for damaged",
        breaks="a worker that lacks a key hands every payment to a person instead of voiding it",
        room=Room.JOURNAL,
        edits=[
            Edit(
                "journal/operations.py",
                before="""\
        return []
    keys.check_ring(session, vault)
    claims: list[Claim] = []
""",
                after="""\
        return []
    claims: list[Claim] = []
""",
            )
        ],
        killers=[
            by_test("journal/test_keys", "test_a_worker_that_lacks_a_key_claims_nothing"),
            by_the_whole(
                "duty/test_later",
                "test_a_worker_that_lacks_the_new_key_leaves_it_to_others[sqlite]",
            ),
            by_simulating("full"),
        ],
    ),
)
