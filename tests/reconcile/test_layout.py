"""Profiles and flags: what a layout may say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel.errors import ConfigurationError
from netcancel.reconcile import Layout

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = """
number_column = "주문번호"
kind_column = "구분"
refund_value = ["취소", "환불"]
charge_value = "승인"
delimiter = "tab"
encoding = "cp949"
date_format = "yyyy-MM-dd"
"""


def test_a_profile_and_flags(tmp_path: Path) -> None:
    """Each flag wins over the profile's line, and what neither says has its default."""
    profile = tmp_path / "van.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    layout = Layout.of(profile, {"number_column": "번호", "amount_column": None})
    assert layout == Layout(
        number_column="번호",
        kind_column="구분",
        refund_value=("취소", "환불"),
        charge_value=("승인",),
        delimiter="\t",
        encoding="cp949",
        date_format="yyyy-MM-dd",
    )
    assert layout.column("amount_column") == "trxAmt"
    assert Layout.of(None, {"refund_value": ["x"], "kind_column": "k"}).refund_value == ("x",)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('number_colunm = "x"', "did you mean number_column?"),
        ('zzz = "x"', "known: "),
        ("number_column = 1", "must be a text"),
        ("refund_value = 1", "must be a text"),
        ("refund_value = [1]", "must be a text"),
        ("number_column = ", "not TOML"),
        ('encoding = "euc-kr"', "utf-8 or cp949"),
        ('delimiter = "ab"', "delimiter"),
        ("delimiter = '\"'", "delimiter"),
        ('delimiter = ""', "delimiter"),
        ('kind_column = "x"', "go together"),
        ('refund_value = "x"', "go together"),
        ('charge_value = "x"', "charge_value needs"),
        ('kind_column = "k"\nrefund_value = "x"\ncharge_value = "x"', "both a charge and a refund"),
        ('number_column = "trxAmt"', "mapped once"),
        ('date_column = ""', "has a name"),
        ('date_format = "yyyyMM"', "date format"),
        ('date_format = "%Y%m%d"', "date format"),
        ('date_format = "yyyyMMdddd"', "date format"),
        ('date_format = "yyyyyyMMdd"', "date format"),
    ],
)
def test_a_profile_that_can_not_be_meant(tmp_path: Path, text: str, part: str) -> None:
    """It is refused with a sentence before a file is read."""
    profile = tmp_path / "van.toml"
    profile.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        Layout.of(profile, {})
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "part"),
    [(None, "can't be read"), (b"\xff", "not UTF-8"), (b"#" * 70_000, "right file")],
)
def test_a_profile_that_is_none(tmp_path: Path, content: bytes | None, part: str) -> None:
    """The sentence says which file, and what is wrong."""
    profile = tmp_path / "van.toml"
    if content is not None:
        profile.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        Layout.of(profile, {})
    assert part in str(caught.value)
    assert "'van.toml'" in str(caught.value)
