"""Every kept answer, judged three times: by its name, by the oracle and by the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proof.fuzzing import corpus
from proof.fuzzing.checks import Disagreement, check_body
from proof.fuzzing.oracle import Says

if TYPE_CHECKING:
    from pathlib import Path

BODIES = corpus.files("bodies")
ANSWERS = corpus.files("answers")


@pytest.mark.parametrize("path", [*BODIES, *ANSWERS], ids=lambda path: path.name)
def test_kept_answer_proves_what_its_name_says(path: Path) -> None:
    """Product and oracle agree on every kept answer, and a person agrees with both."""
    said = corpus.CHECKS[path.parent.name](path.read_bytes())
    assert path.name.split("-")[0] == said


def test_every_verdict_on_an_approval_is_kept() -> None:
    """The corpus has answers of each kind, bodies and whole ones."""
    for paths in (BODIES, ANSWERS):
        assert {path.name.split("-")[0] for path in paths} == {
            Says.APPROVED,
            Says.OTHER_AMOUNT,
            Says.DECLINED,
            Says.LOST,
        }


def test_a_difference_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that takes a number for the code differs from the oracle, and the input shrinks."""
    monkeypatch.setattr("netcancel.kicc.judge.SUCCESS", "8317")
    whole = b'{"respMsg":"no","respCd":"8317","trxAmt":10000}'
    with pytest.raises(Disagreement):
        check_body(whole)
    small = corpus.smallest(whole, lambda part: corpus.fails("bodies", part))
    assert small == b'{"respCd":"8317"}'
