"""The inputs that are kept: one file each, named by what it proves of an approval, and why.

`bodies/lost-respcd-is-null` is the body of an answer that proves nothing; `answers/` holds whole
HTTP answers as bytes. A finding has no name yet: whoever mends it gives it one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from proof.fuzzing.checks import check_answer, check_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proof.fuzzing.oracle import Says

CORPUS: Final = Path(__file__).parent / "corpus"

CHECKS: Final[Mapping[str, Callable[[bytes], Says]]] = MappingProxyType(
    {"bodies": check_body, "answers": check_answer}
)
"""Each kind of input, and what compares product and oracle on it."""


def files(kind: str) -> list[Path]:
    """List the kept inputs of a kind."""
    return sorted((CORPUS / kind).iterdir())


def keep_finding(kind: str, data: bytes) -> Path:
    """Make a finding small and write it down."""
    small = smallest(data, lambda part: fails(kind, part))
    path = CORPUS / kind / f"finding-{hashlib.sha256(small).hexdigest()[:12]}"
    path.write_bytes(small)
    return path


def fails(kind: str, data: bytes) -> bool:
    """Tell whether an input shows a difference between product and oracle, or a crash of either."""
    try:
        CHECKS[kind](data)
    except Exception:  # noqa: BLE001  whatever is raised is a finding
        return True
    return False


def smallest(data: bytes, still_fails: Callable[[bytes], bool]) -> bytes:
    """Take out pieces, halves first and single bytes last, until none can go."""
    size = len(data) // 2
    while size:
        before, at = data, 0
        while at < len(data):
            without = data[:at] + data[at + size :]
            if still_fails(without):
                data = without
            else:
                at += size // 8 + 1
        if data == before:
            size -= size // 16 + 1
    return data
