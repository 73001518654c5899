"""Which mutants there are: the changes that mutmut knows, within the bodies of functions."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

import libcst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from libcst.metadata import CodeRange

DEFINITIONS: Final = (libcst.FunctionDef, libcst.ClassDef)

UNTOUCHED: Final = (libcst.Annotation, libcst.Decorator, libcst.Parameters)
"""What no call executes: types, and what is done once, when a function is defined."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed function."""

    path: Path
    function: str
    """Its qualified name within its module."""
    lines: range
    """What the change replaces; only a test that executes one of these can notice it."""
    change: str
    """The changed lines before and after, their white space made single."""
    source: str
    """The whole module, changed."""
    is_wording: bool
    """Whether only the wording of a sentence is changed, which nothing promises."""

    @property
    def name(self) -> str:
        """The function's name within the package."""
        parts = self.path.with_suffix("").parts
        module = parts[parts.index("netcancel") + 1 :]
        return ".".join((*module, self.function))


@dataclass(frozen=True, slots=True)
class _Place:
    """A node of the syntax tree, and the function that it belongs to."""

    node: libcst.CSTNode
    function: str


def mutants(path: Path, source: str, only: Collection[str] | None = None) -> Iterator[Mutant]:
    """Return the mutants of a file's functions, but those that compile to the very same code."""
    wrapper = MetadataWrapper(libcst.parse_module(source), unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    whole = compile(source, str(path), "exec")
    for place in _places(wrapper.module, ()):
        if only is not None and place.function not in only:
            continue
        position = positions[place.node]
        for changed in _changes(place.node):
            mutated = _replaced(wrapper.module, position, place.node, changed)
            if compile(mutated, str(path), "exec") == whole:
                continue
            yield Mutant(
                path,
                place.function,
                range(position.start.line, position.end.line + 1),
                _shown(source, mutated),
                mutated,
                _is_wording(place.node),
            )


def _places(node: libcst.CSTNode, names: tuple[str, ...], function: str = "") -> Iterator[_Place]:
    """Return every node of a function's body; what is defined in a function belongs to it."""
    if isinstance(node, UNTOUCHED) or _is_docstring(node):
        return
    if isinstance(node, DEFINITIONS) and not function:
        names = (*names, node.name.value)
        if isinstance(node, libcst.FunctionDef):
            function = ".".join(names)
            node = node.body
    elif function and not _is_cast(node):
        yield _Place(node, function)
    for child in _children(node):
        yield from _places(child, names, function)


def _children(node: libcst.CSTNode) -> Sequence[libcst.CSTNode]:
    """Return what a node is made of; of a cast only the value, because its type does nothing."""
    return [node.args[1]] if _is_cast(node) else node.children


def _is_cast(node: libcst.CSTNode) -> bool:
    return isinstance(node, libcst.Call) and getattr(node.func, "value", None) == "cast"


def _is_docstring(node: libcst.CSTNode) -> bool:
    return isinstance(node, libcst.Expr) and isinstance(node.value, libcst.SimpleString)


def _changes(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)


def _replaced(
    module: libcst.Module, position: CodeRange, node: libcst.CSTNode, changed: libcst.CSTNode
) -> str:
    """Return the module's source with a node changed."""
    if isinstance(node, libcst.Match):  # a block is written with its indentation
        whole: str = module.deep_replace(node, changed).code
        return whole
    # For everything else the text alone is changed: to write a whole tree takes far longer.
    lines = module.code.splitlines(keepends=True)
    head, tail = lines[: position.start.line - 1], lines[position.end.line :]
    first = lines[position.start.line - 1][: position.start.column]
    last = lines[position.end.line - 1][position.end.column :]
    return "".join((*head, first, module.code_for_node(changed), last, *tail))


def _is_wording(node: libcst.CSTNode) -> bool:
    return isinstance(node, libcst.SimpleString) and " " in node.value


def _shown(source: str, mutated: str) -> str:
    old, new = source.splitlines(), mutated.splitlines()
    changed = [
        (old[first:last], new[start:end])
        for tag, first, last, start, end in SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes()
        if tag != "equal"
    ]
    before = " ".join(word for gone, _ in changed for line in gone for word in line.split())
    after = " ".join(word for _, come in changed for line in come for word in line.split())
    return f"{before} => {after}"
