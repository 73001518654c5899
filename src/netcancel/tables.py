"""The tables of `netcancel.toml`: what there may be several of, and where the proxy listens.

    [[channels]]                    # besides the one of the settings `channel_id` and `secret_key`
    channel_id = "CH_A1B2C3D4"
    secret_key_file = "/etc/netcancel/ch_a1b2c3d4"
    previous_secret_key_file = "/etc/netcancel/ch_a1b2c3d4.old"     # while keys are changed

    [[shops]]                       # who may use `netcancel proxy`
    channel_id = "CH_SHOP1"         # as the shop signs
    secret_key_file = "/etc/netcancel/shop1"
    gateway_channel_id = "CH_A1B2C3D4"      # which channel signs for it; not set: the same name
    tids = ["T123456789"]           # the terminals that it may use; not set: any

    [server]
    listen = "127.0.0.1:8700"
    certificate_file = "/etc/netcancel/tls.pem"     # needed unless it listens on loopback
    key_file = "/etc/netcancel/tls.key"

A secret may stand in the file itself (`secret_key = "…"`) or, better, in one of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from netcancel.errors import ConfigurationError, InvalidRequest
from netcancel.secret_file import SecretFile, read_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from netcancel.kicc import Credentials

NAMES: Final = frozenset({"channels", "shops", "server"})

LISTEN: Final = "127.0.0.1:8700"
PORT_MAX: Final = 65_535

_CREDENTIALS: Final = frozenset(
    {
        "channel_id",
        "secret_key",
        "secret_key_file",
        "previous_secret_key",
        "previous_secret_key_file",
    }
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that pays through the proxy: how it signs, and who signs for it at the gateway."""

    credentials: Credentials
    gateway_channel_id: str
    tids: frozenset[str] | None
    """None: it may use any terminal."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the proxy listens; port 0: any free one."""

    host: str
    port: int
    certificate_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    """What the tables say."""

    channels: tuple[Credentials, ...] = ()
    shops: tuple[Shop, ...] = ()
    server: Server = field(default_factory=lambda: _server({}, "server"))
    secret_files: tuple[SecretFile, ...] = ()
    """The files that hold a secret of these, the settings file itself among them."""


def read_tables(values: Mapping[str, object], path: Path) -> Tables:
    """Read the tables of a settings file; raises `ConfigurationError` for what can't be used."""
    file = path.name
    channels = [
        _credentials(each, f"channels in {file}") for each in _rows(values, "channels", file)
    ]
    shops = [_shop(each, f"shops in {file}") for each in _rows(values, "shops", file)]
    _refuse_twice(channels, f"channels in {file}")
    _refuse_twice([shop.credentials for shop in shops], f"shops in {file}")
    called = f"server in {file}"
    server = _server(_table(values.get("server", {}), called), called)
    secret_files = tuple(_secret_files(values, path))
    return Tables(tuple(channels), tuple(shops), server, secret_files)


def _rows(values: Mapping[str, object], name: str, file: str) -> list[dict[str, object]]:
    rows = values.get(name, [])
    if not isinstance(rows, list):
        raise ConfigurationError(f"{name} in {file} must be a list of tables: write [[{name}]]")
    return [_table(row, f"{name} in {file}") for row in cast("list[object]", rows)]


def _table(value: object, called: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{called} must be a table")
    return cast("dict[str, object]", value)


def _shop(row: dict[str, object], called: str) -> Shop:
    own = {name: value for name, value in row.items() if name not in _CREDENTIALS}
    _refuse_unknown(own, {"gateway_channel_id", "tids"}, called)
    credentials = _credentials({k: v for k, v in row.items() if k not in own}, called)
    channel = _text(own, "gateway_channel_id", called) or credentials.channel_id
    return Shop(credentials, channel, _tids(own.get("tids"), called))


def _tids(value: object, called: str) -> frozenset[str] | None:
    if value is None:
        return None
    tids = cast("list[object]", value) if isinstance(value, list) else []
    if not tids or not all(isinstance(tid, str) for tid in tids):
        raise ConfigurationError(f'tids of {called} must be a list such as ["T123456789"]')
    return frozenset(str(tid) for tid in tids)


def _credentials(row: dict[str, object], called: str) -> Credentials:
    from netcancel.kicc import Credentials  # noqa: PLC0415  commands that only read start faster

    _refuse_unknown(row, _CREDENTIALS, called)
    values: dict[str, Any] = {
        "channel_id": _text(row, "channel_id", called),
        "secret_key": _secret(row, "secret_key", called),
        "previous_secret_key": _secret(row, "previous_secret_key", called),
    }
    for name in ("channel_id", "secret_key"):
        if values[name] is None:
            raise ConfigurationError(f"{called}: each needs a {name}")
    try:
        return Credentials(**values)
    except InvalidRequest as error:
        problem = ConfigurationError(f"{error.field} of {called} {error.rule}")
    raise problem


def _server(row: Mapping[str, object], called: str) -> Server:
    _refuse_unknown(row, {"listen", "certificate_file", "key_file"}, called)
    host, _, port = (_text(row, "listen", called) or LISTEN).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > PORT_MAX:
        raise ConfigurationError(f'listen of {called} must be host:port, such as "{LISTEN}"')
    certificate, key = (_text(row, name, called) for name in ("certificate_file", "key_file"))
    if certificate is None and key is not None:
        raise ConfigurationError(
            f"key_file of {called} is set without certificate_file: nothing would be encrypted"
        )
    return Server(host, int(port), certificate, key)


def _secret_files(values: Mapping[str, object], path: Path) -> Iterator[SecretFile]:
    """Name the files that hold a secret of the tables, which are read already."""
    for table in ("channels", "shops"):
        for row in _rows(values, table, path.name):
            for name in ("secret_key", "previous_secret_key"):
                if name in row:
                    yield SecretFile(f"{name} of {table} in {path.name}", path)
                if (other := _text(row, f"{name}_file", table)) is not None:
                    yield SecretFile(f"{name}_file of {table} in {path.name}", Path(other))
    server = _table(values.get("server", {}), "server")
    if (key := _text(server, "key_file", "server")) is not None:
        yield SecretFile(f"key_file of server in {path.name}", Path(key))


def _secret(row: Mapping[str, object], name: str, called: str) -> str | None:
    path = _text(row, f"{name}_file", called)
    if path is None:
        return _text(row, name, called)
    if name in row:
        raise ConfigurationError(f"{name} and {name}_file of {called} are both set: keep one")
    return read_secret(path, f"{name}_file of {called}")


def _text(row: Mapping[str, object], name: str, called: str) -> str | None:
    value = row.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise ConfigurationError(f"{name} of {called} must be a text, and not empty")
    return value


def _refuse_unknown(row: Mapping[str, object], names: Collection[str], called: str) -> None:
    for name in row:
        if name not in names:
            raise ConfigurationError(
                f"{ascii(name)[1:-1]} is nothing of {called}: it may be {', '.join(sorted(names))}"
            )


def _refuse_twice(credentials: list[Credentials], called: str) -> None:
    names = [each.channel_id for each in credentials]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{called}: {name} stands there twice")
