"""Whatever a shop with a good signature writes: an answer in form, and never a bug."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcancel.proxy.replies import Refusal
from tests.proxy.shop import APPROVAL, CANCEL, NET_CANCEL, check_form, order, send

if TYPE_CHECKING:
    from tests.proxy.conftest import Proxied

NUMBERS = itertools.count(1)
FIELDS = [*order("any"), "userData", "taxFreeAmt", "wcc", "cndTrxNo", "orgAprvDt", "orgAprvNo"]

TEXTS = st.text(st.characters() | st.sampled_from("\ud800\0\n\u202e\ufeff"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ODD = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=3)


@pytest.mark.parametrize("path", [APPROVAL, CANCEL, NET_CANCEL])
@given(odd=ODD, ascii_only=st.booleans(), cut=st.integers(0, 400))
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_body_is_answered_in_form(
    proxied: Proxied,
    path: str,
    odd: dict[str, Any],
    ascii_only: bool,
    cut: int,
) -> None:
    """Odd values, odd names, lone surrogates, bodies cut off: refused or served."""
    fields = order(f"ORD_{next(NUMBERS)}") | odd
    text = json.dumps(fields, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    for each in (body, body[:cut]):
        answer = send(proxied.base_url, path, each)
        check_form(answer, fields)
        assert answer.code != Refusal.UNKNOWN.code
