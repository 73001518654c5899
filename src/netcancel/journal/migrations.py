"""The schema's numbered steps: what is there, what is missing, and who may work on what is there.

A journal keeps the number of its last migration, and in its meta row `compatible_from` the oldest
schema whose code may still work on it. So a journal can be brought up to date while processes of
the release before go on, and they are replaced one by one. Code that is newer than its journal
refuses to work: `netcancel db upgrade` comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from netcancel.errors import ConfigurationError
from netcancel.journal.rows import SCHEMA
from netcancel.observe import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcancel.journal.statements import Migration

COMPATIBLE_FROM: Final = "compatible_from"
"""The meta row with the number, in decimal digits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a journal's tables stand to the migrations of this code."""

    schema: int
    applied: tuple[str, ...]
    missing: tuple[str, ...]
    is_newer: bool
    """Whether a newer netcancel brought it up to date; then nothing can be said of its tables."""
    is_sum: bool
    """Whether its tables are exactly what the applied migrations make."""

    @property
    def is_good(self) -> bool:
        """Whether this code finds what it needs, and nothing else."""
        return self.is_sum and not self.missing and not self.is_newer


class Tables(Protocol):
    """The tables of a journal that is there, and how they are brought up to date."""

    def standing(self) -> Standing:
        """Compare them with the migrations."""

    def upgrade(self) -> Sequence[str]:
        """Apply what is missing, each step in a transaction of its own; returns the steps' names.

        Safe while others work on the journal, and when two do it at once: each step is made once.
        """


def standing_of(migrations: Sequence[Migration], schema: int, *, is_sum: bool) -> Standing:
    """Share the migrations out among what is applied and what is missing."""
    return Standing(
        schema=schema,
        applied=tuple(each.name for each in migrations if each.number <= schema),
        missing=tuple(each.name for each in migrations if each.number > schema),
        is_newer=schema > migrations[-1].number,
        is_sum=is_sum,
    )


def check_schema(schema: int, compatible_from: bytes | None, place: str) -> None:
    """Refuse a journal whose schema this code can't work on; one that is newer is only noticed.

    `compatible_from` is the meta row's value; None: there is none. Raises `ConfigurationError`.
    """
    if schema < SCHEMA:
        raise ConfigurationError(
            f"{place} has schema {schema}, and this netcancel needs {SCHEMA}: run"
            " `netcancel db upgrade`"
        )
    if schema > SCHEMA:
        refuse_newer(schema, compatible_from, place)
        log.notice(
            "%s has schema %d, this netcancel knows %d: it works on it, but is to be upgraded",
            place,
            schema,
            SCHEMA,
        )


def refuse_newer(schema: int, compatible_from: bytes | None, place: str) -> None:
    """Raise `ConfigurationError` for a schema that its own migrations say isn't for this code."""
    is_for_us = compatible_from and compatible_from.isdigit() and int(compatible_from) <= SCHEMA
    if schema > SCHEMA and not is_for_us:
        raise ConfigurationError(
            f"{place} was written by a newer netcancel (schema {schema}): upgrade this one"
        )
