"""Every public name is explained: by itself and in the pages."""

import re
from dataclasses import fields

import netcancel
from netcancel import PaymentNotApproved, Policy, errors
from tests.docs.pages import PAGES, ROOT, rows_of, text_of

LIBRARY = ROOT / "docs" / "library.md"


def test_every_public_class_says_what_it_is() -> None:
    """Each class of the contract has a docstring, written by a person."""
    classes = {
        name: getattr(netcancel, name) for name in netcancel.__all__ if "Outcome" not in name
    }
    assert [
        name
        for name, cls in classes.items()
        if not cls.__doc__ or cls.__doc__.startswith(f"{name}(")  # what a dataclass says of itself
    ] == []


def test_every_public_name_is_in_the_library_page() -> None:
    """docs/library.md leaves no name out."""
    page = text_of(LIBRARY)
    assert [name for name in netcancel.__all__ if f"`{name}`" not in page] == []


def test_every_error_is_explained() -> None:
    """docs/library.md has a row for each error class."""
    names = [name for name, value in vars(errors).items() if isinstance(value, type)]
    classes = [*names, PaymentNotApproved.__name__]
    rows = rows_of(LIBRARY, "Errors")
    assert {row[0] for row in rows} == {f"`{name}`" for name in classes}


def test_every_policy_field_is_explained() -> None:
    """Each field of Policy is named in the pages, as a field or as a setting."""
    words = {word for page in PAGES for word in re.findall(r"\w+", text_of(page))}
    assert [
        each.name
        for each in fields(Policy)
        if not words & {each.name, f"NETCANCEL_{each.name.upper()}"}
    ] == []
