"""The product's frozen records, thawed while a simulation runs: made and copied at less cost.

A frozen dataclass guards each of its fields whenever one is made, and most of a simulation's time
would go there. Thawed, it takes the same arguments and holds the same values; that nobody writes to
it is what the type checkers say.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOMS: Final = ("netcancel.core", "netcancel.kicc", "netcancel.journal", "netcancel.sandbox.ledger")
"""Where records are thawed."""

GUARDED: Final = ("__init__", "__setattr__", "__delattr__")

COPIES: Final[dict[type, Callable[[Any], Any]]] = {}
"""How to copy a record of each thawed class."""


def replace(record: Any, /, **changes: Any) -> Any:  # noqa: ANN401  as `dataclasses.replace`
    """Return a copy of a thawed record with some fields changed."""
    copy = COPIES[type(record)](record)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy


@contextmanager
def thawed() -> Iterator[None]:
    """Thaw every record for a while."""
    classes = list(_frozen_classes())
    guards = [(cls, {name: vars(cls)[name] for name in GUARDED}) for cls in classes]
    try:
        for cls in classes:
            _thaw(cls)
        yield
    finally:
        COPIES.clear()
        for cls, guarded in guards:
            for name, guard in guarded.items():
                setattr(cls, name, guard)


def _frozen_classes() -> Iterator[type]:
    """Find the records that hold nothing but their fields, and make nothing of what they get."""
    modules = [module for name, module in sys.modules.items() if name.startswith(ROOMS)]
    found = dict.fromkeys(
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and is_dataclass(thing) and thing.__module__.startswith(ROOMS)
    )
    for cls in found:
        is_plain = "__slots__" in vars(cls) and not hasattr(cls, "__post_init__")
        makes = any(field.default_factory is not MISSING for field in fields(cls))
        if is_plain and "__setattr__" in vars(cls) and not makes:
            yield cls


def _thaw(cls: type) -> None:
    """Write `__init__` and a copy as one would by hand for a class that is not frozen."""
    names = [field.name for field in fields(cls)]
    ordered = sorted(fields(cls), key=lambda field: bool(field.kw_only))
    given = [
        each.name if each.default is MISSING else f"{each.name}=_{each.name}" for each in ordered
    ]
    if (by_name := sum(bool(field.kw_only) for field in ordered)) > 0:
        given.insert(len(given) - by_name, "*")
    defaults = {f"_{field.name}": field.default for field in fields(cls)}
    source = "\n".join(
        (
            f"def init({', '.join(('self', *given))}):",
            *(f"    self.{name} = {name}" for name in names),
            "    return",
            "def copy(seen):",
            "    new = blank(cls)",
            *(f"    new.{name} = seen.{name}" for name in names),
            "    return new",
        )
    )
    written: dict[str, Any] = {"cls": cls, "blank": object.__new__, **defaults}
    exec(source, written)  # noqa: S102  of names that the dataclass has checked
    del cls.__setattr__, cls.__delattr__  # with either there, Python's own fast path is closed
    cls.__init__ = written["init"]  # type: ignore[misc]
    COPIES[cls] = written["copy"]
