"""Who was charged: the truth that the books are closed against.

The law of this file: a number (tid, mercTrxNo) is charged at most once, ever, unless the ledger was
told to allow used numbers; a charge is live until a net-cancel voids it or a cancel refunds it, and
neither is ever undone. Pure: no clock, no random; `now` is seconds since the epoch.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from typing import Final

from netcancel.sandbox import codes

Fields = Mapping[str, str | int]
"""One request's fields by their wire names, already checked for type and length."""

SEOUL: Final = timezone(timedelta(hours=9), "KST")
FIRST_APPROVAL_NUMBER: Final = 10_000_001

ELEVEN: Final = (
    "tid",
    "svcId",
    "bizrNo",
    "mercTrxNo",
    "tokenKey",
    "alotMonth",
    "trxAmt",
    "vatAmt",
    "svcAmt",
    "tranDt",
    "tranTm",
)
"""The fields of a net-cancel; they must be the approval's (net-cancel page)."""


class NetCancelMemory(StrEnum):
    """What the gateway does with a net-cancel that finds no charge (spec 2.7: unknown)."""

    TOMBSTONE = "tombstone"
    CODE = "code"
    FORGETFUL = "forgetful"


class Status(StrEnum):
    """What became of a charge."""

    LIVE = "live"
    VOIDED = "voided"
    REFUNDED = "refunded"


class Did(StrEnum):
    """What the ledger did with one request."""

    CHARGED = "charged"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"
    REMEMBERED = "remembered"
    NOTHING = "nothing"


