"""Where the master key comes from, and which keys are refused."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal.master_key import (
    FILE_VARIABLE,
    KEY_VARIABLE,
    PREVIOUS_FILE_VARIABLE,
    PREVIOUS_VARIABLE,
    master_key,
    previous_keys,
    state_directory,
)
from tests.journal.samples import KEY, KEY_BYTES, OTHER_KEY


def base64_of(key: bytes) -> str:
    """Return a key as it is written."""
    return base64.b64encode(key).decode()


def names_in(directory: Path) -> list[str]:
    """List a directory."""
    return sorted(each.name for each in directory.iterdir())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state home without a key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def key_file(path: Path, text: str = OTHER_KEY, mode: int = 0o600) -> Path:
    """Write a key file."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_argument_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the environment's key, then its file, then the file in the state directory."""
    made = master_key()
    assert made not in {KEY_BYTES, KEY_BYTES[::-1]}
    monkeypatch.setenv(FILE_VARIABLE, str(key_file(home / "named.key")))
    assert master_key() == KEY_BYTES[::-1]
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert master_key() == KEY_BYTES
    assert master_key(OTHER_KEY) == KEY_BYTES[::-1]


def test_the_key_file_is_made_once(home: Path) -> None:
    """Private, in a private directory, and read the next time."""
    key = master_key()
    path = home / "netcancel" / "vault.key"
    assert state_directory() == path.parent
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert base64_of(key) == path.read_text().strip()
    assert names_in(path.parent) == ["vault.key"]
    assert master_key() == key


@pytest.mark.parametrize("value", ["", "relative/state"])
def test_the_state_directory_is_in_the_home_directory_by_default(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """An empty or relative XDG_STATE_HOME is as good as none."""
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("HOME", str(home))
    assert state_directory() == home / ".local" / "state" / "netcancel"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        KEY[:-1],
        KEY + "A",
        KEY.replace(KEY[5], "!"),
        base64_of(KEY_BYTES[:16]),
        base64_of(KEY_BYTES * 2),
        "ＡＡＡＡ" * 11,
        base64_of(bytes(32)),
        base64_of(b"\xff" * 32),
        base64_of(bytes(range(32))),
        base64_of(bytes(range(200, 168, -1))),
        base64_of(bytes(range(15)) * 2 + b"\0\1"),
        base64_of(b"correct horse battery staple 1!?"),
    ],
)
@pytest.mark.parametrize("source", ["argument", "variable", "file"])
def test_malformed_and_weak_keys_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, source: str
) -> None:
    """With a sentence that says how to make one, and doesn't show it."""
    if source == "variable":
        monkeypatch.setenv(KEY_VARIABLE, text)
    if source == "file":
        monkeypatch.setenv(FILE_VARIABLE, str(key_file(home / "k", text)))
    with pytest.raises(ConfigurationError, match="openssl rand -base64 32") as refused:
        master_key(text if source == "argument" else None)
    assert len(text) < 5 or text not in str(refused.value)


@pytest.mark.parametrize("text", [f" {KEY}\n", KEY])
def test_space_around_a_key_is_no_part_of_it(text: str) -> None:
    """Files end in a newline."""
    assert master_key(text) == KEY_BYTES


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_a_key_file_for_others_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """The sentence is the command that mends it."""
    path = key_file(home / "k", mode=mode)
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        master_key()


def test_what_is_no_key_file_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing there, a directory, a device, something long."""
    for name in (home / "none", home, "/dev/zero", key_file(home / "long", KEY * 100)):
        monkeypatch.setenv(FILE_VARIABLE, str(name))
        with pytest.raises(ConfigurationError, match="key"):
            master_key()


def test_a_directory_that_others_can_write_is_refused(home: Path) -> None:
    """They could put a key of theirs there."""
    (home / "netcancel").mkdir(mode=0o700)
    (home / "netcancel").chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        master_key()


def test_no_key_is_made_where_none_may_be(home: Path) -> None:
    """A worker says that the key is missing, and leaves nothing behind."""
    with pytest.raises(ConfigurationError, match="there is no vault key"):
        master_key(create=False)
    assert names_in(home) == []


RACE = """
import os
from netcancel.journal.master_key import master_key
start, go = os.pipe()
children = []
for _ in range(8):
    if (child := os.fork()) == 0:
        os.close(go)
        os.read(start, 1)  # ends for all when the parent closes its end
        os.write(1, master_key()[:4].hex().encode() + b"\\n")
        os._exit(0)
    children.append(child)
os.close(go)
codes = [os.waitpid(child, 0)[1] for child in children]
"""


def test_processes_that_race_end_with_the_same_key(home: Path) -> None:
    """Eight processes start at once on a host without a key; all get the one key."""
    output = subprocess.run([sys.executable, "-c", RACE], capture_output=True, check=True).stdout
    assert output.split() == [master_key()[:4].hex().encode()] * 8
    assert names_in(home / "netcancel") == ["vault.key"]


@pytest.mark.parametrize("source", ["argument", "variable", "file"])
def test_previous_keys_are_read_like_the_current_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """None, one or several; a weak or malformed one is refused and not shown."""
    assert previous_keys() == []
    weak = base64_of(bytes(32))
    for text, keys in ((KEY, [KEY_BYTES]), (f"{KEY}, {OTHER_KEY}", [KEY_BYTES, KEY_BYTES[::-1]])):
        if source == "variable":
            monkeypatch.setenv(PREVIOUS_VARIABLE, text)
        if source == "file":
            monkeypatch.setenv(PREVIOUS_FILE_VARIABLE, str(key_file(home / "k", text + "\n")))
        assert previous_keys(text if source == "argument" else None) == keys
    if source == "variable":
        monkeypatch.setenv(PREVIOUS_VARIABLE, f"{KEY},{weak}")
    if source == "file":
        key_file(home / "k", f"{KEY},{weak}")
    with pytest.raises(ConfigurationError, match="made by chance") as refused:
        previous_keys(f"{KEY},{weak}" if source == "argument" else None)
    assert KEY not in str(refused.value)


def test_a_file_of_previous_keys_is_nobody_elses(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of the current one."""
    path = key_file(home / "k", mode=0o640)
    monkeypatch.setenv(PREVIOUS_FILE_VARIABLE, str(path))
    with pytest.raises(ConfigurationError, match="chmod 600"):
        previous_keys()
