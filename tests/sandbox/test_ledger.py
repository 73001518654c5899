"""The ledger's rules, each on a ledger of its own."""

import pytest

from netcancel.sandbox import codes
from netcancel.sandbox.ledger import ELEVEN, Charge, Did, Ledger, NetCancelMemory, Status
from tests.canaries import TOKEN
from tests.sandbox.client import cancel_of, eleven

NOW = 1_703_473_200.0  # 2023-12-25 12:00:00 in Seoul
MEMORIES = list(NetCancelMemory)
OTHER: dict[str, str | int] = {
    "tid": "T000000000",
    "svcId": "SVC_OTHERS",
    "bizrNo": "0987654321",
    "mercTrxNo": "ORD_OTHER",
    "tokenKey": "TOKEN_OTHER",
    "alotMonth": "03",
    "trxAmt": 10_001,
    "vatAmt": 908,
    "svcAmt": 1,
    "tranDt": "20231226",
    "tranTm": "120001",
}


def charged(ledger: Ledger) -> Charge:
    """Charge the example on this ledger."""
    charge = ledger.approve(eleven(), now=NOW).charge
    assert charge is not None
    return charge


def test_an_approval_charges_the_amount_once() -> None:
    """A first approval makes a live charge with an approval number and the date in Seoul."""
    ledger = Ledger()
    entry = ledger.approve(eleven(), now=NOW)
    assert (entry.code, entry.did, entry.charge) == ("0000", Did.CHARGED, ledger.charges[0])
    assert ledger.charges[0].as_row() == {
        "tid": "T123456789",
        "merc_trx_no": "ORD_20231225_0001",
        "trx_amt": 10_000,
        "status": "live",
        "aprv_no": "10000001",
        "aprv_dt": "20231225",
        "van_trx_no": "V20231225S00000001",
        "charged_at": NOW,
        "voided_at": None,
        "refunded_at": None,
    }


def test_a_charge_never_shows_its_token() -> None:
    """Neither the row nor the repr of a charge holds the token."""
    charge = charged(Ledger())
    assert TOKEN not in repr(charge)
    assert TOKEN not in repr(charge.as_row())


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("end", ["live", "voided", "refunded", "declined"])
def test_a_used_number_is_refused(memory: NetCancelMemory, end: str) -> None:
    """A number that was charged or declined is never charged again, whatever became of it."""
    ledger = Ledger(memory=memory)
    ledger.approve(eleven(), now=NOW, decline_code="8521" if end == "declined" else None)
    if end == "voided":
        ledger.net_cancel(eleven(), now=NOW)
    if end == "refunded":
        ledger.cancel(cancel_of(ledger.charges[0].as_row()), now=NOW)
    before = [charge.as_row() for charge in ledger.charges]
    assert ledger.approve(eleven(), now=NOW).code == codes.NUMBER_USED
    assert [charge.as_row() for charge in ledger.charges] == before


@pytest.mark.parametrize("end", ["live", "voided", "declined"])
def test_a_used_number_is_charged_again_where_that_is_allowed(end: str) -> None:
    """With refuse_used_numbers off a second approval makes a second charge."""
    ledger = Ledger(refuse_used_numbers=False)
    ledger.approve(eleven(), now=NOW, decline_code="8521" if end == "declined" else None)
    if end == "voided":
        ledger.net_cancel(eleven(), now=NOW)
    assert ledger.approve(eleven(), now=NOW).did is Did.CHARGED
    assert ledger.charges[-1].status is Status.LIVE
    assert len(ledger.charges) == (1 if end == "declined" else 2)


def test_a_net_cancel_voids_every_live_charge_of_its_number() -> None:
    """Where a number was charged twice, one net-cancel voids both."""
    ledger = Ledger(refuse_used_numbers=False)
    charged(ledger)
    charged(ledger)
    assert ledger.net_cancel(eleven(), now=NOW).did is Did.VOIDED
    assert [charge.status for charge in ledger.charges] == [Status.VOIDED] * 2


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_repeated_net_cancel_is_a_success(memory: NetCancelMemory) -> None:
    """In every mode the second net-cancel of a charge answers 0000 and changes nothing."""
    ledger = Ledger(memory=memory)
    charge = charged(ledger)
    assert ledger.net_cancel(eleven(), now=NOW + 1).did is Did.VOIDED
    second = ledger.net_cancel(eleven(), now=NOW + 2)
    assert (second.code, second.did) == ("0000", Did.NOTHING)
    assert (charge.status, charge.voided_at) == (Status.VOIDED, NOW + 1)


@pytest.mark.parametrize(
    ("memory", "code", "later"),
    [
        (NetCancelMemory.TOMBSTONE, "0000", codes.NET_CANCELLED_BEFORE),
        (NetCancelMemory.CODE, codes.NOTHING_TO_VOID, "0000"),
        (NetCancelMemory.FORGETFUL, "0000", "0000"),
    ],
)
def test_a_net_cancel_before_its_approval(memory: NetCancelMemory, code: str, later: str) -> None:
    """A tombstone refuses the later approval; the other memories charge it."""
    ledger = Ledger(memory=memory)
    assert ledger.net_cancel(eleven(), now=NOW).code == code
    assert ledger.approve(eleven(), now=NOW).code == later
    assert len(ledger.charges) == (1 if later == "0000" else 0)


