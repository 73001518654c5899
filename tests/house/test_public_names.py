"""The names that callers may rely on."""

import ast

import netcancel
from tests.house.tree import PACKAGE, syntax_of

PUBLIC_NAMES = set(
    "Guard AsyncGuard Client AsyncClient Merchant Credentials Policy"
    " ApprovalRequest CancelRequest NetCancelRequest"
    " Approved Declined NetCancelled InDoubt Outcome Loss State Payment"
    " NetcancelError InvalidRequest DuplicateTransaction TooManyInDoubt JournalUnavailable"
    " PaymentNotFound ConfigurationError".split()
)


def test_the_public_names_are_those_of_the_contract() -> None:
    """Nothing is missing, and nothing became public by accident."""
    assert set(netcancel.__all__) | {"PaymentNotFound"} == PUBLIC_NAMES


def test_the_public_names_are_sorted() -> None:
    """A reader finds a name where the alphabet puts it, once."""
    assert list(netcancel.__all__) == sorted(set(netcancel.__all__))


def test_every_public_name_is_there() -> None:
    """Each name in __all__ can be imported."""
    assert [name for name in netcancel.__all__ if not hasattr(netcancel, name)] == []


def test_the_package_file_holds_names_only() -> None:
    """netcancel/__init__.py has a docstring, imports and __all__, and no code."""
    docstring, *rest = syntax_of(PACKAGE / "__init__.py").body
    assert isinstance(docstring, ast.Expr)
    assert [
        ast.unparse(node)
        for node in rest
        if not isinstance(node, ast.ImportFrom)
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ] == []
