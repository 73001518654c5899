"""Every setting once: its name, its kind, its default and what it is for.

A setting is given as a flag (`--base-url`), in the environment (`NETCANCEL_BASE_URL`) or in
`netcancel.toml` (`base_url`); the first of these that has it wins, then the default. Secrets are
never flags, and each may be given as the path of a file instead (`NETCANCEL_SECRET_KEY_FILE`).

Whatever is not a setting is refused: a misspelt name would leave its default in force unseen.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar, cast

from netcancel.core.policy import Policy
from netcancel.errors import ConfigurationError, InvalidRequest
from netcancel.kicc.codes import Codes
from netcancel.secret_file import SecretFile, read_secret
from netcancel.tables import NAMES as TABLES
from netcancel.tables import Tables, read_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from netcancel.kicc import Credentials, Merchant
    from netcancel.wire.network import Network

T = TypeVar("T")

PREFIX: Final = "NETCANCEL_"
TEST_PREFIX: Final = "NETCANCEL_TEST_"
"""Names that begin so are for tests of programs around netcancel: they are left alone."""

FILE_NAME: Final = "netcancel.toml"
"""Looked for in the working directory, unless `config` names another file."""

CONFIG: Final = "config"
"""Where the other settings stand; given as a flag or in the environment only."""


class Kind(Enum):
    """How a setting is written; the value says it to whoever wrote something else."""

    TEXT = "a text"
    ENVIRONMENT = "1 to 64 letters, digits, '_', '-' and '.'"
    SECONDS = "a number of seconds without a unit"
    NUMBER = "a number without a unit"
    COUNT = "a whole number"
    CODES = "codes or ranges of codes"
    TEXTS = "texts separated by commas"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table; `default` None: not set, or computed."""

    name: str
    kind: Kind
    default: Any
    help: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The setting's name in the environment."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The setting's name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def by_path(self) -> str | None:
        """The name under which a file is named that holds the value; only secrets have one.

        A setting that is itself the path of a file ends in `_file` too: it has no other name, and
        no secret may be called like it without its ending.
        """
        return f"{self.name}_file" if self.secret else None


OWN: Final = (
    Setting("base_url", Kind.TEXT, None, "the API domain given to you, with https://"),
    Setting("channel_id", Kind.TEXT, None, "the channel ID given to you"),
    Setting("secret_key", Kind.TEXT, None, "the channel's SecretKey; signs requests", secret=True),
    Setting(
        "previous_secret_key",
        Kind.TEXT,
        None,
        "the SecretKey before, tried for net-cancels whose signature is refused",
        secret=True,
    ),
    Setting("tid", Kind.TEXT, None, "the terminal ID"),
    Setting("svc_id", Kind.TEXT, None, "the simple-payment service ID"),
    Setting("bizr_no", Kind.TEXT, None, "the business registration number, ten digits"),
    Setting("journal", Kind.TEXT, "sqlite:///netcancel.db", "URL of the journal"),
    Setting(
        "vault_key",
        Kind.TEXT,
        None,
        "32 bytes in Base64 that seal tokens; not set: a key file made at the first use",
        secret=True,
    ),
    Setting(
        "previous_vault_keys",
        Kind.TEXT,
        None,
        "other vault keys that may open what they sealed, separated by commas",
        secret=True,
    ),
    Setting(
        "environment",
        Kind.ENVIRONMENT,
        "default",
        "a name for this world, such as test: payments of another are left alone",
    ),
    Setting(
        "proxy",
        Kind.TEXT,
        None,
        "an HTTP proxy that allows CONNECT: http://[user:password@]host:port",
        secret=True,
    ),
    Setting(
        "ca_file",
        Kind.TEXT,
        None,
        "path of a PEM bundle of authorities that are trusted instead of the system's",
    ),
    Setting(
        "pins",
        Kind.TEXTS,
        None,
        "keys of the gateway, one of which must be shown: Base64 of the SHA-256 of a"
        " certificate's SubjectPublicKeyInfo",
    ),
    Setting(
        "client_certificate_file",
        Kind.TEXT,
        None,
        "path of a PEM file with the certificate to show, and the chain above it",
    ),
    Setting(
        "client_key_file",
        Kind.TEXT,
        None,
        "path of a PEM file with its key, not encrypted; not set: the certificate's file has it",
    ),
    Setting(
        "source_address", Kind.TEXT, None, "IP address of this host that connections are made from"
    ),
)


def _of_policy() -> tuple[Setting, ...]:
    return tuple(
        Setting(each.name, _kind(each.name, str(each.type)), each.default, each.metadata["help"])
        for each in fields(Policy)
    )


