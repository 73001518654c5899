"""Which gateways are accepted, and whom they trust."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from netcancel.errors import ConfigurationError
from netcancel.wire import Gateway, Network, Request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("base_url", "origin", "authority"),
    [
        ("https://gw.example", "https://gw.example:443", "gw.example"),
        ("https://gw.example/", "https://gw.example:443", "gw.example"),
        ("HTTPS://GW.Example:8443", "https://gw.example:8443", "gw.example:8443"),
        ("https://gw.example:443", "https://gw.example:443", "gw.example"),
        ("https://결제.example", "https://xn--p89a133c.example:443", "xn--p89a133c.example"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example:443", "xn--bcher-kva.example"),
        ("https://192.0.2.1", "https://192.0.2.1:443", "192.0.2.1"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9:80", "127.9.9.9"),
        ("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080"),
        ("http://LOCALHOST:8080", "http://localhost:8080", "localhost:8080"),
        ("https://van_sandbox:8443", "https://van_sandbox:8443", "van_sandbox:8443"),
    ],
)
def test_address_is_normalised(base_url: str, origin: str, authority: str) -> None:
    """One gateway written in several ways is one world."""
    gateway = Gateway.parse(base_url)
    assert (gateway.origin, gateway.authority) == (origin, authority)


@pytest.mark.parametrize(
    "base_url",
    [
        *("", " ", "gw.example", "//gw.example", "https://", "https:///x", "ftp://gw.example"),
        *("https://user@gw.example", "https://user:CANARY@gw.example", "https://@gw.example"),
        *("https://gw.example?x=1", "https://gw.example?", "https://gw.example#", "https://g#x"),
        *("https://gw.example:0", "https://gw.example:65536", "https://gw.example:-1"),
        *("https://gw.example:", "https://gw.example:x", "https://gw.example:４４３"),
        *("https://gw.example:443:443", "https://[::1", "https://::1", "https://[gw.example]"),
        *("https://[fe80::1%25eth0]", "https://[fe80::1%eth0]", "https://[v1.x]"),
        *(" https://gw.example", "https://gw.example\n", "https://gw\t.example", "https://gw .ex"),
        *("https://gw.example.", "https://.gw.example", "https://gw..example", "https://-gw.example"),
        *("https://127.1", "https://0x7f.0.0.1", "https://2130706433", "https://127.0.0.01"),
        *("https://0x7f000001", "https://1.2.3.4.5", "https://" + "a" * 64 + ".example"),
        *("https://gw.example\\@evil.example", "https://gw.example/../x", "https://gw.example//x"),
        *("https://gw.example/%2e", "https://gw.example/a b", "https://gw.example/./a"),
        *("http://gw.example", "http://192.0.2.1", "http://localhost.evil.example", "http://0.0.0.0"),
        *("http://128.0.0.1", "http://[::2]", "http://[::]", "http://127.0.0.1.evil.example"),
    ],
)  # fmt: skip
def test_odd_address_is_refused_without_repeating_it(base_url: str) -> None:
    """A base URL that isn't plainly a gateway is refused at start; a password isn't shown."""
    with pytest.raises(ConfigurationError) as refusal:
        Gateway.parse(base_url)
    assert "CANARY" not in str(refusal.value)


def test_plain_http_says_what_to_do() -> None:
    """Plain http to another host is refused with the way out."""
    with pytest.raises(ConfigurationError, match="use https://"):
        Gateway.parse("http://gw.example")


def test_trust_is_strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TLS is 1.2 or later, certificate and name are verified, no keys are logged."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    tls = Gateway.parse("https://gw.example").tls
    assert tls is not None
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.keylog_filename is None


@pytest.mark.parametrize("content", [None, b"", b"not a certificate", b"\xff\x00"])
def test_bad_ca_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A CA file that is absent or no PEM bundle is refused at start, by its name."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        Gateway.parse("https://gw.example", Network(ca_file=str(ca_file)))


def test_system_without_anchors_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where OpenSSL's own places are empty, the refusal says to give a ca_file."""
    nowhere = str(tmp_path / "nowhere")
    places = ssl.get_default_verify_paths()._replace(openssl_cafile=nowhere, openssl_capath=nowhere)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: places)
    with pytest.raises(ConfigurationError, match="ca_file"):
        Gateway.parse("https://gw.example")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("smpy", ()),
        ("", ()),
        ("/a b", ()),
        ("/a\r\nX: 1", ()),
        ("/결제", ()),
        *(("/a", ((name, "1"),)) for name in ("", "A B", "A:", "A\r\n", "É", "Host", "HOST")),
        *(("/a", ((name, "1"),)) for name in ("Content-Length", "transfer-encoding", "Expect")),
        *(("/a", (("A", value),)) for value in ("", " CANARY", "CANARY ", "CANARY\r\nB: 1")),
        *(("/a", (("A", value),)) for value in ("CANARY\0", "CANARY\n", "결제 CANARY", "\t")),
    ],
)
def test_header_that_could_smuggle_is_a_bug(
    path: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """A target or header that would change the request's shape raises, without its value."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  the message must not hold the value
        Request(path, headers, b"")
    assert "CANARY" not in str(refusal.value)
