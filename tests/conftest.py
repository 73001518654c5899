"""What holds for the whole run: canaries, counted skips, and a state directory of its own."""

import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.canaries import leaks_in, redact
from tests.missing import PREFIX

# A slow machine decides no test; a failure found by chance says how to find it again.
hypothesis.settings.register_profile(
    "netcancel",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("netcancel")


# A shell that starts the run in the background has it, and all its children, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _world_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the machine's settings away from the tests, and their keys out of the home directory."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("NETCANCEL_") and not name.startswith("NETCANCEL_TEST_"):
                patch.delenv(name)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a database of this process's own, on the run's PostgreSQL."""
    from tests.servers.databases import postgres

    with postgres(*_place_and_name(tmp_path_factory)) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_database: str) -> str:
    """Return the URL of an empty PostgreSQL database."""
    from tests.servers.databases import empty_postgres

    empty_postgres(postgres_database)
    return postgres_database


@pytest.fixture(scope="session")
def mysql_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a database of this process's own, on the run's MariaDB."""
    from tests.servers.databases import mysql

    with mysql(*_place_and_name(tmp_path_factory)) as url:
        yield url


@pytest.fixture
def mysql_url(mysql_database: str) -> str:
    """Return the URL of an empty database of MariaDB."""
    from tests.servers.databases import empty_mysql

    empty_mysql(mysql_database)
    return mysql_database


def _place_and_name(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return what is shared by the run's processes, and a name of this process's own."""
    base, worker = tmp_path_factory.getbasetemp(), os.environ.get("PYTEST_XDIST_WORKER")
    return (base, "netcancel_main") if worker is None else (base.parent, f"netcancel_{worker}")


class CanaryHandler(logging.Handler):
    """Notes every log record that shows a canary: its text, traceback, arguments or extras."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note the record; leave it to others to write it."""
        for name in leaks_in(self.format(record) + repr(vars(record))):
            self.noted.append(f"a record of logger {record.name!r} shows the {name} canary")

    def take(self) -> list[str]:
        """Return what was noted since the last call."""
        noted, self.noted = self.noted, []
        return noted


_handler = CanaryHandler()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart() -> None:
    """Attach the handler again before each test: `logging.basicConfig(force=True)` removes it."""
    if _handler not in logging.root.handlers:
        logging.root.addHandler(_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail the test in whose logs, output or failure a canary shows, and redact the report."""
    report = yield
    found = _handler.take()
    for title, text in report.sections:
        if title.endswith(call.when):  # earlier phases have been judged
            found += [f"{title!r} shows the {name} canary" for name in leaks_in(text)]
    found += [f"the failure shows the {name} canary" for name in leaks_in(report.longreprtext)]
    report.sections = [(title, redact(text)) for title, text in report.sections]
    if found:
        failure = redact(report.longreprtext)
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)  # else pytest forgives it in the exit status
        report.longrepr = "\n".join([failure, f"{item.nodeid} leaks:", *found]).lstrip()
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped because something is missing, and what."""
    reasons = [
        report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and PREFIX in report.longrepr[2]
    ]
    whats = sorted({reason.split(PREFIX, 1)[1] for reason in reasons})
    terminalreporter.write_line(
        f"skipped because something is missing: {len(reasons)}"
        + "".join(f"\n  {what}" for what in whats)
    )
