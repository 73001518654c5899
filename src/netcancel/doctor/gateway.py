"""Whether the gateway can be reached and trusted; it is asked for nothing (`wire.probe`)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509

from netcancel.doctor.clock import CHECK as CLOCK
from netcancel.doctor.clock import agreement, difference
from netcancel.doctor.line import Line, fail, ok, warn
from netcancel.wire import Gateway
from netcancel.wire.pins import fits, pin_of
from netcancel.wire.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.settings import Settings
    from netcancel.wire.probe import Head, Sighting

CHECK: Final = "gateway"

PROBE_SECONDS: Final = 10.0
"""A gateway that takes longer to say nothing has no time left for an approval."""

WARN_DAYS: Final = 30
FAIL_DAYS: Final = 3
SERVER_ERRORS: Final = 500


def gateway(settings: Settings, *, wall_clock: Callable[[], float] = time.time) -> Iterator[Line]:
    """Look at the gateway; `wall_clock` tells seconds since the epoch."""
    settings.require("base_url")
    network = settings.network()
    place = Gateway.parse(settings.get("base_url"), network)
    now = datetime.fromtimestamp(wall_clock(), UTC)
    if network.client_certificate is not None:
        yield _client_certificate(Path(network.client_certificate), now)
    sighting = probe(place, seconds=PROBE_SECONDS, wall_clock=wall_clock)
    yield from _connection(place, sighting)
    if sighting.certificate is not None:
        yield from _certificate(sighting.certificate, network.pins, now)
    if sighting.problem is not None:
        yield fail(CHECK, sighting.problem, _advice(sighting))
    if sighting.head is not None:
        yield _answer(sighting.head)
        yield _time(sighting.head)


def _connection(place: Gateway, sighting: Sighting) -> Iterator[Line]:
    if sighting.peer is None:
        return
    through = "the proxy at " if place.network.route is not None else ""
    yield ok(CHECK, f"{place.endpoint} is connected to: {through}{sighting.peer}")
    if sighting.tls_version is not None:
        yield ok(CHECK, f"it is spoken to in {sighting.tls_version}")


def _advice(sighting: Sighting) -> str:
    if sighting.peer is None:
        return "check the base URL, name resolution, firewall, source address and proxy"
    if sighting.certificate is None:
        return "check that the base URL is KICC's, the system's authorities, and ca_file"
    return "ask KICC whether the gateway is in order, and what stands before it"


def _certificate(der: bytes, pins: tuple[str, ...], now: datetime) -> Iterator[Line]:
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        yield warn(CHECK, "when the gateway's certificate ends can't be read", "look it up by hand")
    else:
        yield _ending("the gateway's certificate", certificate, now)
    if not pins:
        return
    if not fits(der, pins):
        yield fail(
            CHECK,
            f"the pin of the gateway's key is {pin_of(der)}, and it is none of those that are set",
            "ask KICC whether the key was changed before you set it",
        )
    elif len(pins) == 1:
        yield warn(
            CHECK,
            "the pin holds, but it is the only one: when the key changes, nothing gets through",
            "ask KICC for the next key and set its pin too",
        )
    else:
        yield ok(CHECK, f"one of the {len(pins)} pins holds")


def _client_certificate(path: Path, now: datetime) -> Line:
    # `Network` has loaded it already: it is there, and PEM.
    certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    return _ending(f"the client certificate {path}", certificate, now)


def _ending(whose: str, certificate: x509.Certificate, now: datetime) -> Line:
    end = certificate.not_valid_after_utc
    found = f"{whose} ends on {end:%Y-%m-%d}"
    if end - now <= timedelta(days=FAIL_DAYS):
        return fail(CHECK, found, "it must be renewed now: after that nothing gets through")
    if end - now <= timedelta(days=WARN_DAYS):
        return warn(CHECK, found, "ask whoever renews it when that will be")
    return ok(CHECK, found)


def _answer(head: Head) -> Line:
    found = f"a HEAD of its root, without signature, is answered with HTTP {head.status}"
    if head.status >= SERVER_ERRORS:
        return warn(CHECK, found, "ask KICC whether the gateway is in order")
    return ok(CHECK, found)


def _time(head: Head) -> Line:
    began = _seconds(head.date)
    if began is None:
        return warn(
            CLOCK,
            "the gateway's answer has no time: its clock can't be compared",
            "see that this host's clock is synchronised",
        )
    # A Date is cut to its second.
    seconds = difference((began, began + 1), (head.asked_at, head.answered_at))
    return agreement("the gateway's", seconds)


def _seconds(date: str | None) -> float | None:
    """Read a Date header; None: there is none, or it is none."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
