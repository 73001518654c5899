"""All checks, one after the other, each bounded in time."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from netcancel.doctor.clock import is_synchronised, synchronisation
from netcancel.doctor.configuration import configuration
from netcancel.doctor.files import files
from netcancel.doctor.gateway import gateway
from netcancel.doctor.journal import journal
from netcancel.doctor.line import Line, fail
from netcancel.errors import NetcancelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from netcancel.settings import Settings

CHECK_SECONDS: Final = 20.0
"""Twice what the slowest part of one may take, the look at the gateway."""


def examine(settings: Settings) -> Iterator[Line]:
    """Yield the lines of all checks, those of each as it comes to its end."""
    yield from bounded("configuration", lambda: configuration(settings))
    yield from bounded("files", lambda: files(settings))
    yield from bounded("clock", lambda: synchronisation(is_synchronised()))
    yield from bounded("journal", lambda: journal(settings))
    yield from bounded("gateway", lambda: gateway(settings))


def bounded(
    name: str, check: Callable[[], Iterable[Line]], *, seconds: float = CHECK_SECONDS
) -> list[Line]:
    """Return a check's lines, those alone that were there in time, and why it ended if it did.

    A disk or a driver that hangs can't be interrupted: the check is left behind in its thread.
    """
    lines: list[Line] = []
    done: Future[None] = Future()

    def run() -> None:
        try:
            for line in check():
                lines.append(line)  # noqa: PERF402  what came before an error counts too
        except NetcancelError as error:
            lines.append(fail(name, str(error)))
        except OSError as error:
            lines.append(fail(name, f"{error.filename or 'this host'}: {error.strerror or error}"))
        except BaseException as error:  # noqa: BLE001  a bug: raised where somebody hears of it
            done.set_exception(error)
            return
        done.set_result(None)

    threading.Thread(target=run, name=f"netcancel-doctor-{name}", daemon=True).start()
    try:
        done.result(seconds)
    except TimeoutError:
        late = fail(
            name, f"no answer within {seconds:g} s", "see what hangs: disk, network, server"
        )
        return [*lines, late]
    return list(lines)
