"""Settings: each once, from flags, environment and file, and nothing unknown is let through."""

from __future__ import annotations

import base64
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from netcancel.core.policy import Policy
from netcancel.errors import ConfigurationError
from netcancel.settings import POLICY, SETTINGS, Kind, Settings
from netcancel.wire import Network
from tests.canaries import SECRET, leaks_in
from tools import settings as page

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = {
    "NETCANCEL_BASE_URL": "https://gateway.example",
    "NETCANCEL_CHANNEL_ID": "CH_A1B2C3D4",
    "NETCANCEL_SECRET_KEY": SECRET,
    "NETCANCEL_TID": "T123456789",
    "NETCANCEL_SVC_ID": "SVC_SIMPLE",
    "NETCANCEL_BIZR_NO": "1234567890",
}


def load(
    directory: Path,
    *,
    flags: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    toml: str | None = None,
) -> Settings:
    """Load settings of nobody but the test."""
    if toml is not None:
        (directory / "netcancel.toml").write_text(toml, encoding="utf-8")
    return Settings.load(flags=flags or {}, environ=environ or {}, directory=directory)


def refusal(directory: Path, **given: Any) -> str:
    """Return the sentence with which settings are refused, when loaded or when used."""
    with pytest.raises(ConfigurationError) as caught:
        load(directory, **given).for_guard()
    return str(caught.value)


def test_the_policy_stands_in_the_table_as_it_is() -> None:
    """Every field of the policy is a setting, with its default and its help, and no other is."""
    assert [(s.name, s.default, s.help) for s in POLICY] == [
        (each.name, each.default, each.metadata["help"]) for each in fields(Policy)
    ]


def test_every_setting_says_what_it_is_for() -> None:
    """Names are unique, and each has a help."""
    assert len({each.name for each in SETTINGS}) == len(SETTINGS)
    assert all(each.help for each in SETTINGS)


def test_defaults_hold_where_nothing_is_set(tmp_path: Path) -> None:
    """An empty world gives the documented defaults."""
    settings = load(tmp_path)
    assert settings.policy == Policy()
    assert settings.journal == "sqlite:///netcancel.db"
    assert settings.vault_key is None
    assert settings.get("environment") == "default"


def test_a_guard_gets_its_arguments(tmp_path: Path) -> None:
    """All that a guard needs comes from the environment, of the right types."""
    made = load(tmp_path, environ=NEEDED | {"NETCANCEL_TIMEOUT_SECONDS": "1.5"}).for_guard()
    assert made["base_url"] == NEEDED["NETCANCEL_BASE_URL"]
    assert [each.secret_key for each in made["credentials"]] == [SECRET]
    assert made["merchant"].bizr_no == "1234567890"
    assert made["policy"] == Policy(timeout_seconds=1.5)
    assert set(made) == {
        *("base_url", "credentials", "merchant", "journal"),
        *("policy", "vault_key", "previous_vault_keys", "environment", "network"),
    }


@pytest.mark.parametrize("create", [True, False])
def test_a_desk_gets_its_arguments(tmp_path: Path, *, create: bool) -> None:
    """A worker needs no merchant, and says itself whether a journal may be made."""
    environ = {name: value for name, value in NEEDED.items() if "_ID" not in name or "CH" in name}
    made = load(tmp_path, environ=environ).for_desk(create=create)
    assert made["create"] is create
    assert "merchant" not in made


def test_flags_win_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    """The first place that has a setting decides."""
    toml = 'journal = "sqlite:///file.db"\ntid = "FILE"\nsvc_id = "FILE"'
    environ = {"NETCANCEL_JOURNAL": "sqlite:///environ.db", "NETCANCEL_TID": "ENVIRON"}
    settings = load(tmp_path, flags={"journal": "sqlite:///f.db"}, environ=environ, toml=toml)
    assert settings.journal == "sqlite:///f.db"
    assert settings.get("tid") == "ENVIRON"
    assert settings.get("svc_id") == "FILE"
    assert settings.get("bizr_no") is None


VALUES = {
    Kind.SECONDS: ("12.5", "12.5", 12.5),
    Kind.NUMBER: ("7", "7", 7.0),
    Kind.COUNT: ("7", "7", 7),
    Kind.TEXT: ("ask-a-person", '"ask-a-person"', "ask-a-person"),
    Kind.CODES: ("8521, 8300-8399", '["8521", "8300-8399"]', frozenset({"8521", "8300-8399"})),
}


