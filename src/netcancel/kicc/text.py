"""Foreign text, made harmless before it reaches a terminal, a log or a page."""

from __future__ import annotations

from unicodedata import category

from netcancel.kicc.card_numbers import mask_card_numbers

MESSAGE_CHARACTERS_MAX = 200
"""A gateway's message is kept up to here: the manual allows 128 bytes, a proxy's page has more."""

SECRET_CHARACTERS_MIN = 10
"""A gateway may cut a long token that it echoes: this much of its beginning gives it away."""

REMOVED = "[removed]"

# Control, format (with the marks that reverse reading), lone surrogates, line and paragraph ends.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_safe(text: str) -> bool:
    """Tell whether `text` is free of control and format characters (spec 3.8)."""
    return text.isprintable() or not any(category(character) in _UNSAFE for character in text)


def escape(text: str) -> str:
    r"""Write control and format characters as `\uXXXX`; everything else stays."""
    if text.isprintable():
        return text
    return "".join(_escaped(c) if category(c) in _UNSAFE else c for c in text)


def shows(text: str, secret: str) -> bool:
    """Tell whether `text` contains `secret` or the beginning of it."""
    return secret != "" and secret[:SECRET_CHARACTERS_MIN] in text


def redact(text: str, secret: str) -> str:
    """Replace a text that shows `secret` as a whole; mask card numbers in any other."""
    if shows(text, secret):
        return REMOVED
    return mask_card_numbers(text)


def message(text: str, secret: str) -> str:
    """Make a gateway's message fit to be kept and shown: redacted, escaped, cut."""
    # Cut last: half a secret would no longer be found.
    harmless = escape(redact(text, secret))
    if len(harmless) > MESSAGE_CHARACTERS_MAX:
        harmless = harmless[: MESSAGE_CHARACTERS_MAX - 1] + "…"
    return harmless


def _escaped(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004  the end of \u's reach
