"""A shop cancels through the proxy: its very bytes, once, and only what is its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import State
from netcancel.kicc import Credentials
from netcancel.operators import retry
from netcancel.sandbox import codes
from netcancel.tables import Shop
from tests.canaries import TOKEN
from tests.duty.books import check_books
from tests.duty.shop import CREDENTIALS
from tests.proxy.conftest import Proxied, proxy_for, the_shop
from tests.proxy.shop import (
    APPROVAL,
    CANCEL,
    CHANNEL,
    NET_CANCEL,
    SECRET,
    Answer,
    cancel,
    cancel_of,
    check_form,
    net_cancel,
    order,
    pay,
    send,
    signed,
    written,
)

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books


def bodies(van: Sandbox, endpoint: str) -> list[bytes]:
    """Return what arrived at an endpoint."""
    return [each["body"] for each in van.requests() if each["endpoint"] == endpoint]


def statuses(van: Sandbox) -> list[str]:
    """Return what the gateway's ledger says of each charge."""
    return [charge["status"] for charge in van.charges()]


@pytest.mark.parametrize("wcc", ["T", "G"])
def test_the_cancels_bytes_go_on_unchanged(van: Sandbox, proxied: Proxied, wcc: str) -> None:
    """Found by the VAN's number or the shop's; told the gateway's bytes, again and again."""
    approved = pay(proxied.base_url, "ORD_1")
    by = {"wcc": wcc} | ({"cndTrxNo": "ORD_1"} if wcc == "G" else {})
    body = written(cancel_of(order("ORD_1"), approved, **by))
    told = [send(proxied.base_url, CANCEL, body) for _ in range(2)]
    assert bodies(van, "cancel") == [body]
    assert told[0] == told[1]
    assert told[0].code == "0000"
    assert told[0].members["mercTrxNo"] == "C_ORD_1"
    assert statuses(van) == ["refunded"]
    assert pay(proxied.base_url, "ORD_1").code == "NC02"


def test_another_cancel_of_the_same_hears_that_it_is_done(van: Sandbox, proxied: Proxied) -> None:
    """Under another number: done, with that number in the echo, and nothing is sent."""
    approved = pay(proxied.base_url, "ORD_1")
    assert cancel(proxied.base_url, "ORD_1", approved).code == "0000"
    again = cancel(proxied.base_url, "ORD_1", approved, mercTrxNo="C_2")
    assert (again.code, again.members["mercTrxNo"]) == ("0000", "C_2")
    assert len(bodies(van, "cancel")) == 1


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"trxAmt": 9_999}, "trxAmt"),
        ({"alotMonth": "03"}, "alotMonth"),
        ({"orgAprvNo": "1"}, "orgAprvNo"),
        ({"orgAprvDt": "20200101"}, "orgAprvDt"),
        ({"bizrNo": "1234567891"}, "bizrNo"),
        ({"mercTrxNo": "ORD_1"}, "mercTrxNo"),
        ({"mercTrxNo": "ORD_2"}, "mercTrxNo"),
        ({"tokenKey": TOKEN}, "tokenKey"),
        ({"TrxAmt": 1}, "body"),
        ({"wcc": "X"}, "wcc"),
    ],
)
def test_a_cancel_that_is_not_this_payments_is_not_sent(
    van: Sandbox, proxied: Proxied, fields: dict[str, Any], name: str
) -> None:
    """In full, of its own approval, under a number of its own, and without the token."""
    approved = pay(proxied.base_url, "ORD_1")
    pay(proxied.base_url, "ORD_2")
    answer = cancel(proxied.base_url, "ORD_1", approved, **fields)
    assert (answer.status, answer.code) == (200, "NC04")
    assert f": {name}: " in answer.members["respMsg"]
    assert bodies(van, "cancel") == []
    assert statuses(van) == ["live", "live"]


def test_a_refused_cancel_that_a_person_repeats_is_told_as_done(
    van: Sandbox, proxied: Proxied
) -> None:
    """The refusal's bytes are kept; after another cancel they are no longer what became of it."""
    approved = pay(proxied.base_url, "ORD_1")
    van.inject("net-cancel-refused", endpoint="cancel")
    told = [cancel(proxied.base_url, "ORD_1", approved) for _ in range(2)]
    assert [answer.code for answer in told] == [codes.REFUSED] * 2
    assert net_cancel(proxied.base_url, "ORD_1").code == "NC08"
    seen = proxied.find("ORD_1")
    assert retry(proxied.desk.journal, seen, by="a person").result() is not None
    proxied.wait_for("ORD_1", State.CANCELLED)
    assert cancel(proxied.base_url, "ORD_1", approved).code == "0000"
    assert statuses(van) == ["refunded"]


def test_a_cancel_of_a_payment_from_before_the_journal_is_passed_on(
    van: Sandbox, books: Books, proxied: Proxied
) -> None:
    """Once, signed by the channel, and its answer is the gateway's."""
    approved = direct(van, APPROVAL, order("ORD_OLD"))
    body = written(cancel_of(order("ORD_OLD"), approved))
    answer = send(proxied.base_url, CANCEL, body)
    check_form(answer, json.loads(body))
    assert answer.code == "0000"
    assert bodies(van, "cancel") == [body]
    assert statuses(van) == ["refunded"]
    assert books.payments() == []


