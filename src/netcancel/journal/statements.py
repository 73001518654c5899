"""SQL, which stands in text files of its own, so that it can be read and audited alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.resources.abc import Traversable

ROWS_MAX: Final = 64
"""Most rows in one statement; a long one takes a while to prepare, once for each connection."""

_MIGRATION = re.compile(r"([0-9]{4})_[a-z_]+\.sql")
_NAME = re.compile(r"(?<!:):([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")
# How a row stands in a statement for many, and what joins it to the next.
_ROWS: Final = (
    (re.compile(r"(?<=VALUES )\([^()]*\)"), ", "),
    (re.compile(r"(?<=JOIN \()\s*SELECT :[^()]*(?=\) AS new)"), " UNION ALL "),
)


class Migration(NamedTuple):
    """One step of a database's schema: the script that leads from the number before to this one."""

    number: int
    name: str
    script: str


class Query(StrEnum):
    """What a database is asked for; each has a file of this name in the database's folder."""

    OPEN_NEW = "open_new"
    MOVE = "move"
    NOTED_ANSWERS = "noted_answers"
    NOTE = "note"
    NOTE_ANSWER = "note_answer"
    READ = "read"
    READ_TO_WRITE = "read_to_write"
    FIND = "find"
    FIND_TO_WRITE = "find_to_write"
    FIND_BY_VAN_NUMBER = "find_by_van_number"
    KEEP_ANSWER = "keep_answer"
    KEPT_ANSWER = "kept_answer"
    HISTORY = "history"
    DUE = "due"
    DUE_NEWEST_FIRST = "due_newest_first"
    COUNT_IN_DOUBT = "count_in_doubt"
    COUNT_OWED = "count_owed"
    PAGE = "page"
    LIST = "list"
    LIST_IN_DOUBT = "list_in_doubt"
    SUMMARY_STATES = "summary_states"
    SUMMARY_IN_DOUBT = "summary_in_doubt"
    SUMMARY_REFUSALS = "summary_refusals"
    SHRED_KEYS = "shred_keys"
    SHRED_ANSWERS = "shred_answers"
    SHRED_BODIES = "shred_bodies"
    READ_META = "read_meta"
    WRITE_META = "write_meta"
    VAULT_KEYS = "vault_keys"
    USE_VAULT_KEY = "use_vault_key"
    SEALED_WITH = "sealed_with"
    REWRAP_KEY = "rewrap_key"
    REWRAP_SECRET = "rewrap_secret"  # noqa: S105  the name of a file
    VAULT_KEY_TO_WRITE = "vault_key_to_write"
    FORGET_VAULT_KEY = "forget_vault_key"
    ARCHIVABLE = "archivable"
    USE_NUMBER = "use_number"
    FORGET_HISTORY = "forget_history"
    FORGET_PAYMENT = "forget_payment"
    USED_NUMBER = "used_number"
    STRANGERS = "strangers"
    NEGLECTED = "neglected"
    ANY_PAYMENT = "any_payment"
    INCARNATIONS = "incarnations"
    INCARNATION_TO_WRITE = "incarnation_to_write"
    BEGIN_INCARNATION = "begin_incarnation"
    ADVANCE_INCARNATION = "advance_incarnation"
    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    FORGET_WORKERS = "forget_workers"
    WORKERS = "workers"
    HOLD = "hold"
    PLACE_HOLD = "place_hold"
    RELEASE_HOLD = "release_hold"
    # Of servers only.
    JOIN = "join"
    IS_MADE = "is_made"
    LOCK_TO_MAKE = "lock_to_make"
    UPDATE_META = "update_meta"
    HEALTH = "health"
    SHAPE = "shape"
    # Where triggers can't do it.
    TELL = "tell"
    HOLD_NUMBERS = "hold_numbers"
    HOLD_USED_NUMBERS = "hold_used_numbers"
    HOLD_VAULT_KEY = "hold_vault_key"
    ANNOUNCE = "announce"
    NOW = "now"
    VERSION = "version"


