"""A gateway that is away, strange, old or out of time, each made for real."""

from __future__ import annotations

import datetime as dt
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from netcancel.doctor import Level
from netcancel.doctor.gateway import gateway
from netcancel.errors import ConfigurationError
from netcancel.sandbox import Sandbox
from tests.doctor.conftest import level_of, not_ok
from tests.wire.answerer import Answerer, answers, read_head
from tests.wire.conftest import FLAWS, flawed, serving
from tests.wire.connect_proxy import relaying
from tests.wire.test_network import OTHER_PIN, expected_pin

if TYPE_CHECKING:
    from pathlib import Path

    import trustme

    from netcancel.doctor import Line
    from tests.doctor.conftest import Load

NOW = dt.datetime.now(dt.UTC)


def answer(date: str | None, status: int = 404) -> bytes:
    """Return what a gateway says to a HEAD, with this Date."""
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 9\r\n"
    return (head + (f"Date: {date}\r\n" if date else "") + "\r\n").encode()


def at(seconds: float = 0.0) -> str:
    """Return a Date so many seconds from now."""
    return formatdate(time.time() + seconds, usegmt=True)


def looked_at(load: Load, says: bytes, **settings: object) -> list[Line]:
    """Return what is told of a gateway without TLS that says this."""
    with Answerer(answers(says), read=read_head) as server:
        return list(gateway(load(base_url=server.base_url, **settings)))


def looked_at_by_tls(load: Load, leaf: trustme.LeafCert, **settings: object) -> list[Line]:
    """Return what is told of a gateway with this certificate."""
    with Answerer(answers(answer(at())), tls=serving(leaf), read=read_head) as server:
        return list(gateway(load(base_url=server.base_url, **settings)))


def test_a_sound_gateway_gets_no_warning(load: Load, authority: trustme.CA, ca_file: str) -> None:
    """Each step has its line: connection, TLS, certificate, pins, HTTP, clock."""
    leaf = authority.issue_cert("127.0.0.1", not_after=NOW + dt.timedelta(days=60))
    pins = f"{expected_pin(leaf)},{OTHER_PIN}"
    lines = looked_at_by_tls(load, leaf, ca_file=ca_file, pins=pins)
    assert not_ok(lines) == []
    for words in (
        "is connected to: 127.0.0.1",
        "TLSv1.3",
        "certificate ends on",
        "one of the 2 pins holds",
        "answered with HTTP 404",
        "the gateway's clock and this host's agree",
    ):
        assert level_of(lines, words) is Level.OK


@pytest.mark.parametrize(("days", "level"), [(29, Level.WARN), (2, Level.FAIL)])
def test_a_certificate_that_ends_soon_is_told(
    load: Load, authority: trustme.CA, ca_file: str, days: int, level: Level
) -> None:
    """A month before its end, and more gravely some days before."""
    leaf = authority.issue_cert("127.0.0.1", not_after=NOW + dt.timedelta(days=days))
    lines = looked_at_by_tls(load, leaf, ca_file=ca_file)
    assert level_of(lines, "the gateway's certificate ends on") is level


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_certificate_that_is_refused_is_told(
    load: Load, authority: trustme.CA, ca_file: str, flaw: str
) -> None:
    """The look ends there, with the reason."""
    lines = looked_at_by_tls(load, flawed(authority, flaw), ca_file=ca_file)
    assert level_of(lines, "the gateway's certificate was refused") is Level.FAIL
    assert len(not_ok(lines)) == 1


def test_another_key_than_the_pinned_is_told(
    load: Load, authority: trustme.CA, ca_file: str
) -> None:
    """With the pin of the key that was shown."""
    leaf = authority.issue_cert("127.0.0.1")
    lines = looked_at_by_tls(load, leaf, ca_file=ca_file, pins=OTHER_PIN)
    assert level_of(lines, expected_pin(leaf)) is Level.FAIL


