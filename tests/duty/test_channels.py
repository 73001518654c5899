"""Channels and their keys: several in one guard, and keys that change while payments are open."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from netcancel import (
    Approved,
    Cancelled,
    ConfigurationError,
    Credentials,
    InDoubt,
    Merchant,
    NetCancelled,
    State,
)
from netcancel.demo.books import close_books
from netcancel.recovery import Recovery
from netcancel.sandbox.signature import SignatureCheck, SignatureVerdict
from tests.canaries import SECRET
from tests.duty.books import header
from tests.duty.shop import CREDENTIALS, MERCHANT, Shop, order_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netcancel import Outcome
    from netcancel.sandbox import Sandbox

OTHER: Final = Credentials(channel_id="CH_OTHER", secret_key=f"other {SECRET}".replace(" ", "-"))
BOTH: Final = (CREDENTIALS, OTHER)
OF_OTHER: Final = Merchant(
    tid="T000000002",
    svc_id=MERCHANT.svc_id,
    bizr_no=MERCHANT.bizr_no,
    channel_id=OTHER.channel_id,
)
OF_NONE: Final = Merchant(
    tid="T000000003", svc_id="S", bizr_no=MERCHANT.bizr_no, channel_id="CH_NONE"
)
AHEAD_SECONDS: Final = 3_600.0
REFUSED_SIGNATURE: Final = "A401"


class Keys:
    """Believes whoever signs with one of several keys."""

    def __init__(self, credentials: Iterable[Credentials]) -> None:
        self._checks = [SignatureCheck(each.channel_id, each.secret_key) for each in credentials]

    def verify(
        self, headers: Iterable[tuple[str, str]], target: str, body: bytes, *, now: float
    ) -> SignatureVerdict:
        """Judge one request by each key."""
        each = [check.verify([*headers], target, body, now=now) for check in self._checks]
        return SignatureVerdict.VALID if SignatureVerdict.VALID in each else each[0]


def accept(van: Sandbox, *credentials: Credentials) -> None:
    """Have the gateway take these keys from now on, and no other."""
    gateway = van._world.gateway
    keys: Any = Keys(credentials)
    with gateway.changed:
        gateway.check = keys


def check_ledger(van: Sandbox, shop: Shop) -> None:
    """Check that the ledger and the journal say the same, and that nothing was sent otherwise."""
    assert close_books(van.charges(), shop.payments()).problems == ()
    bodies: defaultdict[tuple[str, str, str], list[bytes]] = defaultdict(list)
    for request in van.requests():
        sent = json.loads(request["body"])
        bodies[request["endpoint"], sent["tid"], sent["mercTrxNo"]].append(request["body"])
    for (endpoint, _, _), of_number in bodies.items():
        assert len({*of_number}) == 1
        assert endpoint == "net-cancel" or len(of_number) == 1


def channels_of(van: Sandbox) -> dict[str, set[str]]:
    """Say by which channels each terminal's requests were signed."""
    found: dict[str, set[str]] = {}
    for request in van.requests():
        tid = json.loads(request["body"])["tid"]
        found.setdefault(tid, set()).add(header(request, "X-KICC-ChannelId"))
    return found


def test_two_channels_of_one_guard_are_each_signed_by_their_own(van: Sandbox, shop: Shop) -> None:
    """Approved, cancelled, confirmed, missed and lost: everything is signed by its own channel."""
    accept(van, *BOTH)
    with shop.guard(credentials=BOTH) as guard:
        for merchant in (MERCHANT, OF_OTHER):
            sold: dict[str, Any] = {"merchant": merchant}
            assert isinstance(guard.approve(**order_of("STANDS"), **sold), Approved)
            guard.approve(**order_of("REFUNDED"), **sold)
            assert isinstance(guard.cancel("REFUNDED", tid=merchant.tid), Cancelled)
            with guard.payment(confirm_within=60, **order_of("CONFIRMED"), **sold):
                pass
            guard.approve(**order_of("MISSED"), **sold, confirm_within=1)
            van.inject("commit-then-reset")
            van.inject("reset", endpoint="net-cancel")
            assert isinstance(guard.approve(**order_of("LOST"), **sold), InDoubt)
        with pytest.raises(ConfigurationError, match="no credentials"):
            guard.approve(**order_of("X"), merchant=OF_NONE)
    shop.recover_until_closed(credentials=BOTH)
    check_ledger(van, shop)
    assert channels_of(van) == {
        MERCHANT.tid: {CREDENTIALS.channel_id},
        OF_OTHER.tid: {OTHER.channel_id},
    }
    assert {request["signature"] for request in van.requests()} == {"valid"}
    states = Counter(payment.state for payment in shop.payments())
    assert states == {State.APPROVED: 4, State.CANCELLED: 4, State.NET_CANCELLED: 2}


def test_an_outage_of_one_channel_keeps_no_other_waiting(van: Sandbox, shop: Shop) -> None:
    """With room for one at a time, due payments of both channels go in turns."""
    accept(van, *BOTH)
    shop = shop.with_policy(recovery_in_flight=1)
    with shop.guard(credentials=BOTH) as guard:
        for place in range(10):
            merchant = OF_OTHER if place in {8, 9} else MERCHANT
            van.inject("commit-then-reset")
            van.inject("reset", endpoint="net-cancel")
            guard.approve(**order_of(f"ORD_{place}"), merchant=merchant)
    sent_before = len(van.requests())
    with shop.desk(ahead_seconds=AHEAD_SECONDS, credentials=BOTH) as desk:
        assert asyncio.run(Recovery(desk).run_once()).claimed == 10
    sent = [json.loads(each["body"])["tid"] for each in van.requests()[sent_before:]]
    assert len(sent) == 10
    assert Counter(sent[:4]) == {MERCHANT.tid: 2, OF_OTHER.tid: 2}
    check_ledger(van, shop)


