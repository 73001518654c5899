"""The handle: its life, its books, and that it leaves at once."""

import gc
import socket
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from netcancel.sandbox import Sandbox
from tests.canaries import TOKEN, leaks_in
from tests.sandbox.client import (
    APPROVAL,
    NET_CANCEL,
    connected,
    eleven,
    post,
    raw_request,
    read_to_end,
)


def test_it_says_where_and_with_which_keys() -> None:
    """URL, credentials and merchant are what a client needs to be believed."""
    with Sandbox() as van:
        parts = urlsplit(van.base_url)
        assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1")
        assert van.merchant.tid == eleven()["tid"]
        assert van.credentials.channel_id == "CH_SANDBOX"


def test_the_books_stay_readable() -> None:
    """Charges and requests can be read after the end."""
    with Sandbox() as van:
        post(van.base_url, APPROVAL, eleven())
    assert [row["status"] for row in van.charges()] == ["live"]
    assert len(van.requests()) == 1


def test_requests_can_be_read_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """From an index on, also where the oldest are forgotten."""
    monkeypatch.setattr("netcancel.sandbox.gateway.REQUESTS_KEPT", 3)
    with Sandbox() as van:
        for _ in range(4):
            post(van.base_url, NET_CANCEL, eleven())
    found = {since: [row["index"] for row in van.requests(since)] for since in (0, 1, 2, 4)}
    assert found == {0: [1, 2, 3], 1: [1, 2, 3], 2: [2, 3], 4: []}


def test_a_request_is_recorded_whole() -> None:
    """Index, endpoint, target, headers and raw body as they came, verdict and both clocks."""
    request = raw_request(APPROVAL, eleven())
    with Sandbox() as van:
        with connected(van.base_url) as connection:
            connection.sendall(request)
            read_to_end(connection)
        post(van.base_url, NET_CANCEL, eleven())
        first, second = van.requests()
    assert first["body"] == request.partition(b"\r\n\r\n")[2]
    assert dict(first["headers"])["x-kicc-channelid"] == "CH_SANDBOX"
    assert (first["method"], first["target"]) == ("POST", APPROVAL)
    assert [first["index"], second["index"]] == [0, 1]
    assert [first["endpoint"], second["endpoint"]] == ["approval", "net-cancel"]
    assert [first["did"], second["did"]] == ["charged", "voided"]
    assert (first["signature"], first["status"], first["resp_cd"]) == ("valid", 200, "0000")
    assert first["at"] <= second["at"]
    assert first["monotonic"] < second["monotonic"]


def test_no_repr_shows_the_token() -> None:
    """Records may be printed by a failing test; the token stays out of it."""
    with Sandbox() as van:
        post(van.base_url, APPROVAL, eleven())
        assert TOKEN.encode() in van.requests()[0]["body"]
        assert leaks_in(repr(van.requests()) + repr(van.charges())) == []


def test_a_returned_record_is_a_copy() -> None:
    """Whoever changes what was returned doesn't change the books."""
    with Sandbox() as van:
        post(van.base_url, APPROVAL, eleven())
        van.requests()[0]["did"] = "?"
        van.charges()[0]["status"] = "?"
        assert van.requests()[0]["did"] == "charged"
        assert van.charges()[0]["status"] == "live"


def test_silence_does_not_hold_up_the_end() -> None:
    """Open, half-sent and unanswered connections are all cut when the sandbox closes."""
    with Sandbox() as van:
        van.inject("silence")
        with (
            connected(van.base_url) as idle,
            connected(van.base_url) as half,
            connected(van.base_url) as unanswered,
        ):
            half.sendall(raw_request(APPROVAL, eleven())[:40])
            unanswered.sendall(raw_request(APPROVAL, eleven()))
            van.wait_for_requests(1)
            van.close()
            for connection in (idle, half, unanswered):
                assert read_to_end(connection).data == b""
    assert not any(thread.name == "netcancel-sandbox" for thread in threading.enumerate())


