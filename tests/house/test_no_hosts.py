"""No file says where packages come from, or where it was written."""

import re
from pathlib import Path

import pytest

from tests.house.tree import name_of, tracked_files

# Written so that this file doesn't find itself.
HOST = re.compile(r"pypi[.]org|python[h]osted|npmjs[.]|/simple[/]", re.IGNORECASE)
INDEX_OPTION = re.compile(
    r"--(?:extra-)?index-url|--find-[l]inks|--trusted-[h]ost|--default-[i]ndex"
)
PLACE = re.compile(r"(?<![\w.~])/(?:work|root)/")
LOCK = re.compile(r"(?:^|/)(?:uv[.]lock|pylock(?:[.].+)?[.]toml|pip[.]conf|uv[.]toml)$")


def lines_with(pattern: re.Pattern[str], path: Path) -> list[str]:
    """Return the lines of a text file that match; none of a binary one."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    lines = enumerate(text.splitlines(), start=1)
    return [f"{name_of(path)}:{number}: {line}" for number, line in lines if pattern.search(line)]


@pytest.mark.parametrize("pattern", [HOST, INDEX_OPTION, PLACE], ids=["host", "option", "place"])
def test_no_file_names_a_package_host_or_a_place_on_one_machine(pattern: re.Pattern[str]) -> None:
    """The project can be set up wherever pip can."""
    assert [line for path in tracked_files() for line in lines_with(pattern, path)] == []


def test_no_lock_file_with_hosts_is_there() -> None:
    """Files that record hosts stay out of the repository."""
    assert [name for path in tracked_files() if LOCK.search(name := name_of(path))] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (HOST, "https://pypi" + ".org/simple"),
        (HOST, "https://files.python" + "hosted.org/packages"),
        (HOST, "http://mirror.example/" + "simple/"),
        (INDEX_OPTION, "--index" + "-url https://mirror.example"),
        (INDEX_OPTION, "--extra-index" + "-url=https://mirror.example"),
        (PLACE, "cd /" + "work/main"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    """Each pattern matches an example of what it keeps out."""
    assert pattern.search(line)


def test_the_option_that_leaves_hosts_out_is_no_find() -> None:
    """The Makefile may tell the compiler to leave the index out."""
    assert not INDEX_OPTION.search("uv pip compile --no-emit-index-url")