@pytest.mark.parametrize("setting", POLICY, ids=lambda each: each.name)
def test_every_policy_field_can_be_set_everywhere(tmp_path: Path, setting: Any) -> None:
    """Flag, environment and file give a policy setting the same value."""
    text, toml, value = VALUES[setting.kind]
    by_flag = load(tmp_path, flags={setting.flag[2:]: text})
    by_environ = load(tmp_path, environ={setting.variable: text})
    by_file = load(tmp_path, toml=f"{setting.name} = {toml}")
    assert by_flag.get(setting.name) == by_environ.get(setting.name) == value
    assert by_file.get(setting.name) == value


@pytest.mark.parametrize("name", ["secret_key", "vault_key", "previous_vault_keys", "proxy"])
def test_a_secret_is_read_from_its_file(tmp_path: Path, name: str) -> None:
    """Environment, file and flag may name a file that holds the secret on its only line."""
    path = tmp_path / "secret"
    for content in (SECRET, SECRET + "\n", SECRET + "\r\n"):
        path.write_bytes(content.encode())
        variable = f"NETCANCEL_{name.upper()}_FILE"
        assert load(tmp_path, environ={variable: str(path)}).get(name) == SECRET
        assert load(tmp_path, flags={f"{name}-file".replace("_", "-"): str(path)}).get(name)
    assert load(tmp_path, toml=f'{name}_file = "{path}"').get(name) == SECRET