def _kind(name: str, annotation: str) -> Kind:
    if annotation.startswith("frozenset"):
        return Kind.CODES
    if annotation.startswith("int"):
        return Kind.COUNT
    if not annotation.startswith("float"):
        return Kind.TEXT
    return Kind.SECONDS if name.endswith("_seconds") else Kind.NUMBER


POLICY: Final = _of_policy()
SETTINGS: Final = (*OWN, *POLICY)
BY_NAME: Final[Mapping[str, Setting]] = {each.name: each for each in SETTINGS}


class _Layer(NamedTuple):
    """One place where settings stand: their raw values, and how it calls a setting."""

    values: Mapping[str, object]
    call: Callable[[str], str]
    file: Path | None = None
    """The settings file, which is typed: a number is a number there; elsewhere all is text."""

    @property
    def is_typed(self) -> bool:
        """Whether this is the settings file."""
        return self.file is not None


@dataclass(frozen=True, slots=True)
class Settings:
    """What was set, by name, checked for its kind; what was not set has its default."""

    given: Mapping[str, Any] = field(repr=False)
    tables: Tables = field(default_factory=Tables, repr=False)
    called: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was set, by name, as the place that decided calls it: `NETCANCEL_SECRET_KEY_FILE`."""
    secret_files: tuple[SecretFile, ...] = ()
    """The files that hold secrets of ours, the settings file itself among them."""

    @classmethod
    def load(
        cls,
        *,
        flags: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> Self:
        """Read flags, environment and `netcancel.toml`, and refuse what they shouldn't hold.

        `environ` None: the process's; `directory` None: the working directory. Raises
        `ConfigurationError` with a sentence that names the setting and says what to write.
        """
        environ = os.environ if environ is None else environ
        from_flags = _flags_layer(flags or {})
        from_environ = _environ_layer(environ)
        layers = [from_flags, from_environ]
        path = _taken(from_flags, CONFIG) or _taken(from_environ, CONFIG)
        tables = Tables()
        if (file := _read_file(directory or Path.cwd(), path)) is not None:
            tables = read_tables(file.values, file.path)
            layers.append(_file_layer(file))
        holders = [(each, layer) for each in SETTINGS if (layer := _holder(each, layers))]
        return cls(
            {each.name: _value(each, layer) for each, layer in holders},
            tables,
            {each.name: layer.call(_written(each, layer)) for each, layer in holders},
            (*_secret_files(holders), *tables.secret_files),
        )

    def get(self, name: str) -> Any:  # noqa: ANN401  each setting has its own type
        """Return a setting's value, or its default."""
        return self.given.get(name, BY_NAME[name].default)

    @property
    def journal(self) -> str:
        """The URL of the journal."""
        return str(self.get("journal"))

    @property
    def vault_key(self) -> str | None:
        """The key that seals tokens; None: the journal finds or makes a key file."""
        key: str | None = self.get("vault_key")
        return key

    @property
    def previous_vault_keys(self) -> str | None:
        """The keys that may only open, separated by commas."""
        keys: str | None = self.get("previous_vault_keys")
        return keys

    @property
    def policy(self) -> Policy:
        """How patient to be; raises `ConfigurationError` where the values contradict each other."""
        names = {each.name for each in POLICY}
        return Policy(**{name: value for name, value in self.given.items() if name in names})

    @property
    def credentials(self) -> Credentials:
        """The channel and its secret."""
        from netcancel.kicc import Credentials  # noqa: PLC0415  commands that only read start faster

        self.require("channel_id", "secret_key")
        return _made(
            lambda: Credentials(
                channel_id=self.get("channel_id"),
                secret_key=self.get("secret_key"),
                previous_secret_key=self.get("previous_secret_key"),
            )
        )

    @property
    def all_credentials(self) -> tuple[Credentials, ...]:
        """The channel and its secret, then those of the settings file's table `channels`."""
        if self.tables.channels and self.get("channel_id") is None:
            return self.tables.channels
        return (self.credentials, *self.tables.channels)

    @property
    def _of_channel(self) -> tuple[str, ...]:
        """The settings that a gateway can't be spoken to without, unless a table has a channel."""
        return () if self.tables.channels else ("channel_id", "secret_key")

    @property
    def merchant(self) -> Merchant:
        """Who sells."""
        from netcancel.kicc import Merchant  # noqa: PLC0415  likewise

        self.require("tid", "svc_id", "bizr_no")
        return _made(
            lambda: Merchant(
                tid=self.get("tid"), svc_id=self.get("svc_id"), bizr_no=self.get("bizr_no")
            )
        )

    def network(self) -> Network:
        """Return the way to the gateway; raises `ConfigurationError` for what can't be used."""
        from netcancel.wire.network import Network  # noqa: PLC0415  likewise

        return Network(
            proxy=self.get("proxy"),
            ca_file=self.get("ca_file"),
            pins=self.get("pins") or (),
            client_certificate=self.get("client_certificate_file"),
            client_key=self.get("client_key_file"),
            source_address=self.get("source_address"),
        )

    def for_desk(self, *, create: bool) -> dict[str, Any]:
        """Return the keyword arguments of `Desk.open`."""
        self.require("base_url", *self._of_channel)
        return {
            "base_url": self.get("base_url"),
            "credentials": self.all_credentials,
            "journal": self.journal,
            "policy": self.policy,
            "vault_key": self.vault_key,
            "previous_vault_keys": self.previous_vault_keys,
            "create": create,
            "environment": self.get("environment"),
            "network": self.network(),
        }

    def for_guard(self) -> dict[str, Any]:
        """Return the keyword arguments of `Guard`."""
        self.require("base_url", *self._of_channel, "tid", "svc_id", "bizr_no")
        desk = self.for_desk(create=True)
        del desk["create"]
        return desk | {"merchant": self.merchant}

    def require(self, *names: str) -> None:
        """Raise `ConfigurationError` naming every one of these settings that has no value."""
        missing = [BY_NAME[name] for name in names if self.get(name) is None]
        if missing:
            whats = "; ".join(
                f"{each.variable}{' or ' + each.variable + '_FILE' if each.secret else ''}"
                f" ({each.help})"
                for each in missing
            )
            raise ConfigurationError(f"not set, but needed: {whats}")


