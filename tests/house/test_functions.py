"""Sizes that one can hold in one's head."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import SOURCES, name_of, syntax_of

FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 600


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_and_modules_are_short(path: Path) -> None:
    """No function of the package is longer than 60 lines, no module longer than 600."""
    functions = [
        node
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_MAX} == {}
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES_MAX
