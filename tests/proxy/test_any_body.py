"""Whatever a shop with a good signature writes: an answer in form, and never a bug."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.proxy.replies import Refusal
from tests.proxy.shop import APPROVAL, CANCEL, NET_CANCEL, check_form, order, send

if TYPE_CHECKING:
    from tests.proxy.conftest import Proxied

BODIES = 60
NAMES = [*order("any"), "userData", "taxFreeAmt", "wcc", "cndTrxNo", "orgAprvDt", "orgAprvNo"]
CHARACTERS = 'aZ09 "\\{}[]:,\0\n\x7f\u00e9\u202e\ufeff가\ud800\U0001f4b3'
LARGEST = 10**30


def odd_text(draws: random.Random) -> str:
    """Return a text that nobody writes."""
    return "".join(draws.choices(CHARACTERS, k=draws.randrange(12)))


def odd_value(draws: random.Random, depth: int = 3) -> Any:
    """Return any value that JSON, or what passes for it, can hold."""
    plain = [
        None,
        draws.random() < 0.5,
        draws.randint(-LARGEST, LARGEST),
        draws.choice([0.0, -0.0, 1e308, float("inf"), float("nan"), draws.random()]),
        odd_text(draws),
    ]
    if depth == 0 or draws.random() < 0.7:
        return draws.choice(plain)
    several = [odd_value(draws, depth - 1) for _ in range(draws.randrange(4))]
    return several if draws.random() < 0.5 else {odd_text(draws): each for each in several}


def odd_fields(draws: random.Random, number: str) -> dict[str, Any]:
    """Return an order some of whose fields are odd, and some that nobody knows."""
    names = [
        draws.choice(NAMES) if draws.random() < 0.5 else odd_text(draws)
        for _ in range(draws.randrange(4))
    ]
    return order(number) | {name: odd_value(draws) for name in names}


@pytest.mark.parametrize("path", [APPROVAL, CANCEL, NET_CANCEL])
@pytest.mark.parametrize("seed", range(2))
def test_any_body_is_answered_in_form(proxied: Proxied, path: str, seed: int) -> None:
    """Odd values, odd names, lone surrogates, bodies cut off: refused or served."""
    # Not the module's own generator: recovery, in another thread, draws from that one.
    draws = random.Random(seed)
    for place in range(BODIES):
        fields = odd_fields(draws, f"ORD_{place}")
        text = json.dumps(fields, ensure_ascii=draws.random() < 0.5)
        body = text.encode("utf-8", "surrogatepass")
        for each in (body, body[: draws.randrange(400)]):
            answer = send(proxied.base_url, path, each)
            check_form(answer, fields)
            assert answer.code != Refusal.UNKNOWN.code
