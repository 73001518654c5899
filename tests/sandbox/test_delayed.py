"""Approvals that land late, and copies of them."""

import pytest

from netcancel.sandbox import Sandbox
from tests.sandbox.client import (
    APPROVAL,
    NET_CANCEL,
    connected,
    eleven,
    post,
    raw_request,
    read_to_end,
    send_raw,
)

DELAYED = ["processing-delayed", "processed-twice"]


def statuses(van: Sandbox) -> list[str]:
    """Return what became of each charge."""
    return [row["status"] for row in van.charges()]


@pytest.mark.parametrize(("memory", "did_later"), [("tombstone", "nothing"), ("code", "charged")])
def test_a_delayed_approval_lands_right_after_its_net_cancel(memory: str, did_later: str) -> None:
    """Until the net-cancel nothing is worked; then a tombstone refuses it, others charge."""
    with Sandbox(net_cancel_memory=memory) as van:
        van.inject("processing-delayed", loss="close", until="net-cancel")
        assert send_raw(van.base_url, raw_request(APPROVAL, eleven())).data == b""
        with pytest.raises(TimeoutError):
            van.wait_until_idle(0)
        assert statuses(van) == []
        post(van.base_url, NET_CANCEL, eleven(mercTrxNo="ANOTHER"))
        assert van.requests()[0]["did_later"] is None
        post(van.base_url, NET_CANCEL, eleven())
        van.wait_until_idle()
        assert van.requests()[0]["did_later"] == did_later
        assert statuses(van) == (["live"] if did_later == "charged" else [])


def test_under_a_tombstone_the_net_cancel_is_awaited() -> None:
    """By default a remembering gateway works the approval after its net-cancel."""
    with Sandbox() as van:
        van.inject("processing-delayed", loss="reset", seconds=0.0)
        assert send_raw(van.base_url, raw_request(APPROVAL, eleven())).end == "reset"
        with pytest.raises(TimeoutError):
            van.wait_until_idle(0)
        post(van.base_url, NET_CANCEL, eleven())
        van.wait_until_idle()
        assert statuses(van) == []


@pytest.mark.parametrize("memory", ["code", "forgetful"])
def test_without_a_memory_the_seconds_are_awaited(memory: str) -> None:
    """By default a forgetting gateway works the approval by itself, within the settle time."""
    with Sandbox(net_cancel_memory=memory) as van:
        van.inject("processing-delayed", loss="close", seconds=0.01)
        send_raw(van.base_url, raw_request(APPROVAL, eleven()))
        van.wait_until_idle()
        assert statuses(van) == ["live"]
        assert van.requests()[0]["did"] == "nothing"
        assert van.requests()[0]["did_later"] == "charged"
        post(van.base_url, NET_CANCEL, eleven())
        assert statuses(van) == ["voided"]


@pytest.mark.parametrize(("refuse", "expected"), [(True, ["voided"]), (False, ["voided", "live"])])
def test_a_copy_is_worked_after_the_net_cancel(*, refuse: bool, expected: list[str]) -> None:
    """The copy of a voided approval is refused, unless used numbers are charged again."""
    with Sandbox(refuse_used_numbers=refuse) as van:
        van.inject("processed-twice", loss="close")
        send_raw(van.base_url, raw_request(APPROVAL, eleven()))
        assert statuses(van) == ["live"]
        post(van.base_url, NET_CANCEL, eleven())
        van.wait_until_idle()
        assert statuses(van) == expected


def test_a_copy_may_follow_an_answer() -> None:
    """With loss none the first is answered as it should be, and the copy comes later."""
    with Sandbox(refuse_used_numbers=False) as van:
        van.inject("processed-twice", loss="none", until="seconds", seconds=0.01)
        assert post(van.base_url, APPROVAL, eleven()).json()["respCd"] == "0000"
        van.wait_until_idle()
        assert statuses(van) == ["live", "live"]


@pytest.mark.parametrize("name", DELAYED)
@pytest.mark.parametrize(("loss", "end"), [("close", "eof"), ("reset", "reset")])
def test_the_answer_of_a_delayed_approval_is_lost_as_asked(name: str, loss: str, end: str) -> None:
    """Close and reset end the connection without a byte."""
    with Sandbox() as van:
        van.inject(name, loss=loss)
        raw = send_raw(van.base_url, raw_request(APPROVAL, eleven()))
        assert (raw.data, raw.end) == (b"", end)


def test_a_net_cancel_that_is_not_worked_releases_nothing() -> None:
    """Only a net-cancel that reached the ledger counts as arrived."""
    with Sandbox() as van:
        van.inject("processing-delayed", loss="close")
        van.inject("net-cancel-refused")
        send_raw(van.base_url, raw_request(APPROVAL, eleven()))
        assert post(van.base_url, NET_CANCEL, eleven()).json()["respCd"] == van.refused_code
        with pytest.raises(TimeoutError):
            van.wait_until_idle(0)
        post(van.base_url, NET_CANCEL, eleven())
        van.wait_until_idle()


def test_a_lost_net_cancel_answer_can_repeat() -> None:
    """The first net-cancel voids, k answers are lost, the next one is told 0000."""
    with Sandbox() as van:
        post(van.base_url, APPROVAL, eleven())
        van.inject("net-cancel-answer-lost", times=3)
        for count in range(3):
            with connected(van.base_url) as connection:
                connection.sendall(raw_request(NET_CANCEL, eleven()))
                van.wait_for_requests(count + 2)
                assert statuses(van) == ["voided"]
        assert post(van.base_url, NET_CANCEL, eleven()).json()["respCd"] == "0000"
        assert [row["did"] for row in van.requests()[1:]] == ["voided", *["nothing"] * 3]


def test_a_pending_approval_does_not_hold_up_the_end() -> None:
    """A sandbox with an approval due in an hour closes, and never works it."""
    with Sandbox(net_cancel_memory="forgetful") as van:
        van.inject("processing-delayed", loss="silence", seconds=3_600)
        with connected(van.base_url) as connection:
            connection.sendall(raw_request(APPROVAL, eleven()))
            van.wait_for_requests(1)
            van.close()
            assert read_to_end(connection).data == b""
    assert statuses(van) == []
