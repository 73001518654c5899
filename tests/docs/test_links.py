"""Every link of the pages leads to a file, and to a heading in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.docs.pages import PAGES, README, name_of, prose_of

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors_of(page: Path) -> set[str]:
    """Return the fragments that a page's headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_nowhere(page: Path, link: str) -> bool:
    """Tell whether a relative link names no file, or no heading in it."""
    path, _, fragment = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return True
    return bool(fragment) and fragment not in anchors_of(target)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link names a file of the repository and, after #, a heading in it."""
    links = [link for link in LINK.findall(prose_of(page)) if "://" not in link]
    assert [link for link in links if leads_nowhere(page, link)] == []


def test_a_broken_link_is_seen() -> None:
    """Neither a missing file nor a missing heading slips through."""
    assert leads_nowhere(README, "docs/nothing.md")
    assert leads_nowhere(README, "docs/spec.md#nothing")
    assert not leads_nowhere(README, "docs/spec.md#2-the-duty")
