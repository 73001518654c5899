"""Own authorities, pins, client certificates and source addresses."""

from __future__ import annotations

import base64
import hashlib
import pickle
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from netcancel.errors import ConfigurationError
from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach
from netcancel.wire import Gateway, Network
from netcancel.wire.pins import fits, pin_of
from tests.wire.answerer import Answerer, answers
from tests.wire.conftest import serving
from tests.wire.connect_proxy import relaying
from tests.wire.zoo import sized

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wire.conftest import Carry

OTHER_PIN = base64.b64encode(bytes(32)).decode()


def der_of(leaf: trustme.LeafCert) -> bytes:
    """Return the certificate itself, without its chain."""
    return ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def expected_pin(leaf: trustme.LeafCert) -> str:
    """Work a pin out by another way than ours."""
    key = x509.load_der_x509_certificate(der_of(leaf)).public_key()
    info = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_pin_is_the_digest_of_the_public_key(authority: trustme.CA, kind: trustme.KeyType) -> None:
    """Our pin of a certificate is the one that any other tool works out."""
    leaf = authority.issue_cert("gateway.test", key_type=kind)
    assert pin_of(der_of(leaf)) == expected_pin(leaf)


def element(tag: int, contents: bytes) -> bytes:
    """Write one element of DER."""
    length = len(contents)
    if length < 0x80:
        return bytes([tag, length]) + contents
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 + size]) + length.to_bytes(size, "big") + contents


@pytest.mark.parametrize("version", [b"", element(0xA0, element(2, b"\2"))])
@pytest.mark.parametrize("size", [1, 127, 128, 255, 256, 70_000])
def test_pin_is_of_the_right_element(version: bytes, size: int) -> None:
    """The key is found in certificates with and without a version, whatever their lengths."""
    key = element(0x30, b"k" * size)
    before = b"".join(element(tag, bytes([tag]) * size) for tag in (2, 0x30, 0x30, 0x30, 0x30))
    inner = element(0x30, version + before + key + element(0xA3, b"extensions"))
    certificate = element(0x30, inner + element(0x30, b"") + element(3, b"signature"))
    assert pin_of(certificate) == base64.b64encode(hashlib.sha256(key).digest()).decode()


def test_cut_certificate_fits_no_pin(authority: trustme.CA) -> None:
    """A certificate that ends before its key has no pin at all, and raises nothing in use."""
    whole = der_of(authority.issue_cert("gateway.test"))
    pins = (pin_of(whole),)
    assert fits(whole, pins)
    assert not fits(None, pins)
    # The key begins somewhere behind names and dates; what is cut there isn't the same key.
    for length in range(len(whole) // 2):
        assert not fits(whole[:length], pins)


@pytest.mark.parametrize("through_a_tunnel", [False, True])
@pytest.mark.parametrize("pins", ["current", "current and next", "next and current"])
def test_pinned_key_is_talked_to(
    carry: Carry, authority: trustme.CA, ca_file: str, pins: str, through_a_tunnel: bool
) -> None:
    """The gateway must show one of the pinned keys; others wait for a rotation."""
    leaf = authority.issue_cert("127.0.0.1")
    known = {"current": expected_pin(leaf), "next": OTHER_PIN}
    wanted = tuple(known[word] for word in pins.split(" and "))
    with (
        Answerer(answers(sized()), tls=serving(leaf)) as gateway,
        relaying(gateway.port) as proxy,
    ):
        route = proxy.base_url if through_a_tunnel else None
        network = Network(ca_file=ca_file, pins=wanted, proxy=route)
        reception = carry(Gateway.parse(gateway.base_url, network))
    assert isinstance(reception, RawAnswer)
    assert proxy.connections == through_a_tunnel


@pytest.mark.parametrize("through_a_tunnel", [False, True])
def test_other_key_is_refused_before_anything_left(
    carry: Carry, authority: trustme.CA, ca_file: str, through_a_tunnel: bool
) -> None:
    """A valid certificate with another key, or its authority's pin, gets nothing of a request."""
    ca_key = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).public_key()
    info = ca_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pins = (OTHER_PIN, base64.b64encode(hashlib.sha256(info).digest()).decode())
    tls = serving(authority.issue_cert("127.0.0.1"))
    with Answerer(answers(sized()), tls=tls) as gateway, relaying(gateway.port) as proxy:
        route = proxy.base_url if through_a_tunnel else None
        network = Network(ca_file=ca_file, pins=pins, proxy=route)
        reception = carry(Gateway.parse(gateway.base_url, network))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED,
        Break.CONNECTION,
        "the gateway's public key is none of the pinned ones",
    )
    assert reception.never_left
    assert gateway.requests == []


