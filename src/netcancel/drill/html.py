"""HTML and SVG, written so that no text can become markup. Pure."""

from __future__ import annotations

from html import escape as escape_markup

from netcancel.kicc.text import escape as escape_controls

VOID = frozenset({"meta", "line", "polyline", "rect"})
"""What has no inside."""


class Html(str):
    """Markup; any other text is escaped where it is put into some."""

    __slots__ = ()


def tag(name: str, /, *inside: str, **attributes: str | float) -> Html:
    """Write an element; `class_` is its class, and an underscore in a name is a hyphen."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for key, value in attributes.items()
    )
    if name in VOID:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{join(*inside)}</{name}>")


def join(*parts: str) -> Html:
    """Put markup and texts together."""
    return Html("".join(part if isinstance(part, Html) else _escaped(part) for part in parts))


def _escaped(text: str) -> str:
    return escape_markup(escape_controls(text))
