"""Differences kept until all of them are known: on disk, one file for each kind.

The files have no names and are gone with their process. They hold no token.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Self

from netcancel.core.payment import Payment
from netcancel.errors import ConfigurationError
from netcancel.reconcile.judging import Archived, Kind

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from netcancel.reconcile.judging import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A difference in plain values, for reports; amounts are whole KRW.

    What the file says is None where it doesn't name the number, what the journal says where the
    journal doesn't have it. Of an archived payment only the state is known.
    """

    kind: Kind
    tid: str
    merc_trx_no: str
    line: int | None
    """The first line of the file that names it."""
    charges: int | None
    charged: int | None
    refunds: int | None
    refunded: int | None
    standing_charge: int | None
    """The amount of a charge that no refund takes back."""
    aprv_no: str | None
    state: str | None
    resolution: str | None
    approved_amt: int | None
    tran_dt: str | None
    version: str | None
    world: str | None

    @classmethod
    def of(cls, difference: Difference) -> Self:
        """Write a difference out."""
        settled, known = difference.settled, difference.settled or difference.payment
        if known is None:
            raise ValueError("a difference is the file's, the journal's, or both's")
        told = difference.payment
        state = str(told.state) if isinstance(told, Payment | Archived) else None
        payment = told if isinstance(told, Payment) else None
        resolution = None if payment is None else payment.resolution
        return cls(
            kind=difference.kind,
            tid=known.tid,
            merc_trx_no=known.merc_trx_no,
            line=None if settled is None else settled.line,
            charges=None if settled is None else settled.charges,
            charged=None if settled is None else settled.charged,
            refunds=None if settled is None else settled.refunds,
            refunded=None if settled is None else settled.refunded,
            standing_charge=None if settled is None else settled.standing_charge,
            aprv_no=None if settled is None else settled.aprv_no,
            state=state,
            resolution=None if resolution is None else resolution.value,
            approved_amt=None if payment is None else payment.approved_amt,
            tran_dt=None if payment is None else payment.tran_dt,
            version=None if payment is None else str(payment.version),
            world=None if payment is None else payment.world,
        )


class Findings:
    """Keeps differences, and gives them back by kind, each kind in ascending order of number."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: dict[Kind, IO[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, difference: Difference) -> None:
        """Keep one more."""
        with _disk_trouble():
            if difference.kind not in self._files:
                file = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  the stack closes it
                self._files[difference.kind] = self._stack.enter_context(file)
            line = json.dumps(asdict(Finding.of(difference)))
            self._files[difference.kind].write(line + "\n")

    def of(self, kind: Kind) -> Iterator[Finding]:
        """Return those of one kind; to be read to the end before more are added."""
        file = self._files.get(kind)
        if file is None:
            return
        with _disk_trouble():
            file.seek(0)
            for line in file:
                yield Finding(**json.loads(line) | {"kind": kind})

    def __iter__(self) -> Iterator[Finding]:
        """Return all, the gravest kind first."""
        for kind in Kind:
            yield from self.of(kind)


@contextmanager
def _disk_trouble() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the differences can't be kept on disk ({error.strerror}): name a directory with room"
            " in TMPDIR"
        ) from None
