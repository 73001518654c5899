"""How complete the types are that callers get, as the second type checker measures it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import netcancel
from tests.house.tree import ROOT


@pytest.fixture(scope="module")
def symbols() -> list[dict[str, Any]]:
    """Return what basedpyright knows of every symbol of the installed package."""
    scripts = Path(sys.executable).parent
    result = subprocess.run(
        [
            scripts / "basedpyright",
            "--verifytypes",
            "netcancel",
            "--ignoreexternal",
            "--outputjson",
        ],
        cwd=ROOT,
        # It looks for the package in the environment of the first python on the path.
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        check=False,  # its exit status also speaks of types that no caller sees
        capture_output=True,
        text=True,
        timeout=50,
    )
    found: list[dict[str, Any]] = json.loads(result.stdout)["typeCompleteness"]["symbols"]
    return found


def test_no_type_is_unknown(symbols: list[dict[str, Any]]) -> None:
    """Every symbol of every module has a type that the checker knows, or can infer."""
    assert len(symbols) > len(netcancel.__all__)
    assert [
        symbol["name"]
        for symbol in symbols
        if not symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]
    ] == []


def test_public_attributes_are_typed_without_inference(symbols: list[dict[str, Any]]) -> None:
    """Each attribute of a public class is annotated: every checker reads the same type.

    Methods aren't asked: an argument's type counts as ambiguous for what is inside its class.
    """
    homes = tuple(
        f"{value.__module__}.{name}."
        for name in netcancel.__all__
        if isinstance(value := getattr(netcancel, name), type)
    )
    variables = {
        symbol["name"]: symbol["isTypeAmbiguous"]
        for symbol in symbols
        if symbol["category"] == "variable" and symbol["name"].startswith(homes)
    }
    assert variables
    assert [name for name, is_ambiguous in variables.items() if is_ambiguous] == []
