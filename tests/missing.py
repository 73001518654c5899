"""The only way for a test to be skipped: something outside the project isn't on this machine."""

import os
from typing import NoReturn

import pytest

PREFIX = "missing here: "


def missing(what: str) -> NoReturn:
    """Skip the test (or the module) that calls, and say what is missing; with CI=true, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{PREFIX}{what} (with CI=true nothing may be missing)", pytrace=False)
    pytest.skip(f"{PREFIX}{what}", allow_module_level=True)
