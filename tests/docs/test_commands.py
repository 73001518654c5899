"""The commands that the pages name are there, and all of them are named."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from netcancel.cli.app import COMMANDS, GROUPS, make_app
from tests.docs.pages import PAGES, ROOT, commands_in, text_of

NAMES = {name for name, _, _ in COMMANDS}
USED = sorted({command for page in PAGES for command in commands_in(page)})


@pytest.mark.parametrize("command", USED)
def test_a_command_that_is_named_exists(command: str) -> None:
    """Each `netcancel …` of the pages is a command, with options that its help knows."""
    name, *rest = words = command.split()
    if name in GROUPS:
        name, rest = " ".join(words[:2]), words[2:]
    assert name in NAMES
    said = io.StringIO()
    make_app().help_print(name.split(), console=Console(file=said, width=200))
    options = {word for word in rest if word.startswith("--")}
    assert {option for option in options if option not in said.getvalue()} == set()


def test_every_command_is_named() -> None:
    """No command is left out of the pages."""
    used = {command.split()[0] for command in USED}
    used |= {" ".join(command.split()[:2]) for command in USED}
    assert used >= NAMES


def test_a_target_of_make_that_is_named_exists() -> None:
    """Each `make …` of the pages is a target."""
    targets = set(re.findall(r"^([a-z]+):.*## ", text_of(ROOT / "Makefile"), re.MULTILINE))
    everything = "\n".join(text_of(page) for page in PAGES)
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", everything, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets
