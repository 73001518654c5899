"""`archive`: payments that were closed long ago move from the journal to a file."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  cyclopts reads the annotation
from typing import TYPE_CHECKING, Final

from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, reading, result_of
from netcancel.cli.output import facts, show, show_json
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.cli.archive_file import ArchiveFile
    from netcancel.journal.contract import ArchivePlace, Journal

BATCH: Final = 100
"""Payments of one transaction: guards and workers wait no longer for it than for each other."""

DAY_SECONDS: Final = 86_400.0
DAYS_MIN: Final = 1.0


def archive(
    file: Path, /, *, older_than: float, as_json: JsonFlag = False, **settings: SettingFlags
) -> Exit:
    """Move closed payments whose tokens are shredded from the journal to a file, oldest first.

    Their numbers stay used. Each is in the file, durably, before it is deleted: a crash leaves a
    payment in both, never in none. A file that is there is added to. Ends with 0.

    Parameters
    ----------
    file
        ends in .jsonl (a JSON document on each line) or .csv
    older_than
        days since the payment was closed, at least 1
    """
    if not older_than >= DAYS_MIN:
        raise Stop(Exit.WRONG, f"--older-than must be at least {DAYS_MIN:g} day")
    loaded = Settings.load(flags=settings)
    with reading(loaded) as journal:
        from netcancel.cli.archive_file import ArchiveFile

        with ArchiveFile(file) as sink:
            archived, changed, unreadable = move_all(journal, sink, older_than * DAY_SECONDS)
    if as_json:
        show_json({"archived": archived, "changed": changed, "unreadable": unreadable})
    else:
        said = [("archived", f"{archived} payments")]
        if changed:
            said.append(("changed meanwhile", f"{changed}: still in the journal"))
        if unreadable:
            said.append(("can't be read whole", f"{unreadable}: still in the journal"))
        show(facts(said))
    return Exit.NO if changed or unreadable else Exit.DONE


def move_all(journal: Journal, sink: ArchiveFile, closed_seconds: float) -> tuple[int, int, int]:
    """Move what may leave; returns how many left, were changed meanwhile, and can't be read."""
    from netcancel.journal.contract import ArchivePlace

    archived = changed = unreadable = 0
    place: ArchivePlace | None = ArchivePlace()
    while place is not None:
        asked = journal.archivable(place, closed_seconds=closed_seconds, limit=BATCH)
        found = result_of(asked)
        sink.add(found.payments)
        left = result_of(journal.archive(found.payments))
        archived, changed = archived + left, changed + len(found.payments) - left
        unreadable, place = unreadable + found.unreadable, found.then
    return archived, changed, unreadable