FOR_MANY: Final = frozenset(
    {
        Query.OPEN_NEW,
        Query.MOVE,
        Query.NOTED_ANSWERS,
        Query.TELL,
        Query.HOLD_NUMBERS,
        Query.HOLD_USED_NUMBERS,
    }
)
"""These take any number of rows, and all their parameters stand in one row."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose named parameters became positions: binding by name costs a look-up each."""

    text: str
    names: tuple[str, ...]

    def bind(self, *rows: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of the text, which has room for so many rows."""
        return [row[name] for row in rows for name in self.names]


@dataclass(frozen=True, slots=True)
class RowsStatement:
    """A statement for any number of rows, with one for each power of two, longest first.

    With one for every number of rows, hardly any would ever be prepared already.
    """

    by_size: Mapping[int, Statement]

    def parts(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[Statement, Sequence[Mapping[str, Any]]]]:
        """Share the rows out among statements, in their order."""
        done = 0
        for size, statement in self.by_size.items():
            while len(rows) - done >= size:
                yield statement, rows[done : done + size]
                done += size


class Dialect:
    """The statements of one database: those of its folder in sql/; `mark` is its parameter."""

    def __init__(self, folder: str, mark: str) -> None:
        self._folder = folder
        self._mark = mark
        self._loaded: dict[Query, Statement | RowsStatement] = {}

    def bound(
        self, query: Query, rows: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[str, list[Any]]]:
        """Return the statements that a query of so many rows takes, with their parameters."""
        loaded = self._loaded.get(query) or self._load(query)
        if isinstance(loaded, Statement):
            yield loaded.text, loaded.bind(*rows)
            return
        for statement, some in loaded.parts(rows):
            yield statement.text, statement.bind(*some)

    def load(self, name: str) -> Statement:
        """Return the statement of NAME.sql."""
        text = self._text(name)
        return Statement(_NAME.sub(self._mark, text), tuple(_NAME.findall(text)))

    def load_rows(self, name: str) -> RowsStatement:
        """Return the statement of NAME.sql, whose parameters all stand in one row.

        The row is one of VALUES, or a SELECT that is joined as `new`.
        """
        text = self._text(name)
        for pattern, joiner in _ROWS:
            found = pattern.search(text)
            if found is not None:
                before, after = text[: found.start()], text[found.end() :]
                if not _NAME.search(before + after):
                    return self._repeated(before, found[0], joiner, after)
        raise ValueError(f"{name}.sql must have all its parameters in one row of VALUES")

    def _repeated(self, before: str, row: str, joiner: str, after: str) -> RowsStatement:
        names, positions = tuple(_NAME.findall(row)), _NAME.sub(self._mark, row)
        sizes = (1 << bits for bits in reversed(range(ROWS_MAX.bit_length())))
        texts = {size: before + joiner.join([positions] * size) + after for size in sizes}
        return RowsStatement({size: Statement(text, names) for size, text in texts.items()})

    @cached_property
    def migrations(self) -> tuple[Migration, ...]:
        """The steps of the schema, by their numbers; the first makes it."""
        found = ((_MIGRATION.fullmatch(file.name), file) for file in self._files.iterdir())
        steps = [
            Migration(int(match[1]), file.name.removesuffix(".sql"), self.script(file.name))
            for match, file in found
            if match is not None
        ]
        return tuple(sorted(steps))

    def script(self, name: str) -> str:
        """Return the text of a file."""
        return self._files.joinpath(name).read_text(encoding="utf-8")

    @property
    def _files(self) -> Traversable:
        return files("netcancel.journal").joinpath("sql", self._folder)

    def _load(self, query: Query) -> Statement | RowsStatement:
        loaded = self.load_rows(query) if query in FOR_MANY else self.load(query)
        return self._loaded.setdefault(query, loaded)

    def _text(self, name: str) -> str:
        return _COMMENT.sub("", self.script(f"{name}.sql")).strip()
