"""A shop pays through the proxy."""

import json
from collections.abc import Mapping

import pytest

from netcancel.core.lifecycle import State
from netcancel.sandbox import Sandbox
from tests.canaries import TOKEN
from tests.proxy.conftest import Proxied
from tests.proxy.shop import (
    APPROVAL,
    NET_CANCEL_FIELDS,
    order,
    pay,
    send,
    written,
)


def statuses(van: Sandbox) -> list[str]:
    """Return what the gateway's ledger says of each charge."""
    return [charge["status"] for charge in van.charges()]


def test_the_bodys_bytes_go_on_unchanged_and_signed_anew(van: Sandbox, proxied: Proxied) -> None:
    """The gateway gets what the shop wrote, from the channel; the shop gets what it answered."""
    body = written(order("ORD_1", userData="주문 1", taxFreeAmt=0))
    answer = send(proxied.base_url, APPROVAL, body)
    (request,) = van.requests()
    assert request["body"] == body
    headers = dict(request["headers"])
    assert headers["x-kicc-channelid"] == van.credentials.channel_id
    assert (answer.status, answer.code) == (200, "0000")
    assert answer.members["userData"] == "주문 1"
    assert statuses(van) == ["live"]


def test_the_gateways_bytes_come_back_unchanged(
    van: Sandbox, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they are written, approved or declined, the first time and later."""
    wrote: list[bytes] = []

    def to_json(body: Mapping[str, object]) -> bytes:
        wrote.append(f" {json.dumps(body, ensure_ascii=True, indent=3)}\n".encode())
        return wrote[-1]

    monkeypatch.setattr("netcancel.sandbox.delivery.to_json", to_json)
    van.inject("decline")
    for number in ("ORD_DECLINED", "ORD_APPROVED"):
        told = [pay(proxied.base_url, number, userData="주문") for _ in range(2)]
        assert [answer.body for answer in told] == [wrote[-1]] * 2
    assert len(wrote) == 2


def test_a_repeat_gets_the_very_bytes_and_charges_nothing(van: Sandbox, proxied: Proxied) -> None:
    """Whatever was decided is told again, a decline too."""
    van.inject("decline")
    for number in ("ORD_DECLINED", "ORD_APPROVED"):
        first = pay(proxied.base_url, number)
        assert pay(proxied.base_url, number, tranTm="120001") == first
    assert statuses(van) == ["live"]
    assert len(van.requests()) == 2


def test_a_lost_answer_is_a_refusal_and_is_voided(van: Sandbox, proxied: Proxied) -> None:
    """Charged, and the answer lost: the shop reads a decline of ours, the gateway a net-cancel."""
    van.inject("commit-then-reset")
    answer = pay(proxied.base_url, "ORD_1")
    assert (answer.status, answer.code) == (200, "NC01")
    assert answer.members["mercTrxNo"] == "ORD_1"
    van.wait_for_requests(2)
    van.wait_until_idle()
    assert statuses(van) == ["voided"]
    assert pay(proxied.base_url, "ORD_1").code == "NC01"


def test_amounts_that_a_shop_leaves_out_are_0_in_the_net_cancel_only(
    van: Sandbox, proxied: Proxied
) -> None:
    """The approval goes as it came; its net-cancel has all eleven fields (spec 3.2)."""
    van.inject("commit-then-reset")
    body = written(order("ORD_1", svcAmt=None, vatAmt=None))
    assert send(proxied.base_url, APPROVAL, body).code == "NC01"
    van.wait_for_requests(2)
    approval, net_cancel = van.requests()[:2]
    assert approval["body"] == body
    sent = json.loads(net_cancel["body"])
    assert list(sent) == list(NET_CANCEL_FIELDS)
    assert (sent["svcAmt"], sent["vatAmt"], sent["tokenKey"]) == (0, 0, TOKEN)
    van.wait_until_idle()
    assert statuses(van) == ["voided"]


def test_another_amount_is_refunded_and_refused(van: Sandbox, proxied: Proxied) -> None:
    """One won too much: the shop is refused, the charge cancelled."""
    van.inject("wrong-amount")
    assert pay(proxied.base_url, "ORD_1").code == "NC02"
    van.wait_for_requests(2)
    van.wait_until_idle()
    assert statuses(van) == ["refunded"]


def test_a_field_that_no_request_of_ours_has_goes_on(van: Sandbox, proxied: Proxied) -> None:
    """The manual may grow: the gateway judges it, and it is part of the order's data."""
    body = written(order("ORD_1", newField={"a": [1, 2]}))
    send(proxied.base_url, APPROVAL, body)
    assert van.requests()[0]["body"] == body
    assert pay(proxied.base_url, "ORD_1", newField={"a": [1, 3]}).code == "NC03"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"trxAmt": 0}, "NC04"),
        ({"trxAmt": 10_000.0}, "NC04"),
        ({"tokenKey": None}, "NC04"),
        ({"tranDt": "20230229"}, "NC04"),
    ],
)
def test_what_breaks_a_rule_is_not_sent(
    van: Sandbox, proxied: Proxied, fields: dict[str, object], code: str
) -> None:
    """The field is named, and its value isn't."""
    answer = pay(proxied.base_url, "ORD_1", **fields)
    assert (answer.status, answer.code) == (200, code)
    assert TOKEN not in answer.body.decode()
    assert van.requests() == []


def test_a_used_number_with_other_data_is_refused(van: Sandbox, proxied: Proxied) -> None:
    """The same number over another amount is another order."""
    pay(proxied.base_url, "ORD_1")
    assert pay(proxied.base_url, "ORD_1", trxAmt=20_000).code == "NC03"
    assert statuses(van) == ["live"]


def test_what_was_shredded_is_told_from_what_is_remembered(van: Sandbox, proxied: Proxied) -> None:
    """After the grace a repeat still hears of its approval, in the journal's words."""
    first = pay(proxied.base_url, "ORD_1")
    assert proxied.desk.journal.shred_closed(keep_seconds=0, limit=10).result() == 1
    again = pay(proxied.base_url, "ORD_1")
    assert again.members["aprvNo"] == first.members["aprvNo"]
    assert again.code == "0000"
    assert statuses(van) == ["live"]


def test_the_payment_is_confirmed_before_it_is_told(van: Sandbox, proxied: Proxied) -> None:
    """What a shop has read is approved for good: recovery refunds it never."""
    pay(proxied.base_url, "ORD_1")
    payment = proxied.desk.journal.find("T123456789", "ORD_1").result()
    assert payment is not None
    assert payment.state is State.APPROVED
    assert statuses(van) == ["live"]
