"""Options that several commands share, and the journal that they read."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final, TypeVar
from urllib.parse import urlsplit

from cyclopts import Parameter

from netcancel.cli.exits import Exit, Stop
from netcancel.errors import ConfigurationError, JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal
    from netcancel.settings import Settings

T = TypeVar("T")

JsonFlag = Annotated[
    bool, Parameter(name="--json", negative="", help="print one JSON document, times in UTC")
]
SettingFlags = Annotated[
    str, Parameter(help="any setting but a secret, such as --journal URL or --config FILE")
]

READ_SECONDS: Final = 10.0
"""A person waits no longer than this for a journal that doesn't answer."""


@contextmanager
def reading(settings: Settings) -> Generator[Journal]:
    """Open the journal, which must be there, for the length of a command."""
    from netcancel.journal.opening import open_journal

    refuse_memory(settings)
    journal = open_journal(
        settings.journal,
        vault_key=settings.vault_key,
        previous_vault_keys=settings.previous_vault_keys,
        create=False,
    )
    try:
        yield journal
    finally:
        journal.close()


def refuse_memory(settings: Settings) -> None:
    """Raise `ConfigurationError` for a journal that ends with its process, before it is made."""
    if settings.journal == "memory://":
        raise ConfigurationError(
            "a journal in memory is private to one guard: commands need one that lasts"
        )


def result_of(future: Future[T]) -> T:
    """Wait for the journal's answer; raises `JournalUnavailable`."""
    try:
        return future.result(READ_SECONDS)
    except FutureTimeoutError:
        raise JournalUnavailable(f"the journal gave no answer in {READ_SECONDS:g} s") from None


def find_or_stop(journal: Journal, settings: Settings, number: str) -> Payment:
    """Return the payment of the merchant's terminal with this number."""
    settings.require("tid")
    tid = settings.get("tid")
    payment = result_of(journal.find(tid, number))
    if payment is not None:
        return payment
    used = result_of(journal.find_used(tid, number))
    if used is None:
        raise Stop(Exit.NO, "the journal knows no payment of this terminal with this number")
    from netcancel.cli.words import iso

    raise Stop(
        Exit.NO,
        f"this payment was closed as {used.state} and archived at {iso(used.archived_at)}: look"
        " into the archive's files",
    )


def without_password(url: str) -> str:
    """Return a journal's URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None and not parts.query:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
