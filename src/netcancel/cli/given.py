"""A request's fields as a person gives them: a JSON file or standard input, and flags over it.

The token never comes by a flag, which others see: it stands in the JSON or in a file of its own.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from netcancel.cli.app import STDIN
from netcancel.cli.exits import Exit, Stop
from netcancel.errors import InvalidRequest
from netcancel.kicc import strict_json
from netcancel.kicc.fields import FIELDS, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from netcancel.kicc.strict_json import Value

INPUT_BYTES_MAX: Final = 65_536
"""As much as a request's body may have; a larger input is something else."""

AMOUNTS: Final = frozenset({Kind.TOTAL, Kind.PART})
NAMES: Final = {field.wire: field.name for field in FIELDS.values()}


def _field(name: str) -> Parameter:
    return Parameter(help=FIELDS[name].meaning)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The fields that approval and net-cancel share, as text; None: not given by a flag."""

    merc_trx_no: Annotated[str | None, _field("merc_trx_no")] = None
    trx_amt: Annotated[str | None, _field("trx_amt")] = None
    vat_amt: Annotated[str | None, _field("vat_amt")] = None
    svc_amt: Annotated[str | None, _field("svc_amt")] = None
    alot_month: Annotated[str | None, _field("alot_month")] = None
    token_file: Annotated[
        str | None, Parameter(help="a file that holds the token, or - for standard input")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFlags(Flags):
    """What an approval may have besides."""

    tax_free_amt: Annotated[str | None, _field("tax_free_amt")] = None
    user_data: Annotated[str | None, _field("user_data")] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class NetCancelFlags(Flags):
    """What a net-cancel has besides: the approval's time."""

    tran_dt: Annotated[str | None, _field("tran_dt")] = None
    tran_tm: Annotated[str | None, _field("tran_tm")] = None


def gather(source: str | None, flags: Flags, *, allowed: Collection[str]) -> dict[str, Value]:
    """Return fields by their snake-case names, from a JSON file at `source` and from flags.

    Raises `Stop` for what can't be
    read and `InvalidRequest` for a field that doesn't belong here; no value is ever shown.
    """
    token_file = flags.token_file
    if source == STDIN and token_file == STDIN:
        raise Stop(Exit.WRONG, "standard input can't hold both the JSON and the token")
    given = {} if source is None else _read_json(_read(source), allowed)
    for name in (each.name for each in fields(flags) if each.name in allowed):
        if (text := getattr(flags, name)) is not None:
            given[name] = _from_flag(name, text)
    if token_file is not None:
        if "token_key" in given:
            raise Stop(Exit.WRONG, "the token is given twice: keep the JSON's or --token-file")
        given["token_key"] = _token(_read(token_file))
    if "token_key" not in given:
        raise Stop(Exit.WRONG, "no token: give --token-file FILE, or tokenKey in the JSON")
    return given


def refuse_token_flags(flags: Mapping[str, str]) -> None:
    """Raise `Stop` where a token was given on the command line."""
    if any(name.replace("-", "_") in ("token", "token_key") for name in flags):
        raise Stop(
            Exit.WRONG,
            "a token is refused on the command line, because others see it: use --token-file FILE",
        )


def _read(source: str) -> bytes:
    try:
        if source == STDIN:
            content = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(INPUT_BYTES_MAX + 1)
    except OSError as error:
        raise Stop(Exit.WRONG, f"{source!a} can't be read: {error.strerror}") from None
    if len(content) > INPUT_BYTES_MAX:
        raise Stop(Exit.WRONG, f"{source!a} is larger than any request: is it the right file?")
    return content


def _read_json(content: bytes, allowed: Collection[str]) -> dict[str, Value]:
    read = strict_json.read_object(content)
    if isinstance(read, strict_json.Unreadable):
        raise Stop(Exit.WRONG, f"the input is not one JSON object: {read.reason}")
    given: dict[str, Value] = {}
    for key, value in read.items():
        name = NAMES.get(key, key)
        if name not in allowed:
            known = ", ".join(FIELDS[each].wire for each in sorted(allowed))
            raise Stop(Exit.WRONG, f"the JSON has a field that doesn't belong here; known: {known}")
        if name in given:
            raise InvalidRequest(name, "is given twice")
        given[name] = value
    return given


def _from_flag(name: str, text: str) -> Value:
    """Read an amount from digits alone; everything else stays text."""
    if FIELDS[name].kind not in AMOUNTS:
        return text
    if re.fullmatch(r"[0-9]{1,15}", text) is None:
        raise InvalidRequest(name, "must be whole KRW, digits only")
    return int(text)


def _token(content: bytes) -> str:
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidRequest("token_key", "must be text") from None