@pytest.mark.parametrize(
    ("memory", "code"),
    [
        (NetCancelMemory.TOMBSTONE, "0000"),
        (NetCancelMemory.CODE, codes.NOTHING_TO_VOID),
        (NetCancelMemory.FORGETFUL, "0000"),
    ],
)
def test_a_net_cancel_of_a_declined_number(memory: NetCancelMemory, code: str) -> None:
    """A declined number has nothing to void."""
    ledger = Ledger(memory=memory)
    ledger.approve(eleven(), now=NOW, decline_code="8521")
    assert ledger.net_cancel(eleven(), now=NOW).code == code


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("name", ELEVEN)
def test_a_net_cancel_that_differs_in_one_field_voids_nothing(
    memory: NetCancelMemory, name: str
) -> None:
    """Each of the eleven fields must be the approval's; another tid or number is a stranger's."""
    ledger = Ledger(memory=memory)
    charge = charged(ledger)
    entry = ledger.net_cancel(eleven(**{name: OTHER[name]}), now=NOW)
    assert charge.status is Status.LIVE
    if name in {"tid", "mercTrxNo"}:
        unknown = codes.NOTHING_TO_VOID if memory is NetCancelMemory.CODE else "0000"
        assert entry.code == unknown
    else:
        assert (entry.code, entry.did) == (codes.FIELDS_DIFFER, Did.NOTHING)


def test_an_omitted_amount_counts_as_nought() -> None:
    """An approval without vatAmt and svcAmt is voided by a net-cancel that names them as 0."""
    ledger = Ledger()
    short = {name: value for name, value in eleven().items() if name not in {"vatAmt", "svcAmt"}}
    ledger.approve(short, now=NOW)
    assert ledger.net_cancel(eleven(vatAmt=0, svcAmt=0), now=NOW).did is Did.VOIDED


@pytest.mark.parametrize("wcc", ["T", "G"])
def test_a_cancel_refunds_once(wcc: str) -> None:
    """Found by either number, a live charge is refunded; a second cancel is told so."""
    ledger = Ledger()
    charge = charged(ledger)
    number = charge.van_trx_no if wcc == "T" else charge.merc_trx_no
    cancel = cancel_of(charge.as_row(), wcc=wcc, cndTrxNo=number)
    assert ledger.cancel(cancel, now=NOW + 1).did is Did.REFUNDED
    assert (charge.status, charge.refunded_at) == (Status.REFUNDED, NOW + 1)
    assert ledger.cancel(cancel, now=NOW + 2).code == codes.ALREADY_CANCELLED
    assert charge.refunded_at == NOW + 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cndTrxNo": "V20231225S00000099"}, codes.ORIGINAL_NOT_FOUND),
        ({"wcc": "G", "cndTrxNo": "ORD_OTHER"}, codes.ORIGINAL_NOT_FOUND),
        ({"orgAprvNo": "10000002"}, codes.ORIGINAL_DIFFERS),
        ({"orgAprvDt": "20231226"}, codes.ORIGINAL_DIFFERS),
        ({"trxAmt": 9_999}, codes.ORIGINAL_DIFFERS),
        ({"trxAmt": 10_001}, codes.ORIGINAL_DIFFERS),
        ({"tid": "T000000000"}, codes.ORIGINAL_DIFFERS),
        ({"svcId": "SVC_OTHERS"}, codes.ORIGINAL_DIFFERS),
        ({"bizrNo": "0987654321"}, codes.ORIGINAL_DIFFERS),
        ({"mercTrxNo": "ORD_20231225_0001"}, codes.NUMBER_USED),
    ],
)
def test_a_cancel_that_does_not_fit_refunds_nothing(
    changes: dict[str, str | int], code: str
) -> None:
    """Number, date, whole amount and ids must be the original's, and the number a new one."""
    ledger = Ledger()
    charge = charged(ledger)
    assert ledger.cancel(cancel_of(charge.as_row(), **changes), now=NOW).code == code
    assert charge.status is Status.LIVE


def test_a_voided_charge_is_not_refunded() -> None:
    """A cancel after the net-cancel is told that it is too late."""
    ledger = Ledger()
    charge = charged(ledger)
    ledger.net_cancel(eleven(), now=NOW)
    assert ledger.cancel(cancel_of(charge.as_row()), now=NOW).code == codes.ALREADY_CANCELLED
    assert charge.status is Status.VOIDED


@pytest.mark.parametrize(
    ("memory", "code"),
    [
        (NetCancelMemory.TOMBSTONE, "0000"),
        (NetCancelMemory.CODE, codes.ALREADY_CANCELLED),
        (NetCancelMemory.FORGETFUL, "0000"),
    ],
)
def test_a_net_cancel_after_the_cancel(memory: NetCancelMemory, code: str) -> None:
    """A refunded charge stays refunded; only the code memory names what it found."""
    ledger = Ledger(memory=memory)
    charge = charged(ledger)
    ledger.cancel(cancel_of(charge.as_row()), now=NOW)
    assert ledger.net_cancel(eleven(), now=NOW).code == code
    assert (charge.status, charge.voided_at) == (Status.REFUNDED, None)


def test_a_cancels_number_is_used_too() -> None:
    """An approval can't take the number of a cancel."""
    ledger = Ledger()
    charge = charged(ledger)
    ledger.cancel(cancel_of(charge.as_row()), now=NOW)
    assert ledger.approve(eleven(mercTrxNo="CANCEL_1"), now=NOW).code == codes.NUMBER_USED


def test_codes_are_four_characters_and_ours() -> None:
    """Every code is four ASCII characters, and none of ours is one of the manual's declines."""
    declines = {"8521", "8035", "8314", "8315", "8316", "8311", "8350", "8373", "8527"}
    ours = set(codes.MESSAGES)
    assert all(len(code) == 4 and code.isascii() for code in ours)
    assert not ours & (declines | {"0000"})
