"""What docs/reconcile.md says is what the code says."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import State
from netcancel.reconcile import Kind, Layout
from netcancel.reconcile.layout import DEFAULT_COLUMNS
from tests.docs.pages import ROOT, fences_of, rows_of, text_of
from tests.reconcile.test_judging import STANDINGS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "reconcile.md"


def test_every_kind_of_difference_is_explained() -> None:
    """Each has its row, the gravest first, with the states that it is about."""
    rows = {row[0].split("`")[1]: row[1] for row in rows_of(PAGE, "What differs, and what to do")}
    assert list(rows) == list(Kind)
    for state, resolution, kind in STANDINGS:
        if state is not State.RESOLVED and resolution is None:
            assert state in rows[kind or Kind.APPROVED_BUT_NOT_CHARGED].split(", ")


def test_every_part_of_a_layout_is_explained() -> None:
    """Each has its row with flag, name and default."""
    rows = {row[1].strip("`"): row for row in rows_of(PAGE, "Columns and profiles")}
    assert set(rows) == {field.name for field in fields(Layout)}
    for name, row in rows.items():
        assert row[0] == f"`--{name.replace('_', '-')}`"
    for name, column in DEFAULT_COLUMNS.items():
        assert f"`{column}`" in rows[name][2]
    assert {name: rows[name][2] for name in ("delimiter", "encoding", "date_format")} == {
        name: f"`{getattr(Layout(), name)}`" for name in ("delimiter", "encoding", "date_format")
    }


@pytest.mark.parametrize("text", fences_of(PAGE, "toml"))
def test_the_profile_can_be_used(tmp_path: Path, text: str) -> None:
    """The page's example is a profile."""
    profile = tmp_path / "van.toml"
    profile.write_text(text, encoding="utf-8")
    assert Layout.of(profile, {}).refund_value == ("취소", "망취소")


def test_there_is_a_profile() -> None:
    """The test above has something to test."""
    assert len(fences_of(PAGE, "toml")) == 1
    assert "--reopen --by" in text_of(PAGE)
