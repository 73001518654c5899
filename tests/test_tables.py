"""The tables of the settings file: every mistake in a sentence, and no secret in any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel.errors import ConfigurationError
from netcancel.settings import Settings
from netcancel.tables import Server, Tables
from tests.canaries import SECRET, leaks_in

if TYPE_CHECKING:
    from pathlib import Path


def read(directory: Path, toml: str) -> Tables:
    """Read the tables of a settings file."""
    (directory / "netcancel.toml").write_text(toml, encoding="utf-8")
    return Settings.load(flags={}, environ={}, directory=directory).tables


def test_what_the_tables_say(tmp_path: Path) -> None:
    """Secrets from files or the file itself; what is left out has its default."""
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "old").write_text("old\n")
    tables = read(
        tmp_path,
        f"""
[[channels]]
channel_id = "CH_1"
secret_key_file = "{tmp_path}/secret"
previous_secret_key_file = "{tmp_path}/old"

[[shops]]
channel_id = "CH_SHOP1"
secret_key = "{SECRET}"
gateway_channel_id = "CH_1"
tids = ["T123456789", "T123456780"]

[[shops]]
channel_id = "CH_1"
secret_key = "another"

[server]
listen = "[::1]:8701"
certificate_file = "tls.pem"
""",
    )
    [channel] = tables.channels
    assert (channel.channel_id, channel.secret_key) == ("CH_1", SECRET)
    assert channel.previous_secret_key == "old"
    first, second = tables.shops
    assert (first.credentials.channel_id, first.gateway_channel_id) == ("CH_SHOP1", "CH_1")
    assert first.credentials.secret_key == SECRET
    assert first.tids == frozenset({"T123456789", "T123456780"})
    assert (second.gateway_channel_id, second.tids) == ("CH_1", None)
    assert tables.server == Server("::1", 8701, "tls.pem", None)
    assert leaks_in(repr(tables)) == []


def test_without_tables_there_is_nobody_and_the_usual_address(tmp_path: Path) -> None:
    """A file without tables is what it was before there were any."""
    assert read(tmp_path, "") == Tables()
    assert Tables().server == Server("127.0.0.1", 8700)


SHOP = f'[[shops]]\nchannel_id = "CH_SHOP1"\nsecret_key = "{SECRET}"\n'
CHANNEL = SHOP.replace("shops", "channels").replace("CH_SHOP1", "CH_1")

MISTAKES = {
    "shops = 1": "shops in netcancel.toml must be a list of tables: write [[shops]]",
    "[shops]\na = 1": "shops in netcancel.toml must be a list of tables: write [[shops]]",
    "shops = [1]": "shops in netcancel.toml must be a table",
    "server = 1": "server in netcancel.toml must be a table",
    "[[server]]": "server in netcancel.toml must be a table",
    "channels = {}": "channels in netcancel.toml must be a list of tables: write [[channels]]",
    '[[shops]]\nsecret_key = "s"': "shops in netcancel.toml: each needs a channel_id",
    '[[shops]]\nchannel_id = "C"': "shops in netcancel.toml: each needs a secret_key",
    '[[channels]]\nchannel_id = "C"': "channels in netcancel.toml: each needs a secret_key",
    SHOP.replace('"CH_SHOP1"', '""'): "channel_id of shops in netcancel.toml must be a text, and",
    SHOP.replace('"CH_SHOP1"', "7"): "channel_id of shops in netcancel.toml must be a text, and",
    SHOP.replace("CH_SHOP1", "C H"): "channel_id of shops in netcancel.toml must be letters",
    SHOP.replace(SECRET, "키"): "secret_key of shops in netcancel.toml must be printable ASCII",
    SHOP.replace(f'"{SECRET}"', "7"): "secret_key of shops in netcancel.toml must be a text",
    SHOP + 'secret_key_file = "f"': "secret_key and secret_key_file of shops in netcancel.toml are",
    SHOP + 'previous_secret_key = ""': "previous_secret_key of shops in netcancel.toml must be",
    SHOP + 'previous_secret_key_file = "/absent"': (
        "previous_secret_key_file of shops in netcancel.toml names a file that can't be read"
    ),
    SHOP + 'secrit = "s"': "secrit is nothing of shops in netcancel.toml: it may be",
    SHOP + 'gateway_channel_id = ""': "gateway_channel_id of shops in netcancel.toml must be a",
    SHOP + "tids = []": 'tids of shops in netcancel.toml must be a list such as ["T123456789"]',
    SHOP + 'tids = "T1"': 'tids of shops in netcancel.toml must be a list such as ["T123456789"]',
    SHOP + "tids = [1]": 'tids of shops in netcancel.toml must be a list such as ["T123456789"]',
    SHOP + SHOP: "shops in netcancel.toml: CH_SHOP1 stands there twice",
    CHANNEL + CHANNEL: "channels in netcancel.toml: CH_1 stands there twice",
    CHANNEL + 'tids = ["T1"]': "tids is nothing of channels in netcancel.toml: it may be",
    "[server]\nport = 1": "port is nothing of server in netcancel.toml: it may be",
    '[server]\nlisten = "8700"': "listen of server in netcancel.toml must be host:port, such as",
    '[server]\nlisten = ":8700"': "listen of server in netcancel.toml must be host:port, such as",
    '[server]\nlisten = "a:"': "listen of server in netcancel.toml must be host:port, such as",
    '[server]\nlisten = "a:-1"': "listen of server in netcancel.toml must be host:port, such as",
    '[server]\nlisten = "a:65536"': "listen of server in netcancel.toml must be host:port, such",
    '[server]\nlisten = "a:８７"': "listen of server in netcancel.toml must be host:port, such as",
    "[server]\nlisten = 8700": "listen of server in netcancel.toml must be a text, and not empty",
    '[server]\nkey_file = "k"': "key_file of server in netcancel.toml is set without certificate",
    '[server]\n"\\u001b" = 1': "\\x1b is nothing of server in netcancel.toml: it may be",
}


@pytest.mark.parametrize("toml", MISTAKES)
def test_each_mistake_is_a_sentence(tmp_path: Path, toml: str) -> None:
    """Which table, what of it, and what to write; never a value that may be a secret."""
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, toml)
    assert str(caught.value).startswith(MISTAKES[toml])
    assert leaks_in(str(caught.value)) == []
