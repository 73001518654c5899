"""Who may import whom; and the pure rooms, which know nothing of the world outside."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, SOURCES, name_of, syntax_of

# A room is the first name below netcancel. It may always import itself; "" is netcancel/__init__.
# A dotted name is narrower: one module of that room.
ANYTHING = {""}
OUTER = {"core", "drive", "errors", "journal", "kicc", "observe", "settings", "wire"}
MAY_IMPORT: dict[str, set[str]] = {
    "": ANYTHING,
    "errors": set(),
    "futures": set(),
    "kicc": {"errors"},
    "core": {"errors", "kicc"},
    "observe": {"errors"},
    "secret_file": {"errors"},
    "tables": {"errors", "kicc", "secret_file"},
    "settings": {"core", "errors", "kicc", "secret_file", "tables", "wire.network"},
    "wire": {"errors", "futures", "kicc"},
    "journal": {"core", "errors", "futures", "kicc", "observe"},
    "drive": {"core", "errors", "journal", "kicc", "wire"},
    "freezing": {"core", "errors", "kicc"},
    "client": OUTER,
    "desk": OUTER,  # what guards and recovery share
    "operators": OUTER | {"desk"},
    "storm": {"wire"},
    "health": {"errors", "recovery", "wire"},
    "attendance": {"errors", "journal", "observe", "wire"},
    "recovery": OUTER | {"attendance", "desk", "storm"},
    "provisional": {"core", "errors", "kicc", "observe"},
    "doctor": OUTER | {"attendance", "desk"},
    "guard": OUTER | {"desk", "freezing", "provisional", "recovery"},
    "reconcile": {"core", "errors", "kicc"},  # of a journal it needs one operation, as a protocol
    "proxy": OUTER | {"desk", "freezing", "recovery", "tables"},
    "sandbox": set(),  # the other side shares nothing, so that it can contradict us
    "sandbox.handle": {"kicc"},  # for the value types Merchant and Credentials
    "testing": {"guard", "journal", "sandbox"},
    "cli": ANYTHING,
    "demo": {"core", "guard", "journal", "sandbox", "settings"},
    "drill": {"core", "demo", "errors", "journal", "kicc", "sandbox", "settings"},
    "__main__": {"cli"},
}

PURE_ROOMS = {"core", "kicc"}
IMPURE_MODULES = set(
    "asyncio concurrent io logging multiprocessing os pathlib queue random secrets select selectors"
    " signal socket sqlite3 ssl subprocess sys tempfile threading time uuid".split()
)
IMPURE_CALLS = {"input", "now", "open", "print", "today", "utcnow"}


def module_of(path: Path) -> str:
    """Return the dotted name below netcancel: "journal.sqlite"; "" for netcancel/__init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(syntax: ast.Module, package: str) -> set[str]:
    """Return the absolute dotted names that a module imports anywhere in it.

    `package` is the package that it stands in ("netcancel.journal"), for relative imports.
    `from a import b` counts as a.b, which may be a module or a name in one.
    """
    names: set[str] = set()
    for node in ast.walk(syntax):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join(
                [*(above if node.level else []), *([node.module] if node.module else [])]
            )
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def imports_in(path: Path) -> set[str]:
    """Return the absolute dotted names that a file of the package imports."""
    below = path.parent.relative_to(PACKAGE).parts
    return imports_of(syntax_of(path), ".".join(["netcancel", *below]))


def is_within(module: str, whole: str) -> bool:
    """Tell whether a dotted name is the whole or something below it; all is below ""."""
    return not whole or module == whole or module.startswith(whole + ".")


def allowed_in(module: str) -> set[str]:
    """Return what a module may import: by its room's row, and by its own where it has one."""
    room = module.split(".", maxsplit=1)[0]
    return {room} | MAY_IMPORT[room] | MAY_IMPORT.get(module, set())


def impure_calls(syntax: ast.Module) -> set[str]:
    """Return the calls that read a clock, a file or a terminal."""
    called = {node.func for node in ast.walk(syntax) if isinstance(node, ast.Call)}
    names = {func.id for func in called if isinstance(func, ast.Name)}
    names |= {func.attr for func in called if isinstance(func, ast.Attribute)}
    return names & IMPURE_CALLS


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    """Every import of ours follows the table."""
    module = module_of(path)
    ours = {
        name.removeprefix("netcancel").removeprefix(".")
        for name in imports_in(path)
        if is_within(name, "netcancel")
    }
    allowed = allowed_in(module)
    assert {name for name in ours if not any(is_within(name, whole) for whole in allowed)} == set()


def test_every_room_has_its_row() -> None:
    """A new room has to say whom it may import."""
    assert {module_of(path).split(".")[0] for path in SOURCES} <= set(MAY_IMPORT)


def test_the_table_has_no_circle_of_rooms() -> None:
    """The rooms can be put in an order in which each imports only earlier ones."""
    rows = {
        room: {name.split(".")[0] for name in row} - {room}
        for room, row in MAY_IMPORT.items()
        if row is not ANYTHING and "." not in room
    }
    placed: set[str] = set()
    while ready := {room for room, row in rows.items() if room not in placed and row <= placed}:
        placed |= ready
    assert set(rows) - placed - {"__main__"} == set()


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if module_of(path).split(".")[0] in PURE_ROOMS], ids=name_of
)
def test_a_pure_room_knows_nothing_of_the_world(path: Path) -> None:
    """kicc/ and core/ import no clock, chance, socket, file, log or thread, and call none."""
    assert {name.split(".")[0] for name in imports_in(path)} & IMPURE_MODULES == set()
    assert impure_calls(syntax_of(path)) == set()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import netcancel.wire.tls as t, os", {"netcancel.wire.tls", "os"}),
        ("from netcancel import wire", {"netcancel.wire"}),
        ("from netcancel.wire import tls", {"netcancel.wire.tls"}),
        ("from . import vault", {"netcancel.journal.vault"}),
        ("from .vault import seal", {"netcancel.journal.vault.seal"}),
        ("from .. import wire", {"netcancel.wire"}),
        ("from ..wire import tls", {"netcancel.wire.tls"}),
        ("def f():\n    import time", {"time"}),
        ("if TYPE_CHECKING:\n    from time import time", {"time.time"}),
    ],
)
def test_every_way_to_import_is_seen(source: str, names: set[str]) -> None:
    """Absolute, relative, inside a function or for the type checker: each import counts."""
    assert imports_of(ast.parse(source), "netcancel.journal") == names


@pytest.mark.parametrize(
    ("module", "imported", "is_allowed"),
    [
        ("core.flows", "kicc.messages", True),
        ("core.flows", "core.effects", True),
        ("core.flows", "journal.sqlite", False),
        ("core.flows", "corelike", False),
        ("sandbox.server", "kicc.messages", False),
        ("sandbox.handle", "kicc.merchant", True),
        ("demo.books", "core.lifecycle", True),
        ("demo.books", "kicc.messages", False),
        ("recovery", "guard", False),
        ("guard", "recovery", True),
        ("guard", "Guard", False),
        ("cli.demo", "guard", True),
    ],
)
def test_the_table_is_read_as_meant(module: str, imported: str, *, is_allowed: bool) -> None:
    """A row allows whole rooms or single modules, and nothing that only begins alike."""
    assert any(is_within(imported, whole) for whole in allowed_in(module)) == is_allowed


def test_impure_calls_are_seen() -> None:
    """A clock that comes in with a type doesn't slip through."""
    assert impure_calls(ast.parse("datetime.now(tz=UTC)\nopen('x')\nlen('x')")) == {"now", "open"}
