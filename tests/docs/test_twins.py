"""The pages say of the broken twins what their table says."""

from __future__ import annotations

from proof.twins.table import TWINS
from tests.docs.pages import ROOT, text_of
from tools import twins

HEADING = "## Changes that look harmless and lose money"


def test_the_page_of_twins_is_current() -> None:
    """docs/twins.md is what `python -m tools.twins` writes now."""
    assert text_of(twins.PAGE) == twins.render()


def test_each_mistake_that_the_protocol_lists_has_a_twin() -> None:
    """None is listed that nobody makes, and none is made that isn't listed."""
    section = text_of(ROOT / "docs" / "protocol.md").split(HEADING)[1].split("\n## ")[0]
    listed = " ".join(section.split("\n\n")[2].split()).split(" · ")
    assert sorted(listed) == sorted({twin.mistake for twin in TWINS})