def test_pin_does_not_replace_verification(carry: Carry, ca_file: str) -> None:
    """The right key in a stranger's certificate is refused like any stranger's."""
    leaf = trustme.CA().issue_cert("127.0.0.1")
    with Answerer(answers(sized()), tls=serving(leaf)) as gateway:
        network = Network(ca_file=ca_file, pins=(expected_pin(leaf),))
        reception = carry(Gateway.parse(gateway.base_url, network))
    assert isinstance(reception, NoAnswer)
    assert reception.never_left
    assert "certificate was refused" in reception.detail


def test_pins_are_checked_on_each_connection(
    carry: Carry, authority: trustme.CA, ca_file: str
) -> None:
    """A gateway whose key changes between two requests is refused at the second."""
    leaves = [authority.issue_cert("127.0.0.1") for _ in "ab"]
    tls = serving(leaves[0])
    with Answerer(answers(sized()), tls=tls) as server:
        network = Network(ca_file=ca_file, pins=(expected_pin(leaves[0]),))
        gateway = Gateway.parse(server.base_url, network)
        assert isinstance(carry(gateway), RawAnswer)
        leaves[1].configure_cert(tls)
        second = carry(gateway)
    assert isinstance(second, NoAnswer)
    assert second.never_left
    assert len(server.requests) == 1


def demanding(authority: trustme.CA) -> ssl.SSLContext:
    """Return the server's side of TLS that wants a client's certificate of the authority."""
    context = serving(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


@pytest.fixture
def identity(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """Return the files of a client's certificate and key."""
    leaf = authority.issue_cert("merchant.test")
    paths = {name: tmp_path / f"{name}.pem" for name in ("certificate", "key", "both")}
    leaf.cert_chain_pems[0].write_to_path(str(paths["certificate"]))
    leaf.private_key_pem.write_to_path(str(paths["key"]))
    leaf.private_key_and_cert_chain_pem.write_to_path(str(paths["both"]))
    return {name: str(path) for name, path in paths.items()}


@pytest.mark.parametrize("files", ["two", "one"])
def test_client_certificate_is_shown(
    carry: Carry, authority: trustme.CA, ca_file: str, identity: dict[str, str], files: str
) -> None:
    """A gateway that demands a certificate gets ours, from one file or from two."""
    ours: dict[str, Any] = (
        {"client_certificate": identity["certificate"], "client_key": identity["key"]}
        if files == "two"
        else {"client_certificate": identity["both"]}
    )
    with Answerer(answers(sized()), tls=demanding(authority)) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file, **ours)))
    assert isinstance(reception, RawAnswer)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_missing_client_certificate_is_a_lost_answer(
    carry: Carry, authority: trustme.CA, ca_file: str, version: ssl.TLSVersion
) -> None:
    """Refused without a certificate: proven unsent in TLS 1.2; in 1.3 we hear of it too late."""
    tls = demanding(authority)
    tls.maximum_version = version
    with Answerer(answers(sized()), tls=tls) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(ca_file=ca_file)))
    assert isinstance(reception, NoAnswer)
    assert reception.why is Break.CONNECTION
    assert reception.never_left is (version is ssl.TLSVersion.TLSv1_2)
    assert gateway.requests == []


@pytest.mark.parametrize("through_a_tunnel", [False, True])
def test_connections_come_from_the_source_address(carry: Carry, through_a_tunnel: bool) -> None:
    """Gateway or proxy, whoever is connected to sees the address that was set."""
    with Answerer(answers(sized())) as gateway, relaying(gateway.port) as proxy:
        route = proxy.base_url if through_a_tunnel else None
        network = Network(source_address="127.0.0.2", proxy=route)
        reception = carry(Gateway.parse(gateway.base_url, network))
    assert isinstance(reception, RawAnswer)
    seen = proxy.peers if through_a_tunnel else gateway.peers
    assert seen == ["127.0.0.2"]


def test_source_address_of_another_host(carry: Carry) -> None:
    """An address that this host doesn't have is a lost answer that names the reason."""
    with Answerer(answers(sized())) as gateway:
        network = Network(source_address="192.0.2.1")
        reception = carry(Gateway.parse(gateway.base_url, network))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED, Break.CONNECTION, "the network failed: EADDRNOTAVAIL"
    )


def test_source_address_of_the_other_family(carry: Carry) -> None:
    """From an IPv6 address nothing can be connected to over IPv4."""
    with Answerer(answers(sized())) as gateway:
        reception = carry(Gateway.parse(gateway.base_url, Network(source_address="::1")))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED,
        Break.CONNECTION,
        "the network failed: there is no address to connect to",
    )
    assert gateway.connections == 0


def test_names_are_tried_in_the_source_addresses_family(carry: Carry) -> None:
    """Of a name's addresses, those of the source address's family are tried."""
    with Answerer(answers(sized())) as gateway:
        network = Network(source_address="127.0.0.3")
        reception = carry(Gateway.parse(f"http://localhost:{gateway.port}", network))
    assert isinstance(reception, RawAnswer)
    assert gateway.peers == ["127.0.0.3"]


