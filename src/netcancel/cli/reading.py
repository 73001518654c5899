"""`status`, `list` and `show`: what the journal knows. They never make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, find_or_stop, reading, result_of
from netcancel.cli.output import facts, plain, show_json, state_text, table
from netcancel.cli.output import show as show_all
from netcancel.core.lifecycle import State
from netcancel.errors import InvalidRequest
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Summary
    from netcancel.journal.life import Hold, Worker


LISTED_MAX: Final = 1_000_000
"""A list is in memory as a whole."""


def status(*, as_json: JsonFlag = False, **settings: SettingFlags) -> None:
    """Count the journal's payments by state, and say what is owed.

    Needs the base URL and the channel, which tell this world's payments from others'. Ends with 0.
    """
    given = Settings.load(flags=settings)
    world = _world_of(given)
    with reading(given) as journal:
        asked = journal.summary(worlds=[world]), journal.workers(), journal.hold()
        summary, workers, hold = result_of(asked[0]), result_of(asked[1]), result_of(asked[2])
    if as_json:
        show_json(_summary_row(summary, world) | _life_row(workers, hold))
        return
    show_all(
        table(
            ("state", "payments", "meaning"),
            [
                (state_text(state), str(summary.by_state.get(state, 0)), state.meaning)
                for state in State
                if summary.by_state.get(state, 0)
            ],
            numbers="payments",
        ),
        facts([*_summary_facts(summary, world), *_life_facts(workers, hold)]),
    )


def _world_of(settings: Settings) -> str:
    # These load all that a worker needs: `list` and `show` start without.
    from netcancel.desk import world_of
    from netcancel.kicc.fields import FIELDS
    from netcancel.kicc.rules import broken_rule
    from netcancel.wire import Gateway

    settings.require("base_url", "channel_id")
    gateway, channel_id = Gateway.parse(settings.get("base_url")), settings.get("channel_id")
    if (rule := broken_rule(FIELDS["channel_id"], channel_id)) is not None:
        raise InvalidRequest("channel_id", rule)
    return world_of(gateway, channel_id, settings.get("environment"))


def _summary_row(summary: Summary, world: str) -> dict[str, object]:
    return {
        "world": world,
        "by_state": {state: summary.by_state.get(state, 0) for state in State},
        "in_doubt": summary.in_doubt,
        "oldest_in_doubt_seconds": summary.oldest_in_doubt_seconds,
        "of_other_worlds": summary.of_other_worlds,
        "refusals": dict(sorted(summary.refusals.items())),
    }


def _summary_facts(summary: Summary, world: str) -> list[tuple[str, str]]:
    oldest = words.duration(summary.oldest_in_doubt_seconds)
    said = [
        ("world", world),
        ("in doubt", f"{summary.in_doubt}, the oldest for {oldest}" if summary.in_doubt else "0"),
    ]
    if summary.of_other_worlds:
        said.append(("open, of other worlds", f"{summary.of_other_worlds}: no worker here may act"))
    if summary.refusals:
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(summary.refusals.items()))
        said.append(("net-cancels refused with", codes))
    return said


def _life_row(workers: Sequence[Worker], hold: Hold | None) -> dict[str, object]:
    return {
        "workers": [
            {
                "id": each.id,
                "host": each.host,
                "started_at": words.iso(each.started_at),
                "seen_at": words.iso(each.seen_at),
            }
            for each in workers
        ],
        "hold": hold and {"reason": hold.reason, "held_at": words.iso(hold.held_at)},
    }


def _life_facts(workers: Sequence[Worker], hold: Hold | None) -> list[tuple[str, str]]:
    said = [
        ("worker", f"{each.id} on {each.host}, last seen {words.iso(each.seen_at)}")
        for each in workers
    ]
    said = said or [("worker", "none has checked in")]
    if hold is not None:
        since = f"since {words.iso(hold.held_at)}: {hold.reason}"
        said.append(("recovery is held", f"{since} (netcancel db release)"))
    return said


def list_payments(
    *,
    in_doubt: Annotated[bool, Parameter(negative="")] = False,
    escalated: Annotated[bool, Parameter(negative="")] = False,
    state: Annotated[list[State] | None, Parameter(negative="")] = None,
    limit: int = 100,
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> None:
    """List payments, newest first. Ends with 0, also where there are none.

    Parameters
    ----------
    in_doubt
        only those of which nobody can say now whether the customer is charged
    escalated
        only those that a person must decide; the same as --state escalated
    state
        only those in this state; may be given more than once
    limit
        at most so many
    """
    if not 1 <= limit <= LISTED_MAX:
        raise Stop(Exit.WRONG, f"--limit must be at least 1 and at most {LISTED_MAX:,}")
    states = {*(state or ()), *((State.ESCALATED,) if escalated else ())}
    with reading(Settings.load(flags=settings)) as journal:
        payments = result_of(
            journal.list_payments(states=states or None, in_doubt=in_doubt, limit=limit)
        )
    if as_json:
        show_json({"payments": [words.payment_row(payment) for payment in payments]})
    elif payments:
        show_all(_payments_table(payments))
    else:
        show_all(plain("no such payments"))


def _payments_table(payments: Sequence[Payment]) -> Table:
    return table(
        ("number", "terminal", "state", "KRW", "began", "next", "last answer", "version"),
        [
            (
                payment.merc_trx_no,
                payment.tid,
                state_text(payment.state),
                words.won(payment.trx_amt),
                words.age(payment) + " ago",
                words.next_attempt(payment),
                words.last_answer(payment),
                str(payment.version),
            )
            for payment in payments
        ],
        numbers="KRW",
    )


def show(number: str, /, *, as_json: JsonFlag = False, **settings: SettingFlags) -> None:
    """Show one payment of the terminal (--tid) with its history.

    Ends with 0, 1: there is none of this number.

    Parameters
    ----------
    number
        the merchant transaction number
    """
    given = Settings.load(flags=settings)
    with reading(given) as journal:
        payment = find_or_stop(journal, given, number)
    if as_json:
        history = [words.entry_row(entry) for entry in payment.history]
        show_json(words.payment_row(payment) | {"history": history})
        return
    show_all(facts(_payment_facts(payment)), _history_table(payment))


def _payment_facts(payment: Payment) -> list[tuple[str, str]]:
    said = [
        ("number", payment.merc_trx_no),
        ("terminal", payment.tid),
        ("state", f"{payment.state}: {payment.state.meaning}"),
        ("amount", f"{words.won(payment.trx_amt)} KRW"),
        ("began", f"{words.age(payment)} ago, {words.iso(payment.created_at)}"),
        ("next", words.next_attempt(payment)),
        ("last answer", words.last_answer(payment)),
        ("sent since it is owed", str(payment.attempts)),
        ("world", payment.world),
        ("version", str(payment.version)),
    ]
    if payment.resolution is not None:
        said.insert(3, ("resolved as", payment.resolution))
    if payment.cancel_reason is not None:
        number = payment.cancel_trx_no or "not sent yet"
        said.insert(5, ("cancel", f"{number}, {payment.cancel_reason}"))
    if payment.approved_amt != payment.trx_amt:
        said.insert(4, ("approved", f"{words.won(payment.approved_amt)} KRW"))
    if payment.loss is not None:
        said.insert(6, ("why lost", f"{words.LOSSES[payment.loss]}: {payment.detail}"))
    if payment.answer is not None:
        said.insert(6, ("approval", f"{payment.answer.aprv_no} of {payment.answer.aprv_dt}"))
    return said


def _history_table(payment: Payment) -> Table:
    return table(
        ("when (UTC)", "event", "from", "to", "version", "note"),
        [
            (
                words.iso(entry.at) or "",
                entry.event,
                entry.source or "",
                state_text(entry.target),
                str(entry.version),
                entry.note,
            )
            for entry in payment.history
        ],
    )
