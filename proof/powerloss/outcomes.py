"""What images turn out to hold; what was looked at once is known from then on."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

from proof.powerloss.examination import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from proof.powerloss.examination import Place

T = TypeVar("T")

Outcome = Findings | str
"""What a journal says, or why it can't say anything."""


class Outcomes:
    """Looks at images at a place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._of_images: dict[bytes, Outcome] = {}
        self._of_recovered: dict[bytes, Outcome] = {}
        self._of_beginnings: dict[bytes, Outcome] = {}

    def of(self, files: Mapping[str, bytes]) -> Outcome:
        """Open the journal that must be there, and return what it says."""
        return _known(self._of_images, _parts(files), lambda: self._recovered(files))

    def of_beginning(self, files: Mapping[str, bytes]) -> Outcome:
        """Make a journal of what is left, and return what it says."""
        return _known(self._of_beginnings, _parts(files), lambda: self._begun(files))

    def _recovered(self, files: Mapping[str, bytes]) -> Outcome:
        """Recover an image; many images are recovered to the same, byte for byte."""
        self._place.put(files)
        recovered = _tried(self._place.recover)
        if recovered is not None:
            return recovered
        content = _parts(self._place.files())
        return _known(self._of_recovered, content, lambda: _tried(self._place.examine))

    def _begun(self, files: Mapping[str, bytes]) -> Outcome:
        self._place.put(files)
        return _tried(self._place.begin)


def _known(
    known: dict[bytes, Outcome], content: Iterable[bytes], look: Callable[[], Outcome]
) -> Outcome:
    digest = blake2b()
    for part in content:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    key = digest.digest()
    if key not in known:
        known[key] = look()
    return known[key]


def _parts(files: Mapping[str, bytes]) -> Iterable[bytes]:
    for name, content in sorted(files.items()):
        yield name.encode()
        yield content


def _tried(look: Callable[[], T]) -> T | str:
    """Look; where the product gives up, return what it says."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  a damaged journal may make our code raise anything
        return f"{type(error).__name__}: {error}"
