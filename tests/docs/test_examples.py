"""The examples run as they are printed, against a sandbox."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest

from netcancel.sandbox import Sandbox
from netcancel.settings import SETTINGS
from tests.docs.pages import PAGES, README, fences_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NEEDS_ENVIRONMENT = "Guard.from_env()"
EXAMPLES = [(page, text) for page in PAGES for text in fences_of(page, "python")]
OWN = [(page, text) for page, text in EXAMPLES if NEEDS_ENVIRONMENT not in text]
FIRST = fences_of(README, "python")[0]

BRANCHES = ["ship", "refuse", "ask_to_pay_again", "ship_nothing"]
"""The functions that the README's first example leaves to its reader."""


@pytest.fixture
def van(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return a sandbox to which the README's settings lead, with values of its own."""
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret"
    with Sandbox() as sandbox:
        secret.write_text(sandbox.credentials.secret_key, encoding="utf-8")
        values = {
            "NETCANCEL_BASE_URL": sandbox.base_url,
            "NETCANCEL_CHANNEL_ID": sandbox.credentials.channel_id,
            "NETCANCEL_SECRET_KEY_FILE": str(secret),
            "NETCANCEL_TID": sandbox.merchant.tid,
            "NETCANCEL_SVC_ID": sandbox.merchant.svc_id,
            "NETCANCEL_BIZR_NO": sandbox.merchant.bizr_no,
            "NETCANCEL_JOURNAL": "sqlite:///payments.db",
        }
        for name in exported():
            monkeypatch.setenv(name, values[name])
        yield sandbox


def exported() -> list[str]:
    """Return the settings that the README exports."""
    return [
        name
        for text in fences_of(README, "sh")
        for name in re.findall(r"^export (\w+)=", text, re.MULTILINE)
    ]


def note(taken: list[str], name: str, *_: object) -> None:
    """Stand in for a function of the reader's."""
    taken.append(name)


def run(text: str, page: Path, names: Mapping[str, object] | None = None) -> None:
    """Run an example as a program of its own."""
    exec(compile(text, name_of(page), "exec"), {"__name__": "__main__", **(names or {})})  # noqa: S102  the example is what is tested


@pytest.mark.parametrize(
    ("faults", "branch", "charges"),
    [
        ([], "ship", ["live"]),
        (["decline"], "refuse", []),
        (["commit-then-reset"], "ask_to_pay_again", ["voided"]),
        (["commit-then-reset", "net-cancel-refused:1.0"], "ship_nothing", ["live"]),
    ],
)
def test_the_first_example_tells_all_four_outcomes(
    van: Sandbox, faults: list[str], branch: str, charges: list[str]
) -> None:
    """With the README's settings, the README's example takes the branch that its words promise."""
    for fault in faults:
        name, _, rate = fault.partition(":")
        van.inject(name, rate=float(rate) if rate else None)
    taken: list[str] = []
    names = {name: partial(note, taken, name) for name in BRANCHES}
    run(FIRST, README, names)
    assert taken == [branch]
    assert [charge["status"] for charge in van.charges()] == charges


def test_there_is_one_example_that_needs_settings() -> None:
    """Every other example brings its own sandbox and is run as it stands."""
    assert [text for _, text in EXAMPLES if NEEDS_ENVIRONMENT in text] == [FIRST]


@pytest.mark.parametrize(("page", "text"), OWN, ids=[name_of(page) for page, _ in OWN])
def test_an_example_runs_as_printed(page: Path, text: str) -> None:
    """An example does what its assertions say."""
    assert "assert" in text
    run(text, page)


def test_the_settings_of_the_readme_exist() -> None:
    """Each variable that the README exports is a setting, or the file of a secret one."""
    known = {each.variable for each in SETTINGS}
    known |= {f"{each.variable}_FILE" for each in SETTINGS if each.secret}
    assert exported()
    assert set(exported()) <= known
