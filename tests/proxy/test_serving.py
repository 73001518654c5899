"""What the proxy refuses to be, said at its start in a sentence."""

from __future__ import annotations

import resource
import socket
import ssl
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from netcancel.errors import ConfigurationError
from netcancel.kicc import Credentials
from netcancel.proxy import ProxyServer, allow_files
from netcancel.proxy.serving import FILES_WANTED
from netcancel.tables import Server, Shop
from tests.proxy.conftest import proxy_for, the_shop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.duty.shop import Shop as Books


def refusal(books: Books, server: Server, shops: Sequence[Shop] | None = None) -> str:
    """Return the sentence with which a proxy is refused."""
    with books.desk() as desk, pytest.raises(ConfigurationError) as caught:
        ProxyServer(desk, [the_shop()] if shops is None else shops, server)
    return str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "pay.example"])  # noqa: S104  refused
def test_tokens_never_go_in_clear_over_a_network(books: Books, host: str) -> None:
    """Beyond loopback it listens with a certificate only."""
    assert f"in clear on {host}: set certificate_file" in refusal(books, Server(host, 0))


def test_a_port_in_use_is_named(books: Books) -> None:
    """Somebody else listens there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert refusal(books, Server("127.0.0.1", port)).startswith(f"127.0.0.1:{port} can't be")


def test_an_address_that_is_not_here_is_named(books: Books, tmp_path: Path) -> None:
    """An address of documentation belongs to no host."""
    server = Server("192.0.2.1", 0, *certificate(tmp_path))
    assert refusal(books, server).startswith("192.0.2.1:0 can't be had")


def certificate(directory: Path, *, password: bytes | None = None) -> tuple[str, str]:
    """Write a certificate and its key; return their paths."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    paths = directory / "tls.pem", directory / "tls.key"
    issued.cert_chain_pems[0].write_to_path(str(paths[0]))
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(pem, form, encryption))
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("flaw", ["absent", "a directory", "empty", "nonsense", "another's"])
def test_a_certificate_that_cannot_be_used(
    books: Books, tmp_path: Path, place: int, flaw: str
) -> None:
    """Absent, unreadable, no PEM, or not each other's: both files are named."""
    files = [*certificate(tmp_path)]
    other = tmp_path / "other"
    other.mkdir()
    files[place] = {
        "absent": str(tmp_path / "absent"),
        "a directory": str(tmp_path),
        "empty": str(tmp_path / "empty.pem"),
        "nonsense": str(tmp_path / "nonsense.pem"),
        "another's": certificate(other)[place],
    }[flaw]
    (tmp_path / "empty.pem").touch()
    (tmp_path / "nonsense.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    said = refusal(books, Server("127.0.0.1", 0, *files))
    assert said.startswith(f"the proxy's certificate {files[0]!a} and its key {files[1]!a} can't")


def test_an_encrypted_key_is_refused_and_nobody_is_asked(books: Books, tmp_path: Path) -> None:
    """A server that waits at a terminal for a password serves nobody."""
    server = Server("127.0.0.1", 0, *certificate(tmp_path, password=b"secret"))
    assert "the proxy's key is encrypted" in refusal(books, server)


def test_nobody_to_serve_is_a_mistake(books: Books) -> None:
    """Without a shop every request would be refused."""
    assert "add [[shops]]" in refusal(books, Server("127.0.0.1", 0), [])


def test_a_shop_without_a_channel_is_a_mistake(books: Books) -> None:
    """Nobody could sign for it."""
    shop = Shop(Credentials(channel_id="CH_SHOP1", secret_key="s"), "CH_ELSEWHERE", None)
    said = refusal(books, Server("127.0.0.1", 0), [shop])
    assert "CH_SHOP1 pays through the channel CH_ELSEWHERE, which has no credentials" in said


def test_what_is_served_over_tls_is_served_in_clear_to_nobody(books: Books, tmp_path: Path) -> None:
    """At least TLS 1.2, with the certificate of the file."""
    server = Server("127.0.0.1", 0, *certificate(tmp_path))
    with proxy_for(books, server=server) as proxied:
        assert proxied.base_url.startswith("https://127.0.0.1:")
        port = int(proxied.base_url.rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(tmp_path / "tls.pem"))
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", port)) as sock,
            context.wrap_socket(sock) as secured,
        ):
            assert secured.version() in {"TLSv1.2", "TLSv1.3"}
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"HTTP/1.1" not in b"".join(iter(lambda: sock.recv(65_536), b""))


def test_as_many_files_are_allowed_as_connections_need(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The soft limit is raised; where even the hard one is too low, that is said."""
    limits = {"now": (256, 1 << 20)}

    def change(_: int, asked: tuple[int, int]) -> None:
        limits["now"] = asked

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", change)
    allow_files()
    assert limits["now"] == (FILES_WANTED, 1 << 20)
    assert caplog.records == []
    limits["now"] = (256, 512)
    allow_files()
    assert limits["now"] == (512, 512)
    assert f"only 512 files may be open: above that shops are kept waiting, {FILES_WANTED}" in (
        caplog.text
    )