def _flags_layer(flags: Mapping[str, str]) -> _Layer:
    values = {name.replace("-", "_"): value for name, value in flags.items()}

    def call(name: str) -> str:
        return "--" + name.replace("_", "-")

    for name in values:
        if name in BY_NAME and BY_NAME[name].secret:
            each = BY_NAME[name]
            raise ConfigurationError(
                f"{each.flag} is refused, because others see a command line:"
                f" use {each.flag}-file, {each.variable} or {each.variable}_FILE"
            )
    _refuse_unknown(values, {*_names(), CONFIG}, call, "option")
    return _Layer(values, call)


def _environ_layer(environ: Mapping[str, str]) -> _Layer:
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)
    }

    def call(name: str) -> str:
        return PREFIX + name.upper()

    odd = [n for n in environ if n.startswith(PREFIX) and n != n.upper()]
    if odd:
        raise ConfigurationError(f"{odd[0]!a} is no setting: settings are written in capitals")
    _refuse_unknown(values, {*_names(), CONFIG}, call, "setting")
    return _Layer(values, call)


class _File(NamedTuple):
    """A settings file as it stands there."""

    path: Path
    values: Mapping[str, object]


def _read_file(directory: Path, given: str | None) -> _File | None:
    path = directory / FILE_NAME if given is None else directory / given
    if given is None and not path.exists():
        return None
    try:
        return _File(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(
            f"the settings file {path.name!a} can't be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the settings file {path.name!a} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the settings file {path.name!a} is not TOML: {error}") from None


def _file_layer(file: _File) -> _Layer:
    values = {name: value for name, value in file.values.items() if name not in TABLES}

    def call(name: str) -> str:
        return f"{name} in {file.path.name}"

    _refuse_unknown(values, _names(), call, "setting")
    return _Layer(values, call, file.path)


def _names() -> set[str]:
    """Return every name that a layer may hold, the paths of secrets included."""
    return {*BY_NAME, *(each.by_path for each in SETTINGS if each.by_path is not None)}


def _refuse_unknown(
    values: Mapping[str, object], names: set[str], call: Callable[[str], str], what: str
) -> None:
    for name in values:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1)
            hint = f"; did you mean {call(near[0])}?" if near else ""
            raise ConfigurationError(f"{call(ascii(name)[1:-1])} is no {what}{hint}")


def _holder(setting: Setting, layers: list[_Layer]) -> _Layer | None:
    """Return the first layer that has the setting; None: none has it."""
    names = {setting.name, setting.by_path}
    return next((layer for layer in layers if names & layer.values.keys()), None)


def _written(setting: Setting, layer: _Layer) -> str:
    """Return the name under which a layer has a setting: its own, or that of a file."""
    by_path = setting.by_path
    return by_path if by_path is not None and by_path in layer.values else setting.name


