"""The campaign of hostile answers: what it allows, and that it would see a judge that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel.kicc import AnswerLost, DeclineProven, judge_approval
from proof.fuzzing.hostile.answers import LATE_SECONDS, Answer, Ending
from proof.fuzzing.hostile.campaign import Campaign
from proof.fuzzing.oracle import Says

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.kicc import ApprovalVerdict, Expected, Reception
    from netcancel.kicc.codes import Codes

PAYMENTS = 2
"""Of each payer: how many there are must not depend on the machine."""


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        (Answer((b"",), 0, Ending.CLOSE, Says.APPROVED, is_plain=True), {Says.APPROVED}),
        (
            Answer((b"",), 0, Ending.CLOSE, Says.APPROVED, is_plain=False),
            {Says.APPROVED, Says.LOST},
        ),
        (Answer((b"",), 0, Ending.RESET, Says.DECLINED, is_plain=True), {Says.DECLINED, Says.LOST}),
        (Answer((b"",), LATE_SECONDS, Ending.HOLD, Says.APPROVED, is_plain=True), {Says.LOST}),
        (Answer((b"",), 0, Ending.CLOSE, Says.LOST, is_plain=True), {Says.LOST}),
    ],
    ids=["plain", "odd", "reset", "late", "lost"],
)
def test_an_answer_allows_what_it_proves(answer: Answer, allowed: set[Says]) -> None:
    """What is proven in time must be believed if it is plain, and nothing else may ever be."""
    assert {each for each in Says if answer.allows(each)} == allowed


def test_guards_make_of_hostile_answers_what_they_prove(tmp_path: Path) -> None:
    """Answers of all kinds, both guards, and the books balance."""
    result = Campaign(tmp_path, seed=1, least=PAYMENTS).run(0.0)
    assert result.problems == []
    assert result.figures["answers compared"] > 0


def test_a_judge_that_is_wrong_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost answer, of which there are many, is taken for a decline."""

    def judge(reception: Reception, expected: Expected, declines: Codes) -> ApprovalVerdict:
        verdict = judge_approval(reception, expected, declines)
        return DeclineProven("8521", "") if isinstance(verdict, AnswerLost) else verdict

    monkeypatch.setattr("netcancel.core.flows.approving.judge_approval", judge)
    monkeypatch.setattr("proof.fuzzing.hostile.campaign.TURNS_OF_CALM", 1)
    problems = Campaign(tmp_path, seed=1, least=PAYMENTS).run(0.0).problems
    assert any("judged declined, proven lost" in each for each in problems)
