"""Requests through a company's proxy: the tunnel stands first, or not one byte has left."""

from __future__ import annotations

import base64
import contextlib
import socket
import traceback
from typing import TYPE_CHECKING

import pytest
import trustme

from netcancel.errors import ConfigurationError
from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach
from netcancel.wire import Gateway, Network
from netcancel.wire.exchange import HEAD_BYTES_MAX, HEADERS_MAX
from netcancel.wire.proxy import Proxy
from netcancel.wire.tunnel import Tunnel
from tests.canaries import SECRET, leaks_in
from tests.wire.answerer import PATIENCE, Answerer, answers, reset, stays_silent
from tests.wire.conftest import REQUEST, serving
from tests.wire.connect_proxy import ESTABLISHED, proxying, relaying
from tests.wire.zoo import OK, sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wire.conftest import Carry

SOON = 0.5
"""Seconds of a deadline that has to pass."""
LATE = NoAnswer(
    Reach.NOT_CONNECTED,
    Break.DEADLINE,
    "the total deadline passed before the proxy had opened a tunnel",
)


def over(proxy: Answerer, base_url: str = "http://127.0.0.1:9", **others: str) -> Gateway:
    """Return a gateway behind this proxy; nothing of its own listens where it isn't said."""
    return Gateway.parse(base_url, Network(proxy=proxy.base_url, **others))  # type: ignore[arg-type]  # only texts are given


def assert_nothing_of_the_request(heads: list[bytes]) -> None:
    """Assert that a proxy saw only the question for a tunnel."""
    for head in heads:
        assert head.startswith(b"CONNECT ")
        assert head.endswith(b"\r\n\r\n")
        assert b"KICC" not in head
        assert REQUEST.body not in head


