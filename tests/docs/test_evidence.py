"""The page of evidence is made of the records that are kept, and of all of them."""

from __future__ import annotations

from proof.evidence import RECORDS, kept
from tests.docs.pages import text_of
from tools import evidence


def test_the_page_of_evidence_is_current() -> None:
    """docs/evidence.md is what `python -m tools.evidence` writes now."""
    assert text_of(evidence.PAGE) == evidence.render()


def test_each_record_is_shown() -> None:
    """No run is kept that the page leaves out, and no section is empty."""
    names = [name for section in evidence.SECTIONS for name in section.records]
    assert sorted(names) == sorted(path.stem for path in RECORDS.glob("*.json"))


def test_each_figure_at_a_glance_is_a_records() -> None:
    """What the first table says is in the records that it names."""
    for glance in evidence.GLANCES:
        for name in glance.records:
            record = kept(name)
            assert record is not None
            assert glance.figure in record.figures