SHORT_PIN = base64.b64encode(bytes(31)).decode()
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"proxy": ""}, "proxy must be a text"),
    ({"proxy": b"http://proxy.test:3128"}, "proxy must be a text"),
    ({"ca_file": ""}, "ca_file must be a text"),
    ({"ca_file": "nowhere.pem"}, "The CA file 'nowhere.pem' can't be read: No such file"),
    ({"ca_file": "."}, "The CA file '.' can't be read: Is a directory"),
    ({"ca_file": "a\0b"}, r"The CA file 'a\\x00b' can't be read: it is no path"),
    ({"ca_file": "{text}"}, "is no PEM bundle of certificates"),
    ({"ca_file": "{key}"}, "is no PEM bundle of certificates"),
    ({"pins": OTHER_PIN}, "pins must be a tuple"),
    ({"pins": [OTHER_PIN]}, "pins must be a tuple"),
    *(
        ({"pins": (OTHER_PIN, pin)}, "A pin must be the Base64 of 32 bytes")
        for pin in ("", None, 7, SHORT_PIN, OTHER_PIN[:-1], f"sha256/{OTHER_PIN}", OTHER_PIN + "\n")
    ),
    ({"pins": ("A" * 42 + "B=",)}, "A pin must be the Base64 of 32 bytes"),
    ({"pins": ("é" * 44,)}, "A pin must be the Base64 of 32 bytes"),
    ({"client_key": "{key}"}, "give client_certificate too"),
    ({"client_certificate": "nowhere.pem"}, "The client certificate 'nowhere.pem' can't be read"),
    (
        {"client_certificate": "{certificate}", "client_key": "nowhere.pem"},
        "The client key 'nowhere.pem' can't be read",
    ),
    ({"client_certificate": "{certificate}"}, "can't be used: give a PEM certificate"),
    (
        {"client_certificate": "{certificate}", "client_key": "{foreign}"},
        "the PEM private key that belongs to it",
    ),
    (
        {"client_certificate": "{certificate}", "client_key": "{encrypted}"},
        "The client key is encrypted: give an unencrypted PEM file",
    ),
    *(
        ({"source_address": address}, "The source address must be an IP address")
        for address in ("localhost", "127.0.0.1:80", "127.1", "fe80::1%eth0", " 127.0.0.1")
    ),
]


@pytest.mark.parametrize(("given", "sentence"), WRONG, ids=lambda value: str(value)[:50])
def test_what_cannot_be_used_is_refused_at_once(
    tmp_path: Path, identity: dict[str, str], given: dict[str, Any], sentence: str
) -> None:
    """A wrong value is refused when it is given, with a sentence that says what to do."""
    encrypted, foreign, text = (tmp_path / name for name in ("encrypted", "foreign", "text"))
    key = serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    trustme.CA().issue_cert("a.test").private_key_pem.write_to_path(str(foreign))
    text.write_text("text")
    places = identity | {
        "encrypted": str(encrypted),
        "foreign": str(foreign),
        "text": str(text),
    }
    made: dict[str, Any] = {
        name: value.format_map(places) if isinstance(value, str) else value
        for name, value in given.items()
    }
    with pytest.raises(ConfigurationError, match=sentence):
        Network(**made)


@pytest.mark.parametrize("what", ["ca_file", "pins", "client_certificate"])
def test_what_needs_tls_is_refused_without_it(
    ca_file: str, identity: dict[str, str], what: str
) -> None:
    """Pins and certificates are never silently without effect."""
    network = {
        "ca_file": Network(ca_file=ca_file),
        "pins": Network(pins=(OTHER_PIN,)),
        "client_certificate": Network(client_certificate=identity["both"]),
    }[what]
    with pytest.raises(ConfigurationError, match="need TLS"):
        Gateway.parse("http://127.0.0.1:8080", network)


def test_network_is_a_network() -> None:
    """Something else in a network's place is refused."""
    with pytest.raises(ConfigurationError, match=r"netcancel\.Network"):
        Gateway.parse("https://gateway.test", "http://proxy.test:3128")  # type: ignore[arg-type]


def test_verification_stays_on(ca_file: str, identity: dict[str, str]) -> None:
    """Nothing that a network may hold loosens TLS."""
    network = Network(
        ca_file=ca_file, pins=(OTHER_PIN,), client_certificate=identity["both"], proxy=None
    )
    tls = Gateway.parse("https://gateway.test", network).tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2


def test_default_network_is_the_straight_way() -> None:
    """By default there is nothing, two defaults are equal, and a network can be pickled."""
    assert Network() == Network()
    assert Network().route is None
    network = Network(proxy="http://proxy.test:3128", source_address="127.0.0.1")
    assert pickle.loads(pickle.dumps(network)) == network  # noqa: S301  our own bytes
    assert network != Network()