def test_closing_twice_is_allowed() -> None:
    """The second close does nothing."""
    with Sandbox() as van:
        van.close()
    van.close()


def test_a_closed_sandbox_listens_no_more() -> None:
    """After the end its port refuses."""
    with Sandbox() as van:
        parts = urlsplit(van.base_url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((parts.hostname, parts.port))


def test_a_taken_port_is_an_error_in_the_callers_thread() -> None:
    """The second sandbox on one port raises OSError when it starts."""
    with Sandbox() as van:
        port = urlsplit(van.base_url).port
        assert port is not None
        with pytest.raises(OSError, match="address already in use"), Sandbox(port=port):
            pytest.fail("two sandboxes on one port")


def test_misuse_is_told() -> None:
    """No URL before the start, no second start, no host beyond loopback, no unknown memory."""
    with pytest.raises(RuntimeError, match="not been started"):
        Sandbox().base_url  # noqa: B018 - the property raises
    with Sandbox() as van, pytest.raises(RuntimeError, match="starts once"):
        van.start()
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(host="0.0.0.0")  # noqa: S104 - it is refused
    with pytest.raises(ValueError, match="elephant"):
        Sandbox(net_cancel_memory="elephant")
    with pytest.raises(ValueError, match="no fault is called"):
        Sandbox(faults=["elephant"])


def test_faults_can_be_given_at_the_start() -> None:
    """What the constructor names hits like an injected fault."""
    with Sandbox(faults=["commit-then-close"]) as van:
        assert post(van.base_url, APPROVAL, eleven()).data == b""
        assert post(van.base_url, APPROVAL, eleven()).json()["respCd"] == van.number_used_code


def test_cleared_faults_do_not_hit() -> None:
    """After clear_faults the next answer is right."""
    with Sandbox() as van:
        van.inject("silence", times=5)
        van.clear_faults()
        assert post(van.base_url, APPROVAL, eleven()).json()["respCd"] == "0000"
        assert "silence" in van.fault_names()


def test_a_seed_repeats_a_whole_run() -> None:
    """Two sandboxes with one seed treat the same requests alike; another seed differs."""

    def run(seed: int) -> list[object]:
        with Sandbox(seed=seed, faults=["commit-then-close:0.3", "html:0.3"]) as van:
            for number in range(40):
                post(van.base_url, APPROVAL, eleven(mercTrxNo=f"SEED_{number}"))
            return [row["fault"] for row in van.requests()]

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_one_number_at_once_is_charged_once() -> None:
    """Sixteen clients that approve the same number make one charge."""
    with Sandbox() as van:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: post(van.base_url, APPROVAL, eleven()), range(16)))
        told = sorted(answer.json()["respCd"] for answer in answers)
        assert told == ["0000", *[van.number_used_code] * 15]
        assert len(van.charges()) == 1


def test_waiting_ends_at_its_deadline() -> None:
    """Waiting for what doesn't come raises TimeoutError and says for what."""
    with Sandbox() as van, pytest.raises(TimeoutError, match="1 requests"):
        van.wait_for_requests(1, 0)


def test_a_bug_in_the_servers_thread_is_raised_at_the_end() -> None:
    """What nobody could catch isn't swallowed: closing raises it, and nothing was answered."""
    van = Sandbox().start()
    van._world.gateway._clock = lambda: 1 // 0
    assert post(van.base_url, APPROVAL, eleven()).data == b""
    with pytest.raises(ZeroDivisionError):
        van.close()


def test_a_connection_that_is_just_being_accepted_is_not_leaked() -> None:
    """A client that connects in the very moment of the end leaves no open socket behind."""
    for _ in range(20):
        with Sandbox() as van, socket.socket() as client:
            url = urlsplit(van.base_url)
            client.connect((url.hostname, url.port))
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        gc.collect()
    assert leaked == []
