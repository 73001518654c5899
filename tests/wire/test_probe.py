"""A look at the gateway: what is seen, and that it asks for nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from netcancel.sandbox import Sandbox
from netcancel.wire import Gateway, Network
from netcancel.wire.pins import pin_of
from netcancel.wire.probe import Sighting, probe
from tests.wire.answerer import PATIENCE, Answerer, answers, read_head, stays_silent
from tests.wire.conftest import serving
from tests.wire.connect_proxy import relaying
from tests.wire.test_network import OTHER_PIN

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import trustme

DATE = "Sat, 23 Dec 2023 03:04:05 GMT"
ANSWER = f"HTTP/1.1 404 Not Found\r\nDate: {DATE}\r\nContent-Length: 9\r\n\r\n".encode()


def looked_at(act: Callable[[socket.socket, bytes], bool | None]) -> Sighting:
    """Look at a gateway that does this."""
    with Answerer(act, read=read_head) as server:
        return probe(Gateway.parse(server.base_url), seconds=PATIENCE)


def test_the_sandbox_is_seen_and_not_asked_for_anything() -> None:
    """It answers, and nothing that could be a payment arrived."""
    with Sandbox() as van:
        before = time.time()
        sighting = probe(Gateway.parse(van.base_url), seconds=PATIENCE)
        assert sighting.head is not None
        assert before <= sighting.head.asked_at <= sighting.head.answered_at <= time.time()
        assert (sighting.peer, sighting.tls_version, sighting.problem) == ("127.0.0.1", None, None)
        assert van.charges() == []
        assert all(request["method"] == "HEAD" for request in van.requests())


def test_the_request_holds_nothing_of_ours() -> None:
    """A HEAD of the root: no signature, no field, no body."""
    with Answerer(answers(ANSWER), read=read_head) as server:
        sighting = probe(Gateway.parse(f"{server.base_url}/prefix"), seconds=PATIENCE)
        assert server.endings.get(timeout=PATIENCE) == "closed"
        request = server.requests[0].decode()
    assert request.startswith("HEAD /prefix/ HTTP/1.1\r\n")
    assert request.endswith("\r\n\r\n")
    names = {line.partition(":")[0] for line in request.splitlines()[1:] if line}
    assert names == {"Host", "User-Agent", "Connection"}
    assert sighting.head is not None
    assert (sighting.head.status, sighting.head.date) == (404, DATE)


def test_tls_is_seen(authority: trustme.CA, ca_file: str) -> None:
    """Version and certificate come with it, also through a tunnel."""
    leaf = authority.issue_cert("127.0.0.1")
    with (
        Answerer(answers(ANSWER), tls=serving(leaf), read=read_head) as server,
        relaying(server.port) as proxy,
    ):
        for route in (None, proxy.base_url):
            network = Network(ca_file=ca_file, proxy=route)
            sighting = probe(Gateway.parse(server.base_url, network), seconds=PATIENCE)
            assert sighting.tls_version == "TLSv1.3"
            assert sighting.certificate is not None
            assert sighting.head is not None


def test_another_key_is_told_with_its_certificate(authority: trustme.CA, ca_file: str) -> None:
    """Nothing is asked, and the certificate is there to be compared."""
    leaf = authority.issue_cert("127.0.0.1")
    with Answerer(answers(ANSWER), tls=serving(leaf), read=read_head) as server:
        network = Network(ca_file=ca_file, pins=(OTHER_PIN,))
        sighting = probe(Gateway.parse(server.base_url, network), seconds=PATIENCE)
    assert server.requests == []
    assert sighting.problem == "the gateway's public key is none of the pinned ones"
    assert sighting.certificate is not None
    assert pin_of(sighting.certificate) != OTHER_PIN


def test_a_refused_certificate_ends_the_look(authority: trustme.CA, ca_file: str) -> None:
    """The reason is told, and there is no certificate to be believed."""
    leaf = authority.issue_cert("gateway.test")
    with Answerer(answers(ANSWER), tls=serving(leaf), read=read_head) as server:
        gateway = Gateway.parse(server.base_url, Network(ca_file=ca_file))
        sighting = probe(gateway, seconds=PATIENCE)
    assert sighting.problem is not None
    assert "certificate was refused" in sighting.problem
    assert (sighting.tls_version, sighting.certificate, sighting.head) == (None, None, None)


@pytest.mark.parametrize(
    ("piece", "problem"),
    [
        (b"SSH-2.0-server\r\n\r\n", "what came back is not HTTP/1.1"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000, "the answer's headers are over the limit"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000, "the answer's headers are over the limit"),
    ],
)
def test_what_is_no_answer_is_told(piece: bytes, problem: str) -> None:
    """Anything else than HTTP, and more than a head may have."""
    sighting = looked_at(answers(piece))
    assert (sighting.head, sighting.problem) == (None, problem)


def test_a_connection_that_is_closed_is_told() -> None:
    """A balancer may accept for a gateway that is down."""

    def close(connection: socket.socket, _: bytes) -> None:
        connection.close()

    assert looked_at(close).problem == "the gateway closed the connection before it answered"


def test_silence_ends_with_the_time() -> None:
    """A gateway that says nothing holds nobody up."""
    with Answerer(stays_silent, read=read_head) as server:
        sighting = probe(Gateway.parse(server.base_url), seconds=0.2)
    assert (sighting.peer, sighting.problem) == ("127.0.0.1", "the total deadline passed")


def test_nobody_there_is_told() -> None:
    """A port where nobody listens has no peer."""
    with Answerer(stays_silent) as server:
        gateway = Gateway.parse(server.base_url)
    sighting = probe(gateway, seconds=PATIENCE)
    assert (sighting.peer, sighting.problem) == (None, "the network failed: ECONNREFUSED")
