"""Settings that contradict each other or lack something, each made for real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from netcancel.doctor import Level
from netcancel.doctor.configuration import configuration
from tests.canaries import SECRET
from tests.doctor.conftest import level_of, not_ok

if TYPE_CHECKING:
    from tests.doctor.conftest import Load

CODES = {"nothing_to_void_codes": "8001"}
SHOP = f"""
    [[shops]]
    channel_id = "CH_SHOP1"
    secret_key = "{SECRET}"
    gateway_channel_id = "CH_A1B2C3D4"
"""


def test_nothing_is_wrong(load: Load) -> None:
    """Settings that are whole get no warning."""
    assert not_ok(configuration(load(**CODES))) == []
    assert level_of(configuration(load(**CODES)), "https://gateway.example:443") is Level.OK
    assert not_ok(configuration(load(SHOP, **CODES))) == []


@pytest.mark.parametrize(
    ("changes", "words", "level"),
    [
        ({"base_url": None}, "NETCANCEL_BASE_URL", Level.FAIL),
        ({"base_url": "http://gateway.example"}, "tokens would travel in clear", Level.FAIL),
        ({"base_url": "http://127.0.0.1:8080"}, "on this host itself", Level.WARN),
        ({"proxy": "http://user:pass word@proxy"}, "spaces or odd characters", Level.FAIL),
        ({"secret_key": None}, "NETCANCEL_SECRET_KEY_FILE", Level.FAIL),
        ({"tid": None, "bizr_no": None}, "not set: tid, bizr_no", Level.WARN),
        ({"bizr_no": "12"}, "must be ten ASCII digits", Level.FAIL),
        ({"settle_seconds": 90_000}, "retry_window_seconds must be more than", Level.FAIL),
        ({"lease_seconds": 10}, "lease_seconds must be at least 39", Level.FAIL),
        ({"settle_seconds": 0}, "settle_seconds is 0", Level.WARN),
        ({"grace_seconds": 3600}, "87300 s hold instead", Level.WARN),
        ({"alarm_after_seconds": 90_000}, "nobody is alarmed", Level.WARN),
        ({"nothing_to_void_codes": None}, "NETCANCEL_NOTHING_TO_VOID_CODES", Level.WARN),
    ],
)
def test_a_mistake_is_told(load: Load, changes: dict[str, Any], words: str, level: Level) -> None:
    """Each has one line with what to change, and no other line complains."""
    settings = load(**CODES | changes)
    assert level_of(configuration(settings), words) is level
    assert len(not_ok(configuration(settings))) == 1


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (
            f'[[channels]]\nchannel_id = "CH_A1B2C3D4"\nsecret_key = "{SECRET}"',
            "CH_A1B2C3D4 is given twice",
        ),
        (SHOP.replace("CH_A1B2C3D4", "CH_OTHER"), "CH_OTHER, which has no credentials"),
        (f'{SHOP}\n[server]\nlisten = "192.0.2.1:8700"', "take tokens in clear on 192.0.2.1"),
    ],
)
def test_a_mistake_in_the_tables_is_told(load: Load, toml: str, words: str) -> None:
    """Channels, shops and where the proxy listens are looked at together."""
    settings = load(toml, **CODES)
    assert level_of(configuration(settings), words) is Level.FAIL
    assert len(not_ok(configuration(settings))) == 1


def test_what_was_set_is_named_and_not_shown(load: Load) -> None:
    """Names alone: values may be secrets."""
    lines = list(configuration(load(previous_secret_key=SECRET[::-1])))
    assert "NETCANCEL_PREVIOUS_SECRET_KEY" in lines[0].found
    assert all(SECRET[::-1] not in f"{line.found}{line.advice}" for line in lines)
