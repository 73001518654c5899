"""What an order is frozen with, beside what `kicc` writes of it."""

from netcancel import Merchant, Policy
from netcancel.freezing import freeze

MERCHANT = Merchant(tid="T123456789", svc_id="SVC_SIMPLE", bizr_no="1234567890")


def id_at(at: float) -> str:
    """Return the id of a payment that begins then."""
    order = freeze(
        MERCHANT,
        world="http://127.0.0.1:1 CH default",
        writer="w",
        at=at,
        policy=Policy(),
        merc_trx_no="ORD_1",
        token_key="TOKEN",
        trx_amt=1_000,
        vat_amt=0,
    )
    return order.intent.id


def test_ids_come_in_the_order_of_their_times() -> None:
    """Whatever the year: a journal's index of them grows at its end."""
    times = [1.0, 1_700_000_000.0, 1_700_000_000.001, 1_700_000_001.0, 4_102_444_800.0]
    ids = [id_at(at) for at in times]
    assert sorted(ids) == ids
    assert {len(each) for each in ids} == {32}


def test_no_two_payments_have_one_id() -> None:
    """Those of one moment differ by chance."""
    assert len({id_at(1_700_000_000.0) for _ in range(1_000)}) == 1_000