def test_a_single_pin_is_told(load: Load, authority: trustme.CA, ca_file: str) -> None:
    """When that key changes, no payment gets through."""
    leaf = authority.issue_cert("127.0.0.1")
    lines = looked_at_by_tls(load, leaf, ca_file=ca_file, pins=expected_pin(leaf))
    assert level_of(lines, "the only one") is Level.WARN


def test_our_own_certificate_is_looked_at(
    load: Load, authority: trustme.CA, tmp_path: Path
) -> None:
    """One that ends soon is told, whatever becomes of the look at the gateway."""
    leaf = authority.issue_cert("merchant.test", not_after=NOW + dt.timedelta(days=10))
    path = tmp_path / "client.pem"
    leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
    with Answerer(answers(b"")) as server:
        base_url = server.base_url.replace("http", "https")
    lines = list(gateway(load(base_url=base_url, client_certificate_file=path)))
    assert level_of(lines, "the client certificate") is Level.WARN


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (10.0, Level.WARN, "s ahead of"),
        (-10.0, Level.WARN, "s behind"),
        (60.0, Level.FAIL, "s ahead of"),
        (-60.0, Level.FAIL, "s behind"),
    ],
)
def test_a_gateways_clock_is_compared(load: Load, seconds: float, level: Level, words: str) -> None:
    """By the Date of its answer."""
    lines = looked_at(load, answer(at(seconds)))
    assert level_of(lines, words) is level
    assert len(not_ok(lines)) == 1


@pytest.mark.parametrize("date", [None, "yesterday", "Sat, 99 Dec 2023 03:04:05 GMT", "\x7f"])
def test_a_gateway_without_a_time_is_told(load: Load, date: str | None) -> None:
    """No time, or none that can be read: nothing is claimed of its clock."""
    lines = looked_at(load, answer(date))
    assert level_of(lines, "its clock can't be compared") is Level.WARN


def test_a_gateway_that_is_down_is_told(load: Load) -> None:
    """Nobody listens, or a balancer answers for it."""
    with Answerer(answers(b"")) as server:
        pass
    lines = list(gateway(load(base_url=server.base_url)))
    assert level_of(lines, "the network failed: ECONNREFUSED") is Level.FAIL
    assert level_of(looked_at(load, answer(at(), 503)), "with HTTP 503") is Level.WARN
    assert level_of(looked_at(load, b"SSH-2.0-x\r\n\r\n"), "not HTTP/1.1") is Level.FAIL


def test_a_name_that_nobody_knows_is_told(load: Load) -> None:
    """A misspelt host has no address."""
    lines = gateway(load(base_url="https://no-such-gateway.invalid"))
    assert level_of(lines, "the network failed: the name has no address") is Level.FAIL


def test_a_proxy_is_gone_through(load: Load, authority: trustme.CA, ca_file: str) -> None:
    """The line says whose address it is; the proxy's password is nowhere."""
    leaf = authority.issue_cert("127.0.0.1")
    with (
        Answerer(answers(answer(at())), tls=serving(leaf), read=read_head) as server,
        relaying(server.port) as proxy,
    ):
        route = proxy.base_url.replace("://", "://user:hunter2hunter2@")
        lines = list(gateway(load(base_url=server.base_url, ca_file=ca_file, proxy=route)))
    assert level_of(lines, "the proxy at 127.0.0.1") is Level.OK
    assert "hunter2" not in repr(lines)


def test_the_sandbox_is_asked_for_nothing(load: Load) -> None:
    """No payment comes of a look."""
    with Sandbox() as van:
        lines = list(gateway(load(base_url=van.base_url)))
        assert level_of(lines, "is answered with HTTP") is Level.OK
        assert [(each["method"], each["endpoint"]) for each in van.requests()] == [("HEAD", None)]
        assert van.charges() == []


def test_without_a_base_url_there_is_no_look(load: Load) -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError, match="NETCANCEL_BASE_URL"):
        list(gateway(load(base_url=None)))