PINS = tuple(base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def test_the_way_to_the_gateway(tmp_path: Path) -> None:
    """Environment and file make the same network; without either it is the default."""
    leaf = trustme.CA().issue_cert("merchant.test")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    leaf.cert_chain_pems[0].write_to_path(str(certificate))
    leaf.private_key_pem.write_to_path(str(key))
    proxy = "http://user:password@proxy.example:3128"
    environ = {
        "NETCANCEL_PROXY": proxy,
        "NETCANCEL_CA_FILE": str(certificate),
        "NETCANCEL_PINS": f"{PINS[0]}, {PINS[1]}",
        "NETCANCEL_CLIENT_CERTIFICATE_FILE": str(certificate),
        "NETCANCEL_CLIENT_KEY_FILE": str(key),
        "NETCANCEL_SOURCE_ADDRESS": "127.0.0.2",
    }
    toml = f"""
proxy = "{proxy}"
ca_file = "{certificate}"
pins = ["{PINS[0]}", "{PINS[1]}"]
client_certificate_file = "{certificate}"
client_key_file = "{key}"
source_address = "127.0.0.2"
"""
    expected = Network(
        proxy=proxy,
        ca_file=str(certificate),
        pins=PINS,
        client_certificate=str(certificate),
        client_key=str(key),
        source_address="127.0.0.2",
    )
    assert load(tmp_path).network() == Network()
    assert load(tmp_path, environ=environ).network() == expected
    assert load(tmp_path, toml=toml).network() == expected


def test_the_proxy_may_stand_in_a_file(tmp_path: Path) -> None:
    """A proxy's URL holds a password, so a file may hold it like other secrets."""
    (tmp_path / "proxy").write_text("http://user:password@proxy.example:3128\n")
    environ = {"NETCANCEL_PROXY_FILE": str(tmp_path / "proxy")}
    network = load(tmp_path, environ=environ).network()
    assert network == Network(proxy="http://user:password@proxy.example:3128")


def test_proxy_variables_of_the_environment_are_no_settings(tmp_path: Path) -> None:
    """What other programs take for their proxy says nothing to this one."""
    names = [f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO")]
    environ = {each: "http://proxy.example:3128" for name in names for each in (name, name.lower())}
    assert load(tmp_path, environ=environ).network() == Network()


def test_no_name_means_two_things() -> None:
    """A setting that is a path, and the path of a secret, are never called alike."""
    by_path = [each.by_path for each in SETTINGS if each.by_path is not None]
    names = [each.name for each in SETTINGS]
    assert len({*names, *by_path}) == len(names) + len(by_path)


NETWORK_MISTAKES: list[tuple[dict[str, str], str]] = [
    ({"PROXY": f"http://user:{SECRET}/@proxy.example:3128"}, "The proxy's URL has a path"),
    ({"PROXY": f"https://user:{SECRET}@proxy.example:3128"}, "The proxy's URL must start with"),
    ({"CA_FILE": "/nowhere/ca.pem"}, "The CA file '/nowhere/ca.pem' can't be read: No such file"),
    ({"PINS": "abc"}, "A pin must be the Base64 of 32 bytes"),
    ({"PINS": ""}, "NETCANCEL_PINS must be texts separated by commas"),
    ({"PINS": ","}, "NETCANCEL_PINS must be texts separated by commas"),
    ({"CLIENT_KEY_FILE": "/nowhere/key.pem"}, "A client key without its certificate"),
    ({"CLIENT_KEY": "x"}, "NETCANCEL_CLIENT_KEY is no setting; did you mean NETCANCEL_CLIENT_KEY_"),
    ({"CA_FILE_FILE": "x"}, "NETCANCEL_CA_FILE_FILE is no setting; did you mean NETCANCEL_CA_FILE"),
    ({"SOURCE_ADDRESS": "eth0"}, "The source address must be an IP address"),
]


@pytest.mark.parametrize(("given", "sentence"), NETWORK_MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_about_the_network_is_refused(
    tmp_path: Path, given: dict[str, str], sentence: str
) -> None:
    """The sentence says what is wrong with the way to the gateway, without a password."""
    environ = {f"NETCANCEL_{name}": value for name, value in given.items()}
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, environ=environ).network()
    assert str(caught.value).startswith(sentence)
    assert leaks_in(str(caught.value)) == []


def test_pins_in_the_file_are_a_list(tmp_path: Path) -> None:
    """One text in the file could be meant as one pin or as several: a list is asked for."""
    said = refusal(tmp_path, toml=f'pins = "{PINS[0]}"')
    assert said.startswith("pins in netcancel.toml must be texts separated by commas: write pins =")
    assert "must be texts" in refusal(tmp_path, toml="pins = []")
    assert "must be texts" in refusal(tmp_path, toml="pins = [7]")


def test_a_proxy_is_no_flag(tmp_path: Path) -> None:
    """Others see a command line, and a proxy's URL holds a password."""
    said = refusal(tmp_path, flags={"proxy": f"http://user:{SECRET}@proxy.example:3128"})
    assert said.startswith("--proxy is refused")
    assert leaks_in(said) == []


def test_a_nearer_file_wins_over_a_farther_secret(tmp_path: Path) -> None:
    """A secret's path in the environment wins over the secret itself in the settings file."""
    (tmp_path / "secret").write_text(SECRET)
    environ = {"NETCANCEL_SECRET_KEY_FILE": str(tmp_path / "secret")}
    assert load(tmp_path, environ=environ, toml='secret_key = "other"').get("secret_key") == SECRET


def test_another_settings_file_may_be_named(tmp_path: Path) -> None:
    """The config setting replaces netcancel.toml; a flag wins over the environment."""
    (tmp_path / "a.toml").write_text('tid = "A"')
    (tmp_path / "b.toml").write_text('tid = "B"')
    toml = 'tid = "C"'
    assert load(tmp_path, toml=toml).get("tid") == "C"
    assert load(tmp_path, environ={"NETCANCEL_CONFIG": "a.toml"}).get("tid") == "A"
    both = load(tmp_path, environ={"NETCANCEL_CONFIG": "a.toml"}, flags={"config": "b.toml"})
    assert both.get("tid") == "B"


def test_names_of_tests_are_left_alone(tmp_path: Path) -> None:
    """NETCANCEL_TEST_… belongs to tests of programs around netcancel."""
    load(tmp_path, environ={"NETCANCEL_TEST_ANYTHING": "x", "OTHER": "y"})


MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"environ": {"NETCANCEL_TIMEOUT_SECONDS": "30s"}},
        (
            "NETCANCEL_TIMEOUT_SECONDS must be a number of seconds without a unit:"
            " write NETCANCEL_TIMEOUT_SECONDS=30"
        ),
    ),
    (
        {"flags": {"settle-seconds": "1m"}},
        "--settle-seconds must be a number of seconds without a unit: write --settle-seconds=900",
    ),
    (
        {"toml": 'timeout_seconds = "30"'},
        (
            "timeout_seconds in netcancel.toml must be a number of seconds without a unit:"
            " write timeout_seconds = 30"
        ),
    ),
    (
        {"toml": "timeout_seconds = true"},
        (
            "timeout_seconds in netcancel.toml must be a number of seconds without a unit:"
            " write timeout_seconds = 30"
        ),
    ),
    (
        {"environ": {"NETCANCEL_MAX_IN_DOUBT": "1.5"}},
        "NETCANCEL_MAX_IN_DOUBT must be a whole number: write NETCANCEL_MAX_IN_DOUBT=30",
    ),
    (
        {"toml": 'decline_codes = "8521"'},
        (
            "decline_codes in netcancel.toml must be codes or ranges of codes:"
            ' write decline_codes = ["8521", "8300-8399"]'
        ),
    ),
    (
        {"environ": {"NETCANCEL_DECLINE_CODES": "852"}},
        (
            "NETCANCEL_DECLINE_CODES: a code must have exactly four printable characters,"
            " a range the form 8300-8399"
        ),
    ),
    (
        {"environ": {"NETCANCEL_TIMOUT_SECONDS": "30"}},
        "NETCANCEL_TIMOUT_SECONDS is no setting; did you mean NETCANCEL_TIMEOUT_SECONDS?",
    ),
    ({"environ": {"NETCANCEL_ZZZZ": "30"}}, "NETCANCEL_ZZZZ is no setting"),
    (
        {"environ": {"Netcancel_Tid": "1", "NETCANCEL_tid": "1"}},
        "'NETCANCEL_tid' is no setting: settings are written in capitals",
    ),
    ({"flags": {"jurnal": "x"}}, "--jurnal is no option; did you mean --journal?"),
    ({"toml": 'base-url = "x"'}, "base-url in netcancel.toml is no setting; did you mean base_url"),
    ({"toml": '[gateway]\nurl = "x"'}, "gateway in netcancel.toml is no setting"),
    ({"toml": "tid = T1"}, "the settings file 'netcancel.toml' is not TOML: "),
    (
        {"environ": {"NETCANCEL_CONFIG": "nowhere.toml"}},
        "the settings file 'nowhere.toml' can't be read: No such file or directory",
    ),
    ({"environ": {"NETCANCEL_TID": ""}}, "NETCANCEL_TID must be a text, and not empty"),
    (
        {"environ": {"NETCANCEL_ENVIRONMENT": "a b"}},
        (
            "NETCANCEL_ENVIRONMENT must be 1 to 64 letters, digits, '_', '-' and '.':"
            " write NETCANCEL_ENVIRONMENT=test"
        ),
    ),
    (
        {"environ": {"NETCANCEL_SECRET_KEY": SECRET, "NETCANCEL_SECRET_KEY_FILE": "x"}},
        "NETCANCEL_SECRET_KEY and NETCANCEL_SECRET_KEY_FILE are both set: keep one of them",
    ),
    (
        {"environ": {"NETCANCEL_VAULT_KEY_FILE": "/nowhere/key"}},
        "NETCANCEL_VAULT_KEY_FILE names a file that can't be read: No such file or directory",
    ),
    (
        {"flags": {"secret-key": SECRET}},
        (
            "--secret-key is refused, because others see a command line:"
            " use --secret-key-file, NETCANCEL_SECRET_KEY or NETCANCEL_SECRET_KEY_FILE"
        ),
    ),
    (
        {"environ": NEEDED | {"NETCANCEL_BIZR_NO": "123"}},
        "NETCANCEL_BIZR_NO must be ten ASCII digits",
    ),
    (
        {"environ": NEEDED | {"NETCANCEL_SECRET_KEY": SECRET + " "}},
        "NETCANCEL_SECRET_KEY must be printable ASCII without spaces, and not empty",
    ),
    (
        {"environ": NEEDED | {"NETCANCEL_LEASE_SECONDS": "5"}},
        "lease_seconds must be at least 39 with this timeout_seconds",
    ),
    (
        {"environ": NEEDED | {"NETCANCEL_TIMEOUT_SECONDS": "-1"}},
        "timeout_seconds must be more than 0",
    ),
    ({"environ": {}}, "not set, but needed: NETCANCEL_BASE_URL (the API domain given to you"),
]


