"""Where twins are made and tried: copies of the project in temporary directories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from proof.twins.twin import broken_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.twins.twin import Edit, Killer

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("src", "tests", "campaigns", "proof", "pyproject.toml")
"""What a killer may need."""

PATIENCE_SECONDS: Final = 600.0
"""No killer takes as long; one that hangs has not said that it found anything."""

COLUMNS: Final = "300"
"""Wide enough for a test's reason."""


class Astray(Exception):
    """A copy in which Python imports another netcancel than the copy's own."""


class Found(StrEnum):
    """What a killer found in a copy."""

    NOTHING = "alive"
    SOMETHING = "killed"
    UNCLEAR = "NOT SAID"
    """It could not be run to its end, or stumbled over something else."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of letting a killer loose on a copy."""

    killer: Killer
    found: Found
    seconds: float
    said: str

    @property
    def why(self) -> str:
        """What it found, in a line; empty: nothing, or nothing of its kind."""
        return self.killer.finding(self.said) or ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the project, in which everything runs with its own source."""

    root: Path

    @classmethod
    def make(cls, root: Path, edits: Sequence[Edit]) -> Copy:
        """Copy the project to a new directory and make edits there; raises `Stale`, `Astray`."""
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, root / part)
            else:
                shutil.copy2(ROOT / part, root / part)
        for path, text in broken_files(root, edits).items():
            path.write_text(text, "utf-8")
        copy = cls(root)
        copy.check()
        return copy

    def check(self) -> None:
        """Raise `Astray` unless the copy's own source is what is imported in it."""
        where = "import importlib.util; print(importlib.util.find_spec('netcancel').origin)"
        origin = Path(self._run([sys.executable, "-c", where]).stdout.strip())
        if origin != self.root / "src" / "netcancel" / "__init__.py":
            raise Astray(f"{self.root} would try {origin}")

    def try_on(self, killer: Killer) -> Trial:
        """Let a killer loose."""
        begun = time.monotonic()
        try:
            run = self._run(killer.command)
        except subprocess.TimeoutExpired:
            return Trial(killer, Found.UNCLEAR, PATIENCE_SECONDS, "it hangs")
        said = f"exit code {run.returncode}\n{run.stdout}{run.stderr}"
        return Trial(killer, _found(killer, run), time.monotonic() - begun, said)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NETCANCEL_", "PYTEST_"))}
        paths = os.pathsep.join([str(self.root / "src"), str(self.root)])
        # Runs of pytest that share a place for their files stumble over each other's cleaning up.
        with tempfile.TemporaryDirectory(prefix="netcancel-trial-") as place:
            ours = {"PYTHONPATH": paths, "COLUMNS": COLUMNS, "PYTEST_DEBUG_TEMPROOT": place}
            return subprocess.run(  # noqa: S603  of our own words
                command,
                cwd=self.root,
                env=clean | ours,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )


def _found(killer: Killer, run: subprocess.CompletedProcess[str]) -> Found:
    """Say what an end means: who ends with 1 must say what for."""
    if run.returncode == 0:
        return Found.NOTHING
    says = run.returncode == 1 and killer.finding(run.stdout) is not None
    return Found.SOMETHING if says else Found.UNCLEAR
