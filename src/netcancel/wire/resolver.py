"""Names to addresses, in threads that nobody waits for at exit.

The system's resolver can't be interrupted and may hang for minutes; whoever asks waits no longer
than its own deadline. Callers who ask for the same name at the same time share one look-up, so a
hanging resolver costs one thread for each gateway. Nothing is remembered: a name may move.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, TypeAlias

from netcancel.futures import SturdyFuture

if TYPE_CHECKING:
    from concurrent.futures import Future

Addresses: TypeAlias = tuple[str, ...]

_lock = threading.Lock()
_running: dict[str, SturdyFuture[Addresses]] = {}


def look_up(host: str) -> Future[Addresses]:
    """Return what will hold the host's IP addresses, or the OSError of the look-up."""
    with _lock:
        future = _running.get(host)
        if future is not None:
            return future
        future = _running[host] = SturdyFuture()
    try:
        threading.Thread(
            target=_resolve, args=(host, future), name="netcancel-resolver", daemon=True
        ).start()
    except RuntimeError:
        _finish(host, future, OSError("no thread could be started"))
    return future


def _resolve(host: str, future: Future[Addresses]) -> None:
    result: Addresses | OSError
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        result = tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    except (OSError, UnicodeError) as error:
        result = error if isinstance(error, OSError) else OSError("not a host name")
    _finish(host, future, result)


def _finish(host: str, future: Future[Addresses], result: Addresses | OSError) -> None:
    with _lock:
        _running.pop(host, None)
    if isinstance(result, OSError):
        future.set_exception(result)
    else:
        future.set_result(result)


def _forget() -> None:
    # In a forked child the threads are gone and the lock may have been held by one of them.
    global _lock  # noqa: PLW0603  a lock can't be made new in place
    _lock = threading.Lock()
    _running.clear()


os.register_at_fork(after_in_child=_forget)
