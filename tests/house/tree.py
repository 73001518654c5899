"""The project's own files, as the tests of the house read them."""

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.missing import missing

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "netcancel"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a path as one reads it in a failure: relative to the project."""
    return path.relative_to(ROOT).as_posix()


@cache
def syntax_of(path: Path) -> ast.Module:
    """Parse a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def tracked_files() -> list[Path]:
    """List the files that git has or would take, apart from deleted ones."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        missing("a git checkout")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
