"""The watch over planted secrets is itself watched: each way to leak one fails a test."""

import pytest

from tests.canaries import CARD, SECRET, TOKEN, leaks_in, redact
from tests.house.tree import ROOT

HEAD = """
import logging, pytest, subprocess, sys, threading
from tests.canaries import CARD, SECRET, TOKEN
"""

LEAKS = {
    "log": "logging.getLogger('a.b').debug('sent %s', TOKEN)",
    "log_argument": "logging.info('%.1s', TOKEN)",
    "log_extra": "logging.info('sent', extra={'headers': {'key': SECRET}})",
    "log_traceback": """
    try:
        raise ValueError(CARD)
    except ValueError:
        logging.exception('failed')""",
    "log_in_a_thread": """
    thread = threading.Thread(target=logging.info, args=(TOKEN,))
    thread.start()
    thread.join()""",
    "stdout": "print('card', CARD)",
    "stderr": "print(SECRET, file=sys.stderr)",
    "child": "subprocess.run([sys.executable, '-c', f'print({TOKEN!r})'], check=True)",
    "part_of_a_token": "print(TOKEN[:12] + '...')",
    "end_of_a_secret": "print('...' + SECRET[-12:])",
    "failure": "raise ValueError(f'no such token: {TOKEN}')",
    "expected_failure": "pytest.xfail(CARD)",
}

# What takes the handler away, and a leak after it that only the handler sees.
AFTER_RESET = """
def test_reset():
    logging.basicConfig(force=True)

def test_after_reset():
    logging.getLogger('a.b').warning('%.1s', SECRET)
"""

FIXTURES = """
@pytest.fixture
def leaks_before():
    print(TOKEN)

def test_before(leaks_before):
    pass

@pytest.fixture
def leaks_after():
    yield
    print(TOKEN)

def test_after(leaks_after):
    pass

def test_clean():
    print(CARD[:6] + '*' * 6 + CARD[-4:])
    logging.info('%d bytes', len(TOKEN + SECRET))
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a place for test files that run under this project's conftest, in a child process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a faster start
    pytester.makeini(
        "[pytest]\nlog_level = DEBUG\naddopts = -p xdist -p tests.conftest -p no:cacheprovider"
    )
    return pytester


def test_every_leak_fails_its_test_and_is_not_repeated(run: pytest.Pytester) -> None:
    """A canary in a log, an output or a failure turns a test red, and the report redacts it."""
    leaks = [f"def test_{name}():\n    {code}\n" for name, code in LEAKS.items()]
    run.makepyfile("\n".join([HEAD, *leaks, AFTER_RESET]))
    result = run.runpytest_subprocess("-n", "2")
    result.assert_outcomes(failed=len(LEAKS) + 1, passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines_random(
        [f"*::test_{name} leaks:" for name in [*LEAKS, "after_reset"]]
    )
    assert leaks_in(result.stdout.str() + result.stderr.str()) == []


def test_a_leak_in_a_fixture_is_an_error(run: pytest.Pytester) -> None:
    """What is printed before or after a test counts, once; a masked card and a length don't."""
    run.makepyfile(HEAD + FIXTURES)
    result = run.runpytest_subprocess()
    result.assert_outcomes(errors=2, passed=2)
    assert leaks_in(result.stdout.str()) == []


def test_an_expected_failure_that_leaks_turns_the_run_red(run: pytest.Pytester) -> None:
    """An xfail doesn't hide a leak from the exit status."""
    run.makepyfile(f"{HEAD}\ndef test_it():\n    {LEAKS['expected_failure']}\n")
    assert run.runpytest_subprocess().ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("value", [TOKEN, SECRET, CARD])
def test_parts_are_found_and_redacted(value: str) -> None:
    """A canary, its beginning and its end are named, and then gone."""
    for text in (value, value[:10], value[-10:]):
        assert len(leaks_in(f"<{text}>")) == 1
        assert leaks_in(redact(f"<{text}>")) == []


def test_canaries_fit_where_they_are_planted() -> None:
    """The token fits the manual's shorter field (40 bytes); the card has a valid check digit."""
    assert len(TOKEN) <= 40
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(CARD)]
    assert len(CARD) == 16
    assert sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