@pytest.mark.parametrize(("given", "sentence"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_refused_with_a_sentence(
    tmp_path: Path, given: dict[str, Any], sentence: str
) -> None:
    """The sentence names the setting where it stands and what to write; no secret is shown."""
    said = refusal(tmp_path, **given)
    assert said.startswith(sentence)
    assert "\n" not in said
    assert leaks_in(said) == []


@pytest.mark.parametrize(
    "text", ["1e3", "1_000", "nan", "inf", "+1", " 1", "1 ", "0x10", "１", "1.", ".5", "", "1,5"]
)
def test_a_number_is_written_in_one_way(tmp_path: Path, text: str) -> None:
    """What Python would read as a number, and an operator would not, is refused."""
    assert "must be a number" in refusal(tmp_path, environ={"NETCANCEL_TIMEOUT_SECONDS": text})


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"x" * 5_000, b"\xff"])
def test_a_file_with_anything_but_one_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """A wrong file is noticed before it becomes a key."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    said = refusal(tmp_path, environ={"NETCANCEL_SECRET_KEY_FILE": str(path)})
    assert said.startswith("NETCANCEL_SECRET_KEY_FILE ")


def test_everything_missing_is_named_at_once(tmp_path: Path) -> None:
    """Whoever sets netcancel up learns in one go what is needed."""
    said = refusal(tmp_path)
    assert all(name in said for name in NEEDED)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    """A repr of the settings has no values."""
    assert leaks_in(repr(load(tmp_path, environ=NEEDED))) == []


def test_the_page_says_what_the_table_says() -> None:
    """docs/settings.md is what `python -m tools.settings` writes."""
    assert page.PAGE.read_text(encoding="utf-8") == page.render()


def test_the_page_names_every_setting() -> None:
    """An operator finds each setting by its name in the environment."""
    assert all(f"`{each.variable}`" in page.render() for each in SETTINGS)


def test_settings_tell_where_each_was_found(tmp_path: Path) -> None:
    """What was set is called as the place that decided calls it; defaults are not named."""
    (tmp_path / "secret").write_text(SECRET)
    settings = load(
        tmp_path,
        flags={"tid": "T123456789"},
        environ={"NETCANCEL_SECRET_KEY_FILE": str(tmp_path / "secret"), "NETCANCEL_TID": "T0"},
        toml='tid = "T1"\nsettle_seconds = 60',
    )
    assert settings.called == {
        "tid": "--tid",
        "secret_key": "NETCANCEL_SECRET_KEY_FILE",
        "settle_seconds": "settle_seconds in netcancel.toml",
    }


def test_settings_tell_which_files_hold_secrets(tmp_path: Path) -> None:
    """Those that a secret was read from, keys, and the settings file where one stands in it."""
    for name in ("secret", "shop", "key"):
        (tmp_path / name).write_text(SECRET)
    toml = f"""
        previous_secret_key = "{SECRET}"
        client_certificate_file = "certificate.pem"
        [[channels]]
        channel_id = "CH_2"
        secret_key = "{SECRET}"
        [[shops]]
        channel_id = "CH_SHOP1"
        secret_key_file = "{tmp_path}/shop"
        [server]
        certificate_file = "tls.pem"
        key_file = "tls.key"
    """
    environ = {"NETCANCEL_SECRET_KEY_FILE": str(tmp_path / "secret")}
    settings = load(tmp_path, environ=environ, toml=toml)
    assert {(each.called, each.path.name) for each in settings.secret_files} == {
        ("NETCANCEL_SECRET_KEY_FILE", "secret"),
        ("previous_secret_key in netcancel.toml", "netcancel.toml"),
        ("client_certificate_file in netcancel.toml", "certificate.pem"),
        ("secret_key of channels in netcancel.toml", "netcancel.toml"),
        ("secret_key_file of shops in netcancel.toml", "shop"),
        ("key_file of server in netcancel.toml", "tls.key"),
    }
    environ["NETCANCEL_CLIENT_KEY_FILE"] = "client.key"
    names = {each.path.name for each in load(tmp_path, environ=environ).secret_files}
    assert names == {"secret", "client.key", "netcancel.toml", "shop", "tls.key"}


def test_a_settings_file_without_secrets_is_not_named(tmp_path: Path) -> None:
    """It may be read by anybody."""
    assert load(tmp_path, toml='tid = "T1"').secret_files == ()
