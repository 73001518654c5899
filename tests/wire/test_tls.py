"""Whom the wire talks to over TLS, and what the environment can't change."""

from __future__ import annotations

import os
import queue
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach
from netcancel.wire import Gateway, Network, Request
from tests.wire.answerer import PATIENCE, Answerer, answers, stays_silent
from tests.wire.conftest import FLAWS, flawed, serving
from tests.wire.zoo import JSON, OK, sized

if TYPE_CHECKING:
    from pathlib import Path

    import trustme

    from tests.wire.conftest import Carry

SOON = 0.5
"""Seconds of a deadline that has to pass."""


def test_exchange_over_tls(carry: Carry, authority: trustme.CA, ca_file: str) -> None:
    """A gateway with a certificate that the CA file vouches for is talked to."""
    with Answerer(answers(sized()), tls=serving(authority.issue_cert("127.0.0.1"))) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file)))
    assert isinstance(reception, RawAnswer)
    assert reception.body == OK


def test_big_messages_over_tls(carry: Carry, authority: trustme.CA, ca_file: str) -> None:
    """Messages of many TLS records pass whole in both directions."""
    body = b"x" * 60_000
    tls = serving(authority.issue_cert("127.0.0.1"))
    with Answerer(answers(sized(body)), tls=tls) as gateway:
        request = Request("/a", (), b"y" * 3_000_000)
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file)), request)
    assert isinstance(reception, RawAnswer)
    assert reception.body == body
    assert gateway.requests[0].endswith(request.body)


@pytest.mark.parametrize("flaw", FLAWS)
def test_bad_certificate_is_refused_before_anything_left(
    carry: Carry, authority: trustme.CA, ca_file: str, flaw: str
) -> None:
    """A certificate for another name, an expired one and a stranger's end it unconnected."""
    certificate = flawed(authority, flaw)
    with Answerer(answers(sized()), tls=serving(certificate)) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file)))
    assert isinstance(reception, NoAnswer)
    assert (reception.reach, reception.why) == (Reach.NOT_CONNECTED, Break.CONNECTION)
    assert "certificate" in reception.detail
    assert gateway.requests == []


def test_environment_changes_nothing(
    carry: Carry,
    authority: trustme.CA,
    ca_file: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """SSL_CERT_FILE adds no trust, SSLKEYLOGFILE gets no keys, proxies see no connection."""
    keys = tmp_path / "keys"
    tls = serving(authority.issue_cert("127.0.0.1"))
    with Answerer(stays_silent) as proxy, Answerer(answers(sized()), tls=tls) as gateway:
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url)
            monkeypatch.setenv(name.lower(), proxy.base_url)
        stranger = carry(Gateway.parse(gateway.base_url))
        trusted = carry(Gateway.parse(f"{gateway.base_url}/trusted", Network(ca_file=ca_file)))
    assert isinstance(stranger, NoAnswer)
    assert stranger.never_left
    assert isinstance(trusted, RawAnswer)
    assert proxy.connections == 0
    assert not keys.exists()


def test_unfinished_handshake_is_not_connected(carry: Carry, ca_file: str) -> None:
    """A gateway that accepts and then stalls in TLS is as good as not connected."""
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            done.wait(PATIENCE)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        reception = carry(
            Gateway.parse(f"https://127.0.0.1:{port}", Network(ca_file=ca_file)), seconds=SOON
        )
        done.set()
        thread.join()
    assert reception == NoAnswer(Reach.NOT_CONNECTED, Break.DEADLINE, "the total deadline passed")


def test_plain_answer_to_a_tls_greeting_is_not_connected(carry: Carry, ca_file: str) -> None:
    """A gateway that doesn't speak TLS got nothing of the request."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        reception = carry(Gateway.parse(f"https://127.0.0.1:{port}", Network(ca_file=ca_file)))
        thread.join()
    assert isinstance(reception, NoAnswer)
    assert (reception.reach, reception.why) == (Reach.NOT_CONNECTED, Break.CONNECTION)


def test_silence_over_tls_ends_with_a_bare_reset(
    carry: Carry, authority: trustme.CA, ca_file: str
) -> None:
    """When we give up, no farewell of TLS is sent: the connection is reset."""
    seen: queue.Queue[bytes | None] = queue.Queue()

    def look_below_tls(connection: socket.socket, _: bytes) -> None:
        with socket.socket(fileno=os.dup(connection.fileno())) as bare:
            bare.settimeout(PATIENCE)
            try:
                seen.put(bare.recv(65536))
            except ConnectionResetError:
                seen.put(None)

    with Answerer(look_below_tls, tls=serving(authority.issue_cert("127.0.0.1"))) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file)), seconds=SOON)
        assert seen.get(timeout=PATIENCE) is None
    assert reception == NoAnswer(Reach.SENT, Break.DEADLINE, "the total deadline passed")


def test_answer_cut_without_a_farewell_is_lost(
    carry: Carry, authority: trustme.CA, ca_file: str
) -> None:
    """A TLS connection that just ends in the middle of an answer is a broken connection."""

    def cut(connection: socket.socket, _: bytes) -> bool:
        connection.sendall(JSON + b"Content-Length: 100\r\n\r\n" + OK)
        connection.shutdown(socket.SHUT_WR)
        return True

    with Answerer(cut, tls=serving(authority.issue_cert("127.0.0.1"))) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file)))
    assert isinstance(reception, NoAnswer)
    assert (reception.reach, reception.why) == (Reach.ANSWER_BEGUN, Break.CONNECTION)


def test_kept_connection_over_tls(carry: Carry, authority: trustme.CA, ca_file: str) -> None:
    """With keep-alive, a second request goes over the same TLS connection."""
    with Answerer(answers(sized()), tls=serving(authority.issue_cert("127.0.0.1"))) as server:
        gateway = Gateway.parse(server.base_url, Network(ca_file=ca_file))
        receptions = [carry(gateway, keep_alive_seconds=60.0) for _ in range(3)]
        assert all(isinstance(reception, RawAnswer) for reception in receptions)
        assert (len(server.requests), server.connections) == (3, 1)
