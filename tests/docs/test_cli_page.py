"""What docs/cli.md says of the commands is what they say themselves."""

import re

import pytest

from netcancel.cli.app import COMMANDS
from netcancel.cli.exits import Exit
from tests.docs.pages import README, text_of
from tools import commands

NAMES = [name for name, _, _ in COMMANDS]


def section(command: str) -> str:
    """Return what the page says of a command."""
    return text_of(commands.PAGE).split(f"\n## {command}\n", maxsplit=1)[1].split("\n## ")[0]


def test_the_page_of_commands_is_current() -> None:
    """docs/cli.md is what `python -m tools.commands` writes now, and the README leads there."""
    assert text_of(commands.PAGE) == commands.render()
    assert "(docs/cli.md)" in text_of(README)


@pytest.mark.parametrize("command", NAMES)
def test_a_command_is_explained(command: str) -> None:
    """With its exit codes, and with every flag that its help knows, each with a word on it."""
    said = section(command)
    assert re.search(r"Ends\s+with\s+0", said)
    flags = set(re.findall(r"--[a-z][a-z-]*", commands.help_of(command)))
    assert {flag for flag in flags if flag not in said} == set()
    entries = commands.entries(commands.help_of(command))
    assert [name for name, says in entries if not says] == []
    assert ("--json" in said) == (command not in {"demo", "proxy", "worker"})


def test_every_exit_code_is_explained() -> None:
    """The page has a row for each."""
    rows = re.findall(r"^\| (\d+) \|", text_of(commands.PAGE), re.MULTILINE)
    assert [int(code) for code in rows] == list(Exit)
