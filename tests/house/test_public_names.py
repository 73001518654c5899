"""The names that callers may rely on."""

import ast
import subprocess
import sys

import pytest

import netcancel
from tests.house.tree import PACKAGE, syntax_of

PUBLIC_NAMES = set(
    "Guard AsyncGuard Client AsyncClient Merchant Credentials Policy"
    " ApprovalRequest CancelRequest NetCancelRequest"
    " Approved Declined NetCancelled InDoubt Outcome Loss State Payment"
    " NetcancelError InvalidRequest DuplicateTransaction TooManyInDoubt JournalUnavailable"
    " PaymentNotFound PaymentNotApproved ConfirmationMissed ConfigurationError"
    " Cancelled CancelRefused CancelOutcome Network".split()
)


def test_the_public_names_are_those_of_the_contract() -> None:
    """Nothing is missing, and nothing became public by accident."""
    assert set(netcancel.__all__) == PUBLIC_NAMES


def test_the_public_names_are_sorted() -> None:
    """A reader finds a name where the alphabet puts it, once."""
    assert list(netcancel.__all__) == sorted(set(netcancel.__all__))


def test_every_public_name_is_there() -> None:
    """Each name in __all__ can be imported."""
    assert [name for name in netcancel.__all__ if not hasattr(netcancel, name)] == []


def test_type_checkers_and_python_find_the_names_in_the_same_places() -> None:
    """What netcancel/__init__.py imports for type checkers is what it loads on first use."""
    imports = [
        node for node in ast.walk(syntax_of(PACKAGE / "__init__.py"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("netcancel")
    ]  # fmt: skip
    told = {alias.name: node.module for node in imports for alias in node.names}
    loaded = {name: home for home, names in netcancel._HOMES.items() for name in names}
    assert told == loaded
    assert set(loaded) == set(netcancel.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """Misspelt names fail as they do in any module."""
    with pytest.raises(AttributeError, match="Gaurd"):
        netcancel.Gaurd  # noqa: B018


def test_the_names_are_loaded_when_they_are_used() -> None:
    """Importing the package loads nothing that its users don't ask for."""
    code = "import sys, netcancel; print(sorted(m for m in sys.modules if 'pydantic' in m))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
