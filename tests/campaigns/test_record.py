"""What a shop's record says after its process was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.record import Record, read_record

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_open_is_asked_for_again(tmp_path: Path) -> None:
    """Unanswered, doubtful and refused numbers are open; what was refused at first is given up."""
    path = tmp_path / "record"
    assert read_record(path).open_numbers() == []
    with Record(path) as record:
        for number in ("approved", "unanswered", "doubtful", "refused", "refused later"):
            record.ask(number)
        record.tell("approved", "Approved")
        record.tell("doubtful", "InDoubt")
        record.tell("refused", "JournalUnavailable")
        record.ask("refused later")
        record.tell("refused later", "JournalUnavailable")
    account = read_record(path)
    assert account.open_numbers() == ["unanswered", "doubtful", "refused later"]
    assert account.refused == {"refused"}
    assert [told.outcome for told in account.outcomes()] == ["Approved", "InDoubt"]


def test_half_a_line_was_not_told(tmp_path: Path) -> None:
    """A line that a kill cut off counts for nothing, and the next one is not glued to it."""
    path = tmp_path / "record"
    with Record(path) as record:
        record.ask("ORD_1")
    whole = path.read_bytes()
    path.write_bytes(whole + b'["ORD_1", "Appr')
    assert read_record(path).told == []
    with Record(path) as record:
        record.tell("ORD_1", "Declined")
    assert path.read_bytes().startswith(whole)
    assert [told.outcome for told in read_record(path).told] == ["Declined"]
