"""New numbers for cancels: their form, their order, and what they are made of."""

import pytest

from netcancel.kicc import CHANCE_BITS, ApprovalRequest, new_cancel_number
from tests.kicc.examples import PAYMENT

LAST = 2**45 - 1
"""The last millisecond that has a place: in the year 3084."""

MOMENTS = (0, 1, 31, 32, 1023, 1024, 1_703_473_200_000, 1_703_473_200_001, LAST - 1, LAST)


@pytest.mark.parametrize(
    ("milliseconds", "chance", "number"),
    [
        (0, 0, "C" + "0" * 19),
        (1, 31, "C000000001" + "000000000Z"),
        (32, 10, "C000000010" + "000000000A"),
        (31 * 32**8, 31 * 32**9, "CZ00000000" + "Z000000000"),
        (LAST, 2**CHANCE_BITS - 1, "C" + "Z" * 19),
    ],
)
def test_a_number_is_a_time_and_a_chance(milliseconds: int, chance: int, number: str) -> None:
    """Nine and ten digits to the base of 32, as Crockford writes them, behind a C."""
    assert new_cancel_number(milliseconds, chance) == number
    ApprovalRequest(**PAYMENT | {"merc_trx_no": number})


def test_numbers_sort_by_their_time() -> None:
    """Whatever chance they have."""
    chances = (0, 2**CHANCE_BITS - 1)
    numbers = [new_cancel_number(at, chance) for at in MOMENTS for chance in chances]
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}