def test_small_passes_begin_with_each_channel(shop: Shop) -> None:
    """Whoever recovers in passes of one doesn't look at the same channel first for ever."""
    begun: list[str] = []
    with shop.desk(credentials=BOTH) as desk:

        class Asked:
            """The desk's journal, which says for which world it is asked first in a pass."""

            def __init__(self) -> None:
                self.worlds: list[str] = []

            def __getattr__(self, name: str) -> Any:
                return getattr(desk.journal, name)

            def claim_due(self, **terms: Any) -> Any:
                self.worlds.append(terms["world"])
                return desk.journal.claim_due(**terms)

        for _ in range(64):
            journal: Any = Asked()
            asyncio.run(Recovery(replace(desk, journal=journal)).run_once(limit=1))
            assert {*journal.worlds} == desk.all_worlds
            begun.append(journal.worlds[0])
        assert {*begun} == desk.all_worlds


NEW: Final = Credentials(
    channel_id=CREDENTIALS.channel_id,
    secret_key=f"new-{SECRET}",
    previous_secret_key=CREDENTIALS.secret_key,
)


def trade(van: Sandbox, shop: Shop, turn: str, keys: Credentials) -> dict[str, Outcome]:
    """Approve with an answer, without one, and without one of the net-cancel either; cancel one."""
    with shop.guard(credentials=keys) as guard:
        told: dict[str, Outcome] = {"plain": guard.approve(**order_of(f"{turn}-plain"))}
        van.inject("commit-then-reset")
        told["lost"] = guard.approve(**order_of(f"{turn}-lost"))
        van.clear_faults()
        van.inject("commit-then-reset")
        van.inject("reset", endpoint="net-cancel")
        told["owed"] = guard.approve(**order_of(f"{turn}-owed"))
        van.clear_faults()
        guard.approve(**order_of(f"{turn}-cancelled"))
        guard.cancel(f"{turn}-cancelled")
    return told


def statuses(van: Sandbox) -> dict[str, str]:
    """Say what became of each charge."""
    return {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}


@pytest.mark.parametrize("first", ["the gateway", "the shop"])
def test_a_key_that_changes_with_an_overlap_loses_nothing(
    van: Sandbox, shop: Shop, first: str
) -> None:
    """Whoever changes first: both keys are good for a while, and in the end all books balance."""
    accept(van, CREDENTIALS)
    trade(van, shop, "before", CREDENTIALS)
    accept(van, CREDENTIALS, NEW)
    told = trade(van, shop, "amid", CREDENTIALS if first == "the gateway" else NEW)
    assert [type(each) for each in told.values()] == [Approved, NetCancelled, InDoubt]
    accept(van, NEW)
    trade(van, shop, "after", NEW)
    shop.recover_until_closed(credentials=[NEW])
    check_ledger(van, shop)
    assert {request["signature"] for request in van.requests()} == {"valid"}
    assert {each for number, each in statuses(van).items() if "plain" in number} == {"live"}


def test_a_gateway_that_changes_its_key_at_once_makes_nothing_final(
    van: Sandbox, shop: Shop
) -> None:
    """Under the old key everything is refused, and stays owed; with the new one it is voided."""
    accept(van, CREDENTIALS)
    trade(van, shop, "before", CREDENTIALS)
    van.inject("commit-then-reset")
    with shop.guard() as guard:
        guard.approve(**order_of("approved"))
        accept(van, NEW)
        assert isinstance(guard.approve(**order_of("refused")), InDoubt)
        assert isinstance(guard.cancel("before-plain"), InDoubt)
    for turn in range(1, 4):
        with shop.desk(ahead_seconds=turn * AHEAD_SECONDS) as desk:
            left_in = asyncio.run(Recovery(desk).run_once()).left_in
        assert {*left_in} <= {State.NET_CANCELLING, State.SETTLING}
    refused = {payment.merc_trx_no: payment.state for payment in shop.payments()}
    assert refused["refused"] is refused["before-plain"] is State.NET_CANCELLING
    shop.recover_until_closed(ahead_seconds=5 * AHEAD_SECONDS, credentials=[NEW])
    check_ledger(van, shop)
    assert "live" not in statuses(van).values()


def test_a_shop_that_changes_its_key_too_early_voids_with_the_old_one(
    van: Sandbox, shop: Shop
) -> None:
    """Approvals are refused and told void; a cancel is lost, and its charge net-cancelled."""
    accept(van, CREDENTIALS)
    with shop.guard() as guard:
        guard.approve(**order_of("sold"))
    with shop.guard(credentials=NEW) as guard:
        assert isinstance(guard.approve(**order_of("early")), NetCancelled)
        assert isinstance(guard.cancel("sold"), NetCancelled)
    shop.recover_until_closed(credentials=[NEW])
    check_ledger(van, shop)
    assert statuses(van) == {"sold": "voided"}


def test_a_cancel_refused_by_a_code_for_its_signature_is_lost(van: Sandbox, shop: Shop) -> None:
    """Such a code says nothing of the cancel: the charge is net-cancelled, nothing told refused."""
    shop = shop.with_policy(authentication_codes=frozenset({REFUSED_SIGNATURE}))
    with shop.guard() as guard:
        guard.approve(**order_of("sold"))
        van.inject("net-cancel-refused", endpoint="cancel", code=REFUSED_SIGNATURE)
        assert isinstance(guard.cancel("sold"), NetCancelled)
    shop.recover_until_closed()
    check_ledger(van, shop)
    assert statuses(van) == {"sold": "voided"}