def _value(setting: Setting, layer: _Layer) -> object:
    """Return what a layer says of a setting, checked."""
    written = _written(setting, layer)
    if written == setting.name:
        return _checked(setting, layer)
    if setting.name in layer.values:
        raise ConfigurationError(
            f"{layer.call(setting.name)} and {layer.call(written)} are both set: keep one of them"
        )
    return read_secret(_text(layer, written), layer.call(written))


def _secret_files(holders: list[tuple[Setting, _Layer]]) -> Iterator[SecretFile]:
    """Name the files that hold a secret, or a client's key."""
    has_key = any(setting.name == "client_key_file" for setting, _ in holders)
    of_client = "client_key_file" if has_key else "client_certificate_file"
    for setting, layer in holders:
        written = _written(setting, layer)
        if written != setting.name or setting.name == of_client:
            yield SecretFile(layer.call(written), Path(_text(layer, written)))
        elif setting.secret and layer.file is not None:
            yield SecretFile(layer.call(written), layer.file)


def _taken(layer: _Layer, name: str) -> str | None:
    return _text(layer, name) if name in layer.values else None


def _checked(setting: Setting, layer: _Layer) -> object:
    """Read a raw value by its kind."""
    raw = layer.values[setting.name]
    match setting.kind:
        case Kind.TEXT:
            return _text(layer, setting.name)
        case Kind.ENVIRONMENT:
            text = _text(layer, setting.name)
            if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text) is None:
                raise _refusal(setting, layer)
            return text
        case Kind.CODES:
            return _codes(setting, layer, raw)
        case Kind.TEXTS:
            texts = _texts(setting, layer, raw)
            # An empty list would be no rule at all, where somebody meant to set one.
            if not texts:
                raise _refusal(setting, layer)
            return texts
        case Kind.SECONDS | Kind.NUMBER | Kind.COUNT:
            return _number(setting, layer, raw)


def _text(layer: _Layer, name: str) -> str:
    value = layer.values[name]
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{layer.call(name)} must be a text, and not empty")
    return value


def _number(setting: Setting, layer: _Layer, raw: object) -> int | float:
    whole = setting.kind is Kind.COUNT
    if isinstance(raw, str) and not layer.is_typed:
        # No exponents, no underscores, no NaN: what is written here decides over money.
        pattern = r"-?[0-9]{1,15}" if whole else r"-?[0-9]{1,15}(\.[0-9]{1,9})?"
        if re.fullmatch(pattern, raw) is None:
            raise _refusal(setting, layer)
        return int(raw) if whole else float(raw)
    if type(raw) is int or (type(raw) is float and not whole):
        return raw
    raise _refusal(setting, layer)


def _texts(setting: Setting, layer: _Layer, raw: object) -> tuple[str, ...]:
    items: list[object]
    if isinstance(raw, str) and not layer.is_typed:
        items = [part.strip() for part in raw.split(",") if part.strip()]
    elif isinstance(raw, list):
        items = cast("list[object]", raw)
    else:
        raise _refusal(setting, layer)
    if not all(isinstance(item, str) for item in items):
        raise _refusal(setting, layer)
    return tuple(str(item) for item in items)


def _codes(setting: Setting, layer: _Layer, raw: object) -> frozenset[str]:
    codes = frozenset(_texts(setting, layer, raw))
    try:
        Codes.of(codes)
    except ConfigurationError as error:
        raise ConfigurationError(f"{layer.call(setting.name)}: {error}") from None
    return codes


def _refusal(setting: Setting, layer: _Layer) -> ConfigurationError:
    return ConfigurationError(
        f"{layer.call(setting.name)} must be {setting.kind.value}: write {_example(setting, layer)}"
    )


def _example(setting: Setting, layer: _Layer) -> str:
    """Write the setting with a value that is right, in the layer's own way."""
    if setting.kind is Kind.CODES:
        value = '["8521", "8300-8399"]' if layer.is_typed else "8521,8300-8399"
    elif setting.kind is Kind.TEXTS:
        value = '["first", "second"]' if layer.is_typed else "first,second"
    elif setting.kind is Kind.ENVIRONMENT:
        value = '"test"' if layer.is_typed else "test"
    else:
        value = f"{30 if setting.default is None else setting.default:g}"
    return f"{setting.name} = {value}" if layer.is_typed else f"{layer.call(setting.name)}={value}"


def _made(make: Callable[[], T]) -> T:
    """Make one of the manual's values; what breaks a rule is named as a setting."""
    try:
        return make()
    except InvalidRequest as error:
        problem = ConfigurationError(f"{BY_NAME[error.field].variable} {error.rule}")
    raise problem