@dataclass(slots=True)
class Charge:
    """One charge of a card; `trx_amt` is what was charged, in whole KRW."""

    tid: str
    merc_trx_no: str
    trx_amt: int
    aprv_no: str
    aprv_dt: str
    van_trx_no: str
    charged_at: float
    eleven: tuple[str | int, ...] = field(repr=False)
    status: Status = Status.LIVE
    voided_at: float | None = None
    refunded_at: float | None = None

    def as_row(self) -> dict[str, object]:
        """Return the charge for the books, without the token."""
        return {
            "tid": self.tid,
            "merc_trx_no": self.merc_trx_no,
            "trx_amt": self.trx_amt,
            "status": self.status.value,
            "aprv_no": self.aprv_no,
            "aprv_dt": self.aprv_dt,
            "van_trx_no": self.van_trx_no,
            "charged_at": self.charged_at,
            "voided_at": self.voided_at,
            "refunded_at": self.refunded_at,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's answer to one request."""

    code: str
    did: Did
    charge: Charge | None = None


Number = tuple[str, str]


def number_of(fields: Fields) -> Number:
    """Return what identifies a payment: (tid, mercTrxNo)."""
    return str(fields["tid"]), str(fields["mercTrxNo"])


def eleven_of(fields: Fields) -> tuple[str | int, ...]:
    """Project a request on the net-cancel's fields; an omitted amount counts as 0 (spec 1.1)."""
    return tuple(fields.get(name, 0) for name in ELEVEN)


def seoul_time(now: float) -> tuple[str, str]:
    """Return date (yyyyMMdd) and time (HHmmss) in Seoul."""
    return _seoul_second(int(now))


@lru_cache(maxsize=8)
def _seoul_second(second: int) -> tuple[str, str]:
    moment = datetime.fromtimestamp(second, UTC).astimezone(SEOUL)
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


class Ledger:
    """Charges, voids and refunds, and what is remembered of numbers that have no charge."""

    def __init__(
        self,
        *,
        memory: NetCancelMemory = NetCancelMemory.TOMBSTONE,
        refuse_used_numbers: bool = True,
    ) -> None:
        """Open empty books."""
        self.memory = memory
        self.refuse_used_numbers = refuse_used_numbers
        self.charges: list[Charge] = []
        self._by_number: defaultdict[Number, list[Charge]] = defaultdict(list)
        self._by_van_number: dict[str, Charge] = {}
        self._declined: set[Number] = set()
        self._tombstones: set[Number] = set()
        self._cancel_numbers: set[Number] = set()

    def approve(
        self,
        fields: Fields,
        *,
        now: float,
        amount_delta: int = 0,
        decline_code: str | None = None,
    ) -> Entry:
        """Charge the requested amount plus `amount_delta`, unless the number forbids it."""
        number = number_of(fields)
        if number in self._tombstones:
            return Entry(codes.NET_CANCELLED_BEFORE, Did.NOTHING)
        if self.refuse_used_numbers and self._is_used(number):
            return Entry(codes.NUMBER_USED, Did.NOTHING)
        if decline_code is not None:
            self._declined.add(number)
            return Entry(decline_code, Did.DECLINED)
        charge = self._new_charge(fields, int(fields["trxAmt"]) + amount_delta, now)
        return Entry(codes.SUCCESS, Did.CHARGED, charge)

    def net_cancel(self, fields: Fields, *, now: float) -> Entry:
        """Void every live charge of the number whose approval had exactly these eleven fields."""
        charges = self._by_number.get(number_of(fields))
        if not charges:
            return self._nothing_to_void(number_of(fields))
        eleven = eleven_of(fields)
        same = [charge for charge in charges if charge.eleven == eleven]
        if not same:
            return Entry(codes.FIELDS_DIFFER, Did.NOTHING)
        live = [charge for charge in same if charge.status is Status.LIVE]
        for charge in live:
            charge.status, charge.voided_at = Status.VOIDED, now
        if live:
            return Entry(codes.SUCCESS, Did.VOIDED, live[-1])
        if same[-1].status is Status.REFUNDED and self.memory is NetCancelMemory.CODE:
            return Entry(codes.ALREADY_CANCELLED, Did.NOTHING, same[-1])
        return Entry(codes.SUCCESS, Did.NOTHING, same[-1])

    def cancel(self, fields: Fields, *, now: float) -> Entry:
        """Refund the whole of one live charge, found by its VAN or its merchant number."""
        charge = self._original(fields)
        if charge is None:
            return Entry(codes.ORIGINAL_NOT_FOUND, Did.NOTHING)
        if not _is_original(charge, fields):
            return Entry(codes.ORIGINAL_DIFFERS, Did.NOTHING)
        if charge.status is not Status.LIVE:
            return Entry(codes.ALREADY_CANCELLED, Did.NOTHING, charge)
        if self.refuse_used_numbers and self._is_used(number_of(fields)):
            return Entry(codes.NUMBER_USED, Did.NOTHING)
        self._cancel_numbers.add(number_of(fields))
        charge.status, charge.refunded_at = Status.REFUNDED, now
        return Entry(codes.SUCCESS, Did.REFUNDED, charge)

    def _is_used(self, number: Number) -> bool:
        return (
            number in self._by_number or number in self._declined or number in self._cancel_numbers
        )

    def _new_charge(self, fields: Fields, amount: int, now: float) -> Charge:
        serial = len(self.charges)
        date, _ = seoul_time(now)
        charge = Charge(
            tid=str(fields["tid"]),
            merc_trx_no=str(fields["mercTrxNo"]),
            trx_amt=amount,
            aprv_no=str(FIRST_APPROVAL_NUMBER + serial),
            aprv_dt=date,
            # Letters part the digits, so that no scan takes it for a card number.
            van_trx_no=f"V{date}S{serial + 1:08d}",
            charged_at=now,
            eleven=eleven_of(fields),
        )
        self.charges.append(charge)
        self._by_number[number_of(fields)].append(charge)
        self._by_van_number[charge.van_trx_no] = charge
        return charge

    def _nothing_to_void(self, number: Number) -> Entry:
        if self.memory is NetCancelMemory.CODE:
            return Entry(codes.NOTHING_TO_VOID, Did.NOTHING)
        if self.memory is NetCancelMemory.FORGETFUL:
            return Entry(codes.SUCCESS, Did.NOTHING)
        self._tombstones.add(number)
        return Entry(codes.SUCCESS, Did.REMEMBERED)

    def _original(self, fields: Fields) -> Charge | None:
        wanted = str(fields["cndTrxNo"])
        if fields["wcc"] == "T":
            return self._by_van_number.get(wanted)
        charges = self._by_number.get((str(fields["tid"]), wanted))
        return charges[-1] if charges else None


def _is_original(charge: Charge, fields: Fields) -> bool:
    tid, svc_id, bizr_no = charge.eleven[:3]
    return (
        fields["tid"] == tid
        and fields["svcId"] == svc_id
        and fields["bizrNo"] == bizr_no
        and fields["orgAprvNo"] == charge.aprv_no
        and fields["orgAprvDt"] == charge.aprv_dt
        and fields["trxAmt"] == charge.trx_amt
    )
