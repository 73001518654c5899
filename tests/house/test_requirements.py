"""The pinned requirements: complete, hashed and agreeing with each other."""

import re
import tomllib

import pytest

from tests.house.tree import ROOT

FOLDER = ROOT / "requirements"
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def pins(name: str) -> dict[str, str]:
    """Return {package: everything said of it} of a compiled file."""
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return {line.split("==")[0]: line for line in text.splitlines() if line.strip()}


def wanted(name: str) -> set[str]:
    """Return the packages that an .in file asks for."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return {match[0] for line in lines if (match := NAME.match(line))}


def dependencies() -> set[str]:
    """Return the packages that the library itself needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {match[0] for line in project["dependencies"] if (match := NAME.match(line))}


def extras() -> set[str]:
    """Return the packages that the library's extras need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [line for lines in project["optional-dependencies"].values() for line in lines]
    return {match[0] for line in lines if (match := NAME.match(line))}


@pytest.mark.parametrize("name", ["uv.txt", "run.txt", "dev.txt"])
def test_every_pin_has_hashes(name: str) -> None:
    """Each line pins one version by == and carries at least one sha256."""
    assert [
        line
        for line in pins(name).values()
        if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_everything_asked_for_is_pinned() -> None:
    """What pyproject.toml and the .in files name is in the compiled files: `make lock` was run."""
    assert wanted("uv.in") <= set(pins("uv.txt"))
    assert dependencies() | wanted("run.in") <= set(pins("run.txt"))
    assert dependencies() | wanted("run.in") | wanted("dev.in") <= set(pins("dev.txt"))
    assert extras() <= set(pins("dev.txt"))


def test_running_and_developing_use_the_same_versions() -> None:
    """run.txt is a part of dev.txt, hash by hash."""
    assert pins("run.txt").items() <= pins("dev.txt").items()