def test_tunnel_to_a_gateway_with_tls(
    carry: Carry, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS is made inside the tunnel with the gateway; the proxy's name alone is looked up."""
    looked_up: list[object] = []

    def getaddrinfo(host: object, *_args: object, **_named: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setenv("NO_PROXY", "*")
    tls = serving(authority.issue_cert("gateway.test"))
    with Answerer(answers(sized()), tls=tls) as gateway, relaying(gateway.port) as proxy:
        network = Network(proxy=f"http://us%40er:p%3A%2F@proxy.test:{proxy.port}", ca_file=ca_file)
        reception = carry(Gateway.parse("https://gateway.test:8443", network))
    assert isinstance(reception, RawAnswer)
    assert reception.body == OK
    assert looked_up == ["proxy.test"]
    assert_nothing_of_the_request(proxy.requests)
    (head,) = proxy.requests
    line, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert line == b"CONNECT gateway.test:8443 HTTP/1.1"
    names = [header.split(b": ")[0] for header in headers]
    assert names == [b"Host", b"User-Agent", b"Proxy-Authorization"]
    assert headers[0] == b"Host: gateway.test:8443"
    assert headers[2] == b"Proxy-Authorization: Basic " + base64.b64encode(b"us@er:p:/")
    (request,) = gateway.requests
    assert b"\r\nHost: gateway.test:8443\r\n" in request
    assert b"roxy" not in request
    assert request.endswith(REQUEST.body)


@pytest.mark.parametrize(
    "opening",
    [
        ESTABLISHED,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_tunnel_to_a_sandbox_on_this_host(carry: Carry, opening: bytes) -> None:
    """Plain http goes through a tunnel too; a body that the 200 speaks of is never waited for."""
    with Answerer(answers(sized())) as gateway, relaying(gateway.port, opening) as proxy:
        reception = carry(over(proxy, gateway.base_url))
    assert isinstance(reception, RawAnswer)
    assert_nothing_of_the_request(proxy.requests)
    assert b"Authorization" not in proxy.requests[0]
    assert proxy.requests[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % gateway.port)


def test_big_messages_through_a_tunnel(carry: Carry, authority: trustme.CA, ca_file: str) -> None:
    """Messages of many TLS records pass whole in both directions."""
    body = b"x" * 60_000
    request = type(REQUEST)("/a", (), b"y" * 3_000_000)
    tls = serving(authority.issue_cert("127.0.0.1"))
    with Answerer(answers(sized(body)), tls=tls) as gateway, relaying(gateway.port) as proxy:
        reception = carry(over(proxy, gateway.base_url, ca_file=ca_file), request)
    assert isinstance(reception, RawAnswer)
    assert reception.body == body
    assert gateway.requests[0].endswith(request.body)


@pytest.mark.parametrize("tls", [False, True])
def test_kept_connection_stays_in_its_tunnel(
    carry: Carry, authority: trustme.CA, ca_file: str, tls: bool
) -> None:
    """With keep-alive, later requests go over the same tunnel; the proxy is asked once."""
    server_side = serving(authority.issue_cert("127.0.0.1")) if tls else None
    files = {"ca_file": ca_file} if tls else {}
    with Answerer(answers(sized()), tls=server_side) as server, relaying(server.port) as proxy:
        gateway = over(proxy, server.base_url, **files)
        for _ in "abc":
            assert isinstance(carry(gateway, keep_alive_seconds=60.0), RawAnswer)
        assert (len(proxy.requests), proxy.connections) == (1, 1)
        assert (len(server.requests), server.connections) == (3, 1)


def test_fresh_connection_has_a_fresh_tunnel(carry: Carry) -> None:
    """Without keep-alive each request asks for its own tunnel."""
    with Answerer(answers(sized())) as server, relaying(server.port) as proxy:
        gateway = over(proxy, server.base_url)
        assert all(isinstance(carry(gateway), RawAnswer) for _ in "ab")
    assert (proxy.connections, server.connections) == (2, 2)


REFUSALS = {
    "407": (
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        "the proxy refused the tunnel with status 407: it wants other credentials",
    ),
    "403 with a body": (
        b"HTTP/1.1 403 CANARY\r\nContent-Length: 6\r\n\r\nCANARY",
        "the proxy refused the tunnel with status 403",
    ),
    "502": (b"HTTP/1.1 502 X\r\n\r\n", "the proxy refused the tunnel with status 502"),
    "204": (b"HTTP/1.1 204 X\r\n\r\n", "the proxy refused the tunnel with status 204"),
    "301": (
        b"HTTP/1.1 301 X\r\nLocation: http://127.0.0.1/\r\n\r\n",
        "the proxy refused the tunnel with status 301",
    ),
    "100 before it": (
        b"HTTP/1.1 100 Continue\r\n\r\n" + ESTABLISHED,
        "the proxy refused the tunnel with status 100",
    ),
    "101": (
        b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n",
        "what the proxy answered breaks the rules of HTTP/1.1",
    ),
    "an answer behind it": (ESTABLISHED + sized(), "the proxy sent more than its answer"),
    "one byte behind it": (ESTABLISHED + b"\n", "the proxy sent more than its answer"),
    "rubbish": (b"CANARY\r\n\r\n", "what the proxy answered is not HTTP/1"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x28", "what the proxy answered is not HTTP/1"),
    "HTTP/2": (b"HTTP/2.0 200 OK\r\n\r\n", "what the proxy answered is not HTTP/1"),
    "HTTP/1.7": (
        b"HTTP/1.7 200 OK\r\n\r\n",
        "the headers of the proxy's answer are not HTTP/1.1 as agreed",
    ),
    "four digits": (
        b"HTTP/1.1 2000 OK\r\n\r\n",
        "what the proxy answered breaks the rules of HTTP/1.1",
    ),
    "NUL": (
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "what the proxy answered breaks the rules of HTTP/1.1",
    ),
    "folded": (
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "the headers of the proxy's answer are not HTTP/1.1 as agreed",
    ),
    "many headers": (
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * (HEADERS_MAX + 1) + b"\r\n",
        "the headers of the proxy's answer are not HTTP/1.1 as agreed",
    ),
    "huge headers": (
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * HEAD_BYTES_MAX + b"\r\n\r\n",
        "the proxy's answer is over the limit",
    ),
    "endless header": (
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000,
        "the proxy's answer is over the limit",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_proves_that_nothing_left(carry: Carry, name: str) -> None:
    """Anything but a plain 200 is a lost answer, with the proof and the reason."""
    answer, detail = REFUSALS[name]

    def act(connection: socket.socket, _: bytes) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(answer)

    with proxying(act) as proxy:
        reception = carry(over(proxy))
    assert reception == NoAnswer(Reach.NOT_CONNECTED, Break.CONNECTION, detail)
    assert reception.never_left
    assert (len(proxy.requests), proxy.connections) == (1, 1)
    assert_nothing_of_the_request(proxy.requests)


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_does_not_depend_on_how_it_is_cut(name: str) -> None:
    """Fed byte by byte, an answer never opens what it doesn't open in one piece."""
    answer, detail = REFUSALS[name]
    tunnel = Tunnel(Proxy("proxy.test", 3128, None), "gateway.test:443")
    said = None
    fed = 0
    while said is None and fed < len(answer) and not tunnel.is_open:
        said = tunnel.receive(answer[fed : fed + 1])
        fed += 1
    if answer.startswith(ESTABLISHED):
        # What comes later is read as the gateway's, like any answer before its request.
        assert (tunnel.is_open, fed) == (True, len(ESTABLISHED))
    else:
        assert not tunnel.is_open
        assert said == detail


@pytest.mark.parametrize("size", range(1, len(ESTABLISHED)))
def test_opening_in_pieces(size: int) -> None:
    """A tunnel is open with the last byte of the proxy's answer, and not before."""
    tunnel = Tunnel(Proxy("proxy.test", 3128, None), "gateway.test:443")
    for at in range(0, len(ESTABLISHED), size):
        assert not tunnel.is_open
        assert tunnel.receive(ESTABLISHED[at : at + size]) is None
    assert tunnel.is_open


@pytest.mark.parametrize("said", [b"", ESTABLISHED[:20], ESTABLISHED[:-1]])
def test_proxy_that_closes(carry: Carry, said: bytes) -> None:
    """A proxy that closes before it opened the tunnel has passed nothing on."""

    def act(connection: socket.socket, _: bytes) -> None:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)

    with proxying(act) as proxy:
        reception = carry(over(proxy))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED,
        Break.CONNECTION,
        "the proxy closed the connection before it opened a tunnel",
    )


def test_proxy_that_resets(carry: Carry) -> None:
    """A proxy that resets has passed nothing on."""
    with proxying(lambda connection, _: reset(connection)) as proxy:
        reception = carry(over(proxy))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED,
        Break.CONNECTION,
        "the network failed before the proxy had opened a tunnel: ECONNRESET",
    )


def test_proxy_that_refuses_connections(carry: Carry) -> None:
    """Where no proxy listens, nothing goes to the gateway either."""
    with Answerer(answers(sized())) as gateway, socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        network = Network(proxy=f"http://127.0.0.1:{holder.getsockname()[1]}")
        reception = carry(Gateway.parse(gateway.base_url, network))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED,
        Break.CONNECTION,
        "the network failed before the proxy had opened a tunnel: ECONNREFUSED",
    )
    assert gateway.connections == 0


def test_proxy_without_an_address(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the proxy's name can't be looked up, the gateway isn't tried without it."""

    def fail(*_args: object, **_named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "CANARY")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with Answerer(answers(sized())) as gateway:
        base_url = f"https://127.0.0.1:{gateway.port}"
        network = Network(proxy="http://proxy.test:3128")
        reception = carry(Gateway.parse(base_url, network))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED,
        Break.CONNECTION,
        "the network failed before the proxy had opened a tunnel: the name has no address",
    )
    assert gateway.connections == 0


def test_proxy_that_hangs(carry: Carry) -> None:
    """A proxy that never answers is given up, and reset, at the deadline."""
    with proxying(stays_silent) as proxy:
        reception = carry(over(proxy), seconds=SOON)
        assert proxy.endings.get(timeout=PATIENCE) == "reset"
    assert reception == LATE
    assert LATE.never_left


def test_proxy_that_drips(carry: Carry) -> None:
    """An answer that keeps coming, a byte each second, doesn't extend the deadline."""
    time = 0.0

    def drip(connection: socket.socket, _: bytes) -> None:
        nonlocal time
        for byte in ESTABLISHED:
            time += 1.0
            connection.sendall(bytes([byte]))

    with proxying(drip) as proxy:
        reception = carry(over(proxy), seconds=10.0, clock=lambda: time)
        assert proxy.endings.get(timeout=PATIENCE) == "reset"
    assert reception == LATE


def test_one_deadline_for_proxy_and_gateway(carry: Carry) -> None:
    """What the proxy used up is missing for the gateway: the deadline is of both together."""
    time = 0.0

    def pass_six_seconds() -> None:
        nonlocal time
        time += 6.0

    def answer(connection: socket.socket, _: bytes) -> None:
        pass_six_seconds()
        connection.sendall(sized())

    with (
        Answerer(answer) as gateway,
        relaying(gateway.port, before=pass_six_seconds) as proxy,
    ):
        reception = carry(over(proxy, gateway.base_url), seconds=10.0, clock=lambda: time)
    assert isinstance(reception, NoAnswer)
    assert (reception.why, reception.detail) == (Break.DEADLINE, "the total deadline passed")
    assert reception.reach >= Reach.SENT


def test_silence_in_the_handshake_behind_a_tunnel(carry: Carry, ca_file: str) -> None:
    """A gateway that stalls in TLS behind an open tunnel is as good as not connected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with relaying(port) as proxy:
            gateway = over(proxy, f"https://127.0.0.1:{port}", ca_file=ca_file)
            reception = carry(gateway, seconds=SOON)
    assert reception == NoAnswer(Reach.NOT_CONNECTED, Break.DEADLINE, "the total deadline passed")


def test_silent_gateway_behind_a_tunnel(carry: Carry) -> None:
    """When we give up on a gateway, the connection to the proxy is reset."""
    with Answerer(stays_silent) as gateway, relaying(gateway.port) as proxy:
        reception = carry(over(proxy, gateway.base_url), seconds=SOON)
        assert proxy.endings.get(timeout=PATIENCE) == "reset"
    assert reception == NoAnswer(Reach.SENT, Break.DEADLINE, "the total deadline passed")


@pytest.mark.parametrize("flaw", ["another name", "the proxy's name", "unknown authority"])
def test_bad_certificate_behind_a_tunnel(
    carry: Carry, authority: trustme.CA, ca_file: str, flaw: str
) -> None:
    """The certificate in the tunnel must be the gateway's: a proxy that breaks TLS is refused."""
    certificate = {
        "another name": lambda: authority.issue_cert("other.test"),
        "the proxy's name": lambda: authority.issue_cert("127.0.0.1"),
        "unknown authority": lambda: trustme.CA().issue_cert("gateway.test"),
    }[flaw]()
    with (
        Answerer(answers(sized()), tls=serving(certificate)) as gateway,
        relaying(gateway.port) as proxy,
    ):
        reception = carry(over(proxy, "https://gateway.test", ca_file=ca_file))
    assert isinstance(reception, NoAnswer)
    assert (reception.reach, reception.why) == (Reach.NOT_CONNECTED, Break.CONNECTION)
    assert "the gateway's certificate was refused" in reception.detail
    assert gateway.requests == []


def test_ipv6_gateway_is_asked_for_in_brackets(carry: Carry) -> None:
    """The endpoint that a proxy is asked for is written as in a URL."""
    with Answerer(answers(sized())) as gateway, relaying(gateway.port) as proxy:
        assert isinstance(carry(over(proxy, "http://[::1]:8080")), RawAnswer)
    assert proxy.requests[0].startswith(b"CONNECT [::1]:8080 HTTP/1.1\r\nHost: [::1]:8080\r\n")


ODD_URLS = [
    *("", " ", "proxy.test:3128", "//proxy.test:3128", "http://", "http://:3128"),
    *("https://proxy.test:3128", "socks5://proxy.test:1080", "ftp://proxy.test:1"),
    *("http://proxy.test", "http://proxy.test:", "http://proxy.test:0", "http://proxy.test:65536"),
    *("http://proxy.test:x", "http://proxy.test:3128/x", "http://proxy.test:3128?x"),
    *("http://proxy.test:3128#", "http://proxy.test.:3128", "http://[proxy.test]:3128"),
    *("http://127.1:3128", "http://[fe80::1%25eth0]:3128", "http://proxy.test:3128\n"),
    *(f"http://user:{SECRET}/@proxy.test:3128", f"http://user:{SECRET}#@proxy.test:3128"),
    *(f"http://user:{SECRET}@@proxy.test:3128", f"http://user:{SECRET}%@proxy.test:3128"),
    *(f"http://user:{SECRET}%0A@proxy.test:3128", f"http://user:{SECRET}%FF@proxy.test:3128"),
    *(f"http://:{SECRET}@proxy.test:3128", f"http://a%3Ab:{SECRET}@proxy.test:3128"),
    *(f"http://user:{SECRET}@proxy.test", f"https://user:{SECRET}@proxy.test:3128"),
    *(f"http://user:{SECRET}@[::1:3128", f"http://user:{SECRET}℀@proxy.test:3128"),
    *(f"http://user:{SECRET} @proxy.test:3128", f"http://user:{SECRET}@proxy.test:{SECRET}"),
]


@pytest.mark.parametrize("url", ODD_URLS)
def test_odd_proxy_is_refused_without_repeating_it(url: str) -> None:
    """A URL that isn't plainly a proxy's is refused when it is given; no password is shown."""
    with pytest.raises(ConfigurationError) as refusal:
        Network(proxy=url)
    assert leaks_in("".join(traceback.format_exception(refusal.value))) == []
    assert refusal.value.__context__ is None or SECRET not in str(refusal.value.__context__)


@pytest.mark.parametrize(
    ("url", "host", "port", "told"),
    [
        ("http://proxy.test:3128", "proxy.test", 3128, None),
        ("HTTP://Proxy.Test:3128/", "proxy.test", 3128, None),
        ("http://[2001:DB8::1]:80", "2001:db8::1", 80, None),
        ("http://user@10.0.0.1:3128", "10.0.0.1", 3128, b"user:"),
        ("http://user:a:b@proxy.test:3128", "proxy.test", 3128, b"user:a:b"),
        ("http://%EA%B9%80:%25@[::1]:3128", "::1", 3128, "김:%".encode()),
    ],
)
def test_proxy_is_read(url: str, host: str, port: int, told: bytes | None) -> None:
    """Host, port and credentials come out of the URL; the credentials as UTF-8."""
    route = Network(proxy=url).route
    assert route is not None
    assert (route.host, route.port) == (host, port)
    basic = None if told is None else "Basic " + base64.b64encode(told).decode()
    assert route.authorization == basic


def shown(thing: object) -> Iterator[str]:
    """Return the ways in which a value may come to light by accident."""
    yield from (repr(thing), str(thing), f"{thing}")


def test_password_is_shown_nowhere(carry: Carry) -> None:
    """Neither a repr nor a lost answer tells a proxy's password, plain or as it is sent."""
    with proxying(answers(REFUSALS["407"][0])) as proxy:
        url = f"http://user:{SECRET}@127.0.0.1:{proxy.port}"
        network = Network(proxy=url)
        gateway = Gateway.parse("https://gateway.test", network)
        reception = carry(gateway)
    sent = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert sent.encode() in proxy.requests[0]
    for thing in (network, network.route, gateway, reception):
        for text in shown(thing):
            assert leaks_in(text) == []
            assert sent not in text


@pytest.mark.parametrize("proxy", ["http://proxy.test:3128", "http://192.0.2.1:3128"])
def test_plain_http_does_not_leave_this_host_by_a_proxy(proxy: str) -> None:
    """Tokens in clear go to no proxy on another host, though the gateway's name is loopback."""
    with pytest.raises(ConfigurationError, match="use https://"):
        Gateway.parse("http://127.0.0.1:8080", Network(proxy=proxy))
