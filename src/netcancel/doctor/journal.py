"""What the journal's own session says of it, and of the payments in it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from netcancel.core.payment import MICROSECONDS
from netcancel.doctor.clock import agreement, difference
from netcancel.doctor.line import Line, fail, ok, warn
from netcancel.doctor.payments import payments
from netcancel.journal.master_key import key_file, master_key
from netcancel.journal.opening import file_of, open_as_found
from netcancel.journal.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from netcancel.journal import Fact, Health, Journal
    from netcancel.settings import Settings

CHECK: Final = "journal"

SPACE_WARN_BYTES: Final = 1024**3
"""Some half a million payments, with what an outage adds to their histories."""

SPACE_FAIL_BYTES: Final = 64 * 1024**2
"""Some thirty thousand: less than the time it takes to be there and make room."""


def journal(settings: Settings) -> Iterator[Line]:
    """Open the journal as it is found, and look into it; raises what opening raises."""
    path = file_of(settings.journal)
    if path is not None and not path.exists():
        yield fail(
            CHECK,
            f"there is no journal {path}",
            "start the shop: its first guard makes it, and the vault key if none is set; or correct"
            " NETCANCEL_JOURNAL",
        )
        return
    yield _key(settings)
    opened = open_as_found(settings.journal, vault_key=settings.vault_key)
    try:
        yield from soundness(opened)
        yield from payments(opened, settings)
    finally:
        opened.close()


def _key(settings: Settings) -> Line:
    vault = Vault(master_key(settings.vault_key, create=False))
    source = settings.called.get("vault_key") or f"the key file {key_file()}"
    return ok("vault", f"the key {vault.key_id.hex()} is there, from {source}")


def soundness(
    journal: Journal,
    *,
    host_clock: Callable[[], float] = time.time,
    warn_bytes: int = SPACE_WARN_BYTES,
    fail_bytes: int = SPACE_FAIL_BYTES,
) -> Iterator[Line]:
    """Check what a session of the journal says is in force in it."""
    before = host_clock()
    health = journal.health().result()
    after = host_clock()
    yield ok("vault", "the key opens the journal")
    for fact in health.facts:
        yield _fact(fact)
    if health.directory is not None:
        yield _space(health.directory, warn_bytes, fail_bytes)
    yield _time(health, before, after)


def _fact(fact: Fact) -> Line:
    if fact.holds:
        return ok(CHECK, f"{fact.name}: {fact.found}")
    return fail(CHECK, f"{fact.name}: {fact.found}, must be {fact.must_be}", fact.advice)


def _space(directory: Path, warn_bytes: int, fail_bytes: int) -> Line:
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize
    found = f"{free / 1024**2:,.0f} MiB are free in {directory}"
    if free >= warn_bytes:
        return ok(CHECK, found)
    make = fail if free < fail_bytes else warn
    return make(CHECK, found, "make room: without it no payment can be approved")


def _time(health: Health, before: float, after: float) -> Line:
    moment = health.now / MICROSECONDS
    return agreement("the journal's", difference((moment, moment), (before, after)))
