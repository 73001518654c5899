"""doctor: what it prints, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change
from tests.cli.test_approving import FLAGS
from tests.docs.pages import ROOT, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.journal import Journal
    from netcancel.sandbox import Sandbox
    from tests.cli.conftest import Plant, Run


CHECKS = {
    *("configuration", "files", "clock", "journal", "vault", "payments", "recovery", "gateway")
}


@pytest.fixture
def sound(run: Run, van: Sandbox, place: Path) -> Sandbox:
    """Return a world in which a payment was made and nothing is wrong but what a sandbox lacks."""
    place.chmod(0o700)
    assert run("approve", *FLAGS).code == 0
    return van


@pytest.mark.usefixtures("sound")
def test_a_sound_world_ends_with_0(run: Run) -> None:
    """There may be warnings; each line has its check, what was found and what to do."""
    ran = run("doctor", "--json")
    document = ran.document
    assert ran.code == 0, [line for line in document["lines"] if line["level"] == "fail"]
    assert {line["check"] for line in document["lines"]} == CHECKS
    assert document["counts"]["fail"] == 0
    assert sum(document["counts"].values()) == len(document["lines"])
    assert all(line["advice"] for line in document["lines"] if line["level"] == "warn")


def test_every_check_is_explained() -> None:
    """Each has its row in the page."""
    assert {row[0] for row in rows_of(ROOT / "docs" / "operations.md", "Doctor")} == CHECKS


def test_a_mistake_ends_with_1(run: Run, sound: Sandbox, place: Path) -> None:
    """What fails is told with what to do, in words too; nothing was asked of the gateway."""
    (place / "netcancel.db").chmod(0o644)
    before = len(sound.requests())
    ran = run("doctor")
    assert ran.code == 1
    assert "fail  files          the journal: " in ran.out
    assert f"do: chmod 600 {place}/netcancel.db" in ran.out
    assert ran.out.splitlines()[-1].endswith(" fail")
    assert all(request["method"] == "HEAD" for request in sound.requests()[before:])
    assert [charge["status"] for charge in sound.charges()] == ["live"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--tiemout-seconds", "3"), "did you mean --timeout-seconds"),
        (("--settle-seconds", "soon"), "--settle-seconds must be a number"),
        (("--secret-key-file", "nowhere"), "can't be read"),
    ],
)
def test_settings_that_cannot_be_read_end_with_2(
    run: Run, flags: tuple[str, str], words: str
) -> None:
    """There is nothing that could be checked."""
    ran = run("doctor", *flags)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


def test_settings_that_contradict_each_other_end_with_1(run: Run) -> None:
    """They can be read, and the other checks go on."""
    ran = run("doctor", "--lease-seconds", "1", "--json")
    assert ran.code == 1
    found = [line["found"] for line in ran.document["lines"] if line["level"] == "fail"]
    assert any("lease_seconds must be at least" in text for text in found)
    assert any("there is no journal" in text for text in found)


@pytest.mark.usefixtures("van")
def test_a_gateways_code_does_nothing_to_a_terminal(
    run: Run, plant: Plant, journal: Journal
) -> None:
    """Control characters in what was once answered are shown, not obeyed."""
    refused = Change(code="\x1b[3m", due_seconds=60.0)
    payment = plant("A", "net_cancelling")
    journal.move_if_unchanged(payment, Event.NOT_ACKNOWLEDGED, "f00d", refused).result()
    out = run("doctor").out
    assert "\x1b" not in out
    assert "refused with \\u001b[3m, which nobody has configured" in out
