"""The program as a whole: help, version, usage errors, pipes, start-up."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from netcancel.cli.app import COMMANDS, GROUPS

if TYPE_CHECKING:
    from tests.cli.conftest import Run

CHILD = [sys.executable, "-m", "netcancel.cli"]


def test_help_names_every_command(run: Run) -> None:
    """The root's help lists what there is."""
    ran = run("--help")
    assert ran.code == 0
    assert all(f" {name.split()[0]} " in ran.out for name, _, _ in COMMANDS)


@pytest.mark.parametrize("group", GROUPS)
def test_a_groups_help_names_its_commands(run: Run, group: str) -> None:
    """Whoever knows the first word is told the second."""
    ran = run(group, "--help")
    assert ran.code == 0
    seconds = [name.split()[1] for name, _, _ in COMMANDS if name.startswith(f"{group} ")]
    assert all(f" {second} " in ran.out for second in seconds)


@pytest.mark.parametrize("command", [name for name, _, _ in COMMANDS])
def test_every_command_has_a_help(run: Run, command: str) -> None:
    """Each command loads, and says what it does."""
    ran = run(*command.split(), "--help")
    assert ran.code == 0
    assert f"netcancel {command}" in ran.out


def test_the_version_is_printed(run: Run) -> None:
    """--version prints the distribution's version and nothing else."""
    ran = run("--version")
    assert ran.code == 0
    assert ran.out.strip()[0].isdigit()
    assert len(ran.out.split()) == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["statsu"], 'Unknown command "statsu"'),
        (["explain"], "requires an argument"),
        (["explain", "nowhere"], "nowhere"),
        (["list", "--limit", "0"], "--limit must be at least 1"),
        (["list", "--limit", "many"], "--limit"),
        (["list", "--state", "gone"], "--state"),
        (["list", "--jornal", "x"], "--jornal is no option; did you mean --journal?"),
        (["show", "A", "B"], "B"),
    ],
)
def test_wrong_usage_is_one_sentence(run: Run, arguments: list[str], part: str) -> None:
    """Exit 2, one line on the standard error, nothing on the standard output."""
    ran = run(*arguments)
    assert ran.code == 2
    assert part in ran.err
    assert ran.err.startswith("netcancel: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""


def test_help_loads_neither_messages_nor_ciphers() -> None:
    """What costs time to load is loaded by the commands that need it."""
    code = """
import sys
from netcancel.cli import main
main(["--help"])
slow = {"pydantic", "cryptography", "sqlite3", "asyncio"}
print(*slow & set(sys.modules), file=sys.stderr)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    )
    assert ran.stderr.strip() == ""


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "settling"]])
def test_a_broken_pipe_is_silent(arguments: list[str]) -> None:
    """Whoever stops reading gets no traceback."""
    with subprocess.Popen(
        [*CHILD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == ""


def test_a_terminal_without_unicode_gets_numbers() -> None:
    """Characters that the output can't show are printed as escapes; nothing fails."""
    ran = subprocess.run(
        [*CHILD, "explain", "settling"],
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
        timeout=50,
    )
    assert ran.returncode == 0
    assert ran.stdout.isascii()
