"""A journal's writer without its thread, for worlds in which nothing happens at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from netcancel.futures import SturdyFuture
from netcancel.journal.batch import Session, Task, close_session, serve
from netcancel.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.journal.batch import Work

S = TypeVar("S", bound=Session)
T = TypeVar("T")


class AtOnce(Writer[S], Generic[S]):
    """Serves each work when it is handed over, as a batch of its own."""

    def __init__(self, connect: Callable[[], S]) -> None:
        super().__init__(connect)
        self._connects = connect
        self._session: S | None = None

    def submit(self, work: Work[Any, T], *, writes: bool) -> SturdyFuture[T]:
        """Do a work, and commit it."""
        future = SturdyFuture[T]()
        self._session = serve(self._connects, self._session, [Task(work, writes, future)])
        return future

    def close(self) -> None:
        """Close the session; the next work opens another."""
        close_session(self._session)
        self._session = None
