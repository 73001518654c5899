"""Run the tests against mutants: a pytest plugin that takes the place of pytest's own loop.

First every test runs once, and the lines that it executes are recorded. Then each mutant gets a
fork of this process: there, the changed function gets its changed code, and the tests that execute
the changed lines run, the fastest first, until one fails. What functions have
cached is forgotten before each test that is recorded, and before the forks: each begins without.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import signal
import time
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from functools import _lru_cache_wrapper
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from proof.mutants.mutations import Mutant

CPU_TIMES_MAX: Final = 4
CPU_SECONDS_MORE: Final = 5
"""A mutant whose tests use so many times what they used, and this much more, runs in circles."""

SECONDS_MAX: Final = 1_800
"""A mutant that uses no processor waits for what never comes; a busy machine takes its time too."""

MEMORY_MAX: Final = 2 * 2**30
"""A loop without an end must not take the machine's memory."""


UNTRIED: Final = 70
"""How a fork ends that could not even begin."""

_Place = tuple[str, str, int]
"""Where a function is written: its file, its qualified name and its first line."""


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "endless"
    """Killed too: it ran in circles, or waited for ever."""
    SURVIVED = "survived"


@dataclass(slots=True)
class Trial:
    """One pytest session that tries mutants; `tell` hears of each fate."""

    mutants: Sequence[Mutant]
    processes: int
    tell: Callable[[Mutant, Fate], None]
    seconds: float = float("inf")
    """No mutant is begun when they have been tried for so long, the recording not counted."""
    _tests_of: dict[Path, dict[int, set[str]]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _functions: dict[_Place, list[FunctionType]] = field(default_factory=dict)
    _running: dict[int, Mutant] = field(default_factory=dict)

    def pytest_collection(self) -> None:
        """Draw the same examples in every run: a mutant's fate must not be luck."""
        import hypothesis  # noqa: PLC0415  pytest must be there first

        same = hypothesis.settings(
            hypothesis.settings.get_profile("netcancel"), derandomize=True, database=None
        )
        hypothesis.settings.register_profile("mutants", same)
        hypothesis.settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Record, then try the mutants."""
        self._record(session.items)
        until = time.monotonic() + self.seconds
        for mutant in self.mutants:
            if time.monotonic() >= until:
                break
            if len(self._running) >= self.processes:
                self._await_one()
            self._begin(mutant, session.items)
        while self._running:
            self._await_one()
        return True

    def _record(self, items: Sequence[pytest.Item]) -> None:
        coverage = Coverage(data_file=None, include=sorted({str(m.path) for m in self.mutants}))
        caches = caches_here()
        coverage.start()
        for item, following in zip(items, [*items[1:], None], strict=True):
            for cached in caches:
                cached.cache_clear()
            coverage.switch_context(item.nodeid)
            begun = time.process_time()
            if _fails(item, following):
                raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
            self._seconds[item.nodeid] = time.process_time() - begun
        coverage.stop()
        for cached in caches:
            cached.cache_clear()
        self._functions = _functions_here()
        gc.freeze()  # what is shared with the forks isn't copied by their collections
        data = coverage.get_data()
        for path in {mutant.path for mutant in self.mutants}:
            tests: dict[int, set[str]] = defaultdict(set)
            for line, names in data.contexts_by_lineno(str(path)).items():
                tests[line].update(names)
            self._tests_of[path] = tests

    def _begin(self, mutant: Mutant, items: Sequence[pytest.Item]) -> None:
        lines = self._tests_of[mutant.path]
        names = {name for line in mutant.lines for name in lines.get(line, ())}
        chosen = sorted(
            (item for item in items if item.nodeid in names),
            key=lambda item: self._seconds[item.nodeid],
        )
        changed = self._functions[_place(_code_of(mutant, mutant.path.read_text("utf-8")))]
        seconds = sum(self._seconds[item.nodeid] for item in chosen)
        child = os.fork()
        if child == 0:
            status = UNTRIED
            try:
                status = _try(mutant, changed, chosen, seconds)
            finally:
                os._exit(status)
        self._running[child] = mutant

    def _await_one(self) -> None:
        child, status = os.waitpid(-1, 0)
        mutant = self._running.pop(child)
        self.tell(mutant, _fate(mutant, os.waitstatus_to_exitcode(status)))


def _fate(mutant: Mutant, exit_code: int) -> Fate:
    if exit_code == UNTRIED:
        raise RuntimeError(f"{mutant.name} can't be changed: {mutant.change}")
    if exit_code < 0:
        return Fate.ENDLESS
    return Fate.KILLED if exit_code else Fate.SURVIVED


def _try(
    mutant: Mutant,
    functions: Sequence[FunctionType],
    items: Sequence[pytest.Item],
    seconds: float,
) -> int:
    """Return 1 if a test notices the mutant; this process ends with it."""
    limit = math.ceil(seconds * CPU_TIMES_MAX) + CPU_SECONDS_MORE
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS_MAX)
    code = _code_of(mutant, mutant.source)
    for function in functions:
        function.__code__ = code
    try:
        return int(any(_fails(item, following) for item, following in _pairs(items)))
    except BaseException:  # noqa: BLE001  whatever gets past pytest has been noticed
        return 1


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=False)


def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def _functions_here() -> dict[_Place, list[FunctionType]]:
    """Find every function, wherever it is held, by where it is written."""
    # Not by its code: code that has run differs, inside, from code that is only compiled.
    found: dict[_Place, list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            found[_place(thing.__code__)].append(thing)
    return found


def caches_here() -> list[_lru_cache_wrapper[Any]]:
    """Find the caches of the product's functions: what they remember, nobody sees them do."""
    return [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, _lru_cache_wrapper) and thing.__module__.startswith("netcancel.")
    ]


def _place(code: CodeType) -> _Place:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _code_of(mutant: Mutant, source: str) -> CodeType:
    """Return the code of the mutant's function in a source of its module."""
    waiting = [compile(source, str(mutant.path), "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        if code.co_qualname == mutant.function:
            return code
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    raise LookupError(f"{mutant.path} has no function {mutant.function}")


def run(trial: Trial, tests: Path) -> int:
    """Try the mutants; return pytest's exit status, 0 unless the tests can't run."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main([*options, str(tests)], plugins=[trial]))