def direct(van: Sandbox, path: str, fields: dict[str, Any]) -> Answer:
    """Ask the gateway itself, as before there was a proxy."""
    body = written(fields)
    own = {"channel": CREDENTIALS.channel_id, "secret": CREDENTIALS.secret_key}
    return send(van.base_url, path, body, signed(path, body, **own))


@pytest.mark.parametrize(
    "fault",
    ["html", "gzip", "redirect", "server-error", "reset", "empty", "wrong-echo", "oversized"],
)
def test_an_answer_to_a_passed_on_cancel_that_is_none_is_told_as_lost(
    van: Sandbox, proxied: Proxied, fault: str
) -> None:
    """No web page, no redirect, no foreign echo: what a shop can't read, it is spared."""
    approved = direct(van, APPROVAL, order("ORD_OLD"))
    van.inject(fault, endpoint="cancel")
    answer = cancel(proxied.base_url, "ORD_OLD", approved)
    assert (answer.status, answer.code) == (502, "NC11")
    assert len(bodies(van, "cancel")) == 1


def test_after_a_lost_passed_on_cancel_a_net_cancel_voids(van: Sandbox, proxied: Proxied) -> None:
    """With the approval's data, as the manual says of a lost cancel (spec 2.5)."""
    approved = direct(van, APPROVAL, order("ORD_OLD"))
    van.inject("reset", endpoint="cancel")
    assert cancel(proxied.base_url, "ORD_OLD", approved).code == "NC11"
    assert net_cancel(proxied.base_url, "ORD_OLD").code == "0000"
    assert statuses(van) == ["voided"]


OTHER_CHANNEL = "CH_OTHER"
OTHER_SHOP = "CH_SHOP2"


def two_shops(*, tids: frozenset[str] | None, channel: str) -> list[Shop]:
    """Return the tests' shop, and another one that signs with the same secret."""
    other = Credentials(channel_id=OTHER_SHOP, secret_key=SECRET)
    return [the_shop(), Shop(other, channel, tids)]


def as_other(proxied: Proxied, path: str, fields: dict[str, Any]) -> Answer:
    """Ask as the other shop."""
    body = written(fields)
    answer = send(proxied.base_url, path, body, signed(path, body, channel=OTHER_SHOP))
    check_form(answer, fields)
    return answer


def test_a_shop_reaches_only_its_own_terminals(van: Sandbox, books: Books) -> None:
    """On the same channel: no approval, cancel or net-cancel of another's terminal."""
    shops = two_shops(tids=frozenset({"T999999999"}), channel=CREDENTIALS.channel_id)
    with proxy_for(books, shops) as proxied:
        approved = pay(proxied.base_url, "ORD_1")
        asked = [
            (APPROVAL, order("ORD_1")),
            (APPROVAL, order("ORD_2")),
            (CANCEL, cancel_of(order("ORD_1"), approved)),
            (CANCEL, cancel_of(order("ORD_OLD"), approved, wcc="G", cndTrxNo="ORD_OLD")),
            (NET_CANCEL, order("ORD_1")),
            (NET_CANCEL, order("ORD_3")),
        ]
        for path, fields in asked:
            answer = as_other(proxied, path, fields)
            assert answer.code == "NC04"
            assert "tid: must be a terminal that this shop may use" in answer.members["respMsg"]
        of_its_own = as_other(proxied, APPROVAL, order("ORD_1", tid="T999999999"))
        assert of_its_own.code == "0000"
    assert len(van.requests()) == 2
    assert statuses(van) == ["live", "live"]
    assert len(books.payments()) == 2


def test_a_shop_of_another_channel_reaches_no_payment(van: Sandbox, books: Books) -> None:
    """Whatever it asks of another's number is refused, and nothing is sent for it."""
    shops = two_shops(tids=None, channel=OTHER_CHANNEL)
    with proxy_for(books, shops, channels=(OTHER_CHANNEL,)) as proxied:
        approved = pay(proxied.base_url, "ORD_1")
        said = [
            as_other(proxied, path, fields).code
            for path, fields in (
                (APPROVAL, order("ORD_1")),
                (CANCEL, cancel_of(order("ORD_1"), approved)),
                (CANCEL, cancel_of(order("ORD_1"), approved, wcc="G", cndTrxNo="ORD_1")),
                (NET_CANCEL, order("ORD_1")),
            )
        ]
    assert said == ["NC03", "NC10", "NC10", "NC10"]
    assert len(van.requests()) == 1
    check_books(van, books)
    assert statuses(van) == ["live"]


def test_two_shops_pay_through_one_channel(van: Sandbox, books: Books) -> None:
    """Each signs with its own channel; the gateway sees the one that it knows."""
    shops = two_shops(tids=None, channel=CREDENTIALS.channel_id)
    with proxy_for(books, shops) as proxied:
        assert pay(proxied.base_url, "ORD_1").code == "0000"
        assert as_other(proxied, APPROVAL, order("ORD_2")).code == "0000"
    seen = {dict(each["headers"])["x-kicc-channelid"] for each in van.requests()}
    assert seen == {CREDENTIALS.channel_id}
    assert CHANNEL not in seen
