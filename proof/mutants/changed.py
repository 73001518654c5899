"""Which functions differ from those of an earlier commit."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

from proof.evidence import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def changed_functions(path: Path, since: str) -> set[str]:
    """Return the qualified names of the functions in a file whose code `since` hasn't."""
    now, then = functions(path.read_text("utf-8")), functions(_source_at(path, since))
    return {name for name, tree in now.items() if then.get(name) != tree}


def functions(source: str) -> dict[str, str]:
    """Return the functions of a module by qualified name, each as its syntax tree, written out."""
    found: dict[str, str] = {}

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + node.name] = ast.dump(node)
            elif isinstance(node, ast.ClassDef):
                look(node.body, f"{prefix}{node.name}.")

    look(ast.parse(source).body, "")
    return found


def _source_at(path: Path, commit: str) -> str:
    """Return a file as it was, in a commit or a tree; one that wasn't there yet is empty."""
    _git("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}").check_returncode()
    there = _git("show", f"{commit}:{path.relative_to(ROOT)}")
    return "" if there.returncode else there.stdout


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  of our own words
        ["git", "-C", str(ROOT), *arguments],  # noqa: S607  the machine's own git
        capture_output=True,
        check=False,
        text=True,
    )
