"""What is owed, what waits for a person, and whether anybody works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.attendance import ALIVE_SECONDS
from netcancel.core.lifecycle import RECOVERABLE, State
from netcancel.core.payment import MICROSECONDS
from netcancel.desk import world_of
from netcancel.doctor.line import Line, fail, ok, warn
from netcancel.wire import Gateway

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from netcancel.core.policy import Policy
    from netcancel.journal import Journal, Summary
    from netcancel.settings import Settings

CHECK: Final = "payments"
RECOVERY: Final = "recovery"

LATE_SECONDS: Final = 60.0
"""What recovery looks at twice a second isn't left due for a minute, unless nobody looks."""

LOOKED_AT_MAX: Final = 10_000
"""The newest open payments; more are open in an outage only, and the oldest doubt tells of that."""


def payments(journal: Journal, settings: Settings) -> Iterator[Line]:
    """Check the payments of the worlds that the settings name."""
    settings.require("base_url")
    worlds = worlds_of(settings)
    policy = settings.policy
    summary = journal.summary(worlds=worlds).result()
    yield _escalated(summary)
    yield _in_doubt(summary, policy)
    yield from _refusals(summary, policy)
    if summary.of_other_worlds:
        yield warn(
            CHECK,
            f"{summary.of_other_worlds} open payments are of other worlds: no worker with these"
            " settings acts for them",
            "see that base URL, channels and NETCANCEL_ENVIRONMENT are as they were when those"
            " began, or that workers run which have them so",
        )
    yield recovery(journal, worlds, policy)
    yield from _attendance(journal)


def _attendance(journal: Journal) -> Iterator[Line]:
    """Say who recovers, and whether anybody may."""
    now = journal.health().result().now
    if (hold := journal.hold().result()) is not None:
        yield fail(
            RECOVERY,
            f"it is held, nothing is voided: {hold.reason}",
            "look at what it would void, then netcancel db release",
        )
    lately = [
        worker.id
        for worker in journal.workers().result()
        if now - worker.seen_at <= ALIVE_SECONDS * MICROSECONDS
    ]
    if lately:
        yield ok(RECOVERY, f"seen lately: {', '.join(lately)}")
    else:
        yield warn(
            RECOVERY,
            f"nobody was seen in the last {ALIVE_SECONDS:g} s",
            "see that a worker runs, or a guard with a thread of its own",
        )


def worlds_of(settings: Settings) -> frozenset[str]:
    """Return the worlds whose payments a worker with these settings recovers."""
    gateway = Gateway.parse(settings.get("base_url"))
    environment = settings.get("environment")
    return frozenset(
        world_of(gateway, each.channel_id, environment) for each in settings.all_credentials
    )


def _escalated(summary: Summary) -> Line:
    count = summary.by_state.get(State.ESCALATED, 0)
    if not count:
        return ok(CHECK, "none waits for a person")
    return warn(
        CHECK,
        f"{count} wait for a person",
        "netcancel list --escalated names them, netcancel explain escalated says what to do",
    )


def _in_doubt(summary: Summary, policy: Policy) -> Line:
    oldest = summary.oldest_in_doubt_seconds
    found = f"{summary.in_doubt} are in doubt" + (
        f", the oldest for {oldest:.0f} s" if oldest else ""
    )
    if oldest > policy.retry_window_seconds:
        # Those of other worlds may be left alone on purpose, as in a copy for a test machine.
        make = warn if summary.of_other_worlds else fail
        return make(
            CHECK,
            f"{found}: longer than the retry window, after which recovery would have given it to a"
            " person",
            "see that a worker runs for every world of this journal",
        )
    if oldest > policy.alarm_after_seconds:
        return warn(CHECK, found, "netcancel list --in-doubt names them with the last answers")
    return ok(CHECK, found)


def _refusals(summary: Summary, policy: Policy) -> Iterator[Line]:
    known = policy.net_cancel_codes.nothing_to_void, policy.net_cancel_codes.already_voided
    for code, count in sorted(summary.refusals.items()):
        found = f"{count} open or escalated payments were last refused with {code}"
        if any(code in codes for codes in known):
            yield warn(
                CHECK,
                f"{found}, which is configured by now",
                "give escalated ones back to recovery: netcancel retry",
            )
        elif code in policy.authentication_failures:
            yield warn(CHECK, f"{found}: a signature was refused", "check the channel's secrets")
        else:
            yield warn(
                CHECK,
                f"{found}, which nobody has configured",
                "ask KICC what it means; if that is nothing to void or already voided, list it in"
                " NETCANCEL_NOTHING_TO_VOID_CODES or NETCANCEL_ALREADY_VOIDED_CODES",
            )


def recovery(journal: Journal, worlds: Collection[str], policy: Policy) -> Line:
    """Say whether somebody recovers what is due: by what is left due, whoever it is."""
    owed = journal.list_payments(states=RECOVERABLE, limit=LOOKED_AT_MAX).result()
    late = [
        (payment.read_at - payment.due_at) / MICROSECONDS
        for payment in owed
        if payment.due_at is not None and payment.world in worlds
    ]
    longest = max(late, default=0.0)
    # An open circuit leaves all but one alone for as long as that.
    if longest <= policy.retry_ceiling_seconds + LATE_SECONDS:
        return ok(RECOVERY, "nothing is left due for long")
    return fail(
        RECOVERY,
        f"a payment has been due for {longest:.0f} s and nobody takes it",
        "start netcancel worker with these settings, or see what it says",
    )
