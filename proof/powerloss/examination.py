"""What a journal says after the power came back, as its own code finds it.

It is opened by the product as it is, with Python's own SQLite, which undoes what was half done. All
that a journal can be asked is written down by subjects: two journals that say the same are equal.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netcancel.core.payment import Asked, Known, Payment
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_file import open_file
from netcancel.journal.sqlite_schema import SqliteTables
from netcancel.journal.vault import Vault
from proof.powerloss.life import FIRST_KEY, NUMBERS, SECOND_KEY, TID, intent_of
from tests.journal.samples import START, WORLD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from netcancel.journal.database import DatabaseJournal

LATE: Final = START + 365 * 86_400.0
"""When whatever can fall due is due."""

NAME: Final = "journal.db"

Findings = dict[str, str]
"""What a journal says, by subjects."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that holds a journal's files as they were found."""

    directory: Path
    mode: str
    may_be_old: bool
    """Whether it may be an older release's, which has to be brought up to date first."""

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self.directory / NAME

    def put(self, files: Mapping[str, bytes]) -> None:
        """Have these files, and no others."""
        for path in self.directory.iterdir():
            path.unlink()
        for name, content in files.items():
            path = self.directory / name
            path.touch(0o600)
            path.write_bytes(content)

    def files(self) -> dict[str, bytes]:
        """Return the files that hold something: a rollback file whose first byte is 0 is void."""
        found = {path.name: path.read_bytes() for path in self.directory.iterdir()}
        return {name: content for name, content in found.items() if content[:1].strip(b"\0")}

    def recover(self) -> None:
        """Open the journal that must be there, and close it again."""
        if self.may_be_old:
            SqliteTables(self.path, self.mode).upgrade()
        open_sqlite(self.path, _vault(), _late, create=False, mode=self.mode).close()

    def examine(self) -> Findings:
        """Ask the journal that must be there for everything, and let recovery claim what is due."""
        with closing(
            open_sqlite(self.path, _vault(), _late, create=False, mode=self.mode)
        ) as journal:
            findings = _payments(journal) | _the_rest(journal) | _refused(journal) | _due(journal)
        return findings | self._integrity()

    def begin(self) -> Findings:
        """Make the journal, whatever is left of an attempt to make it."""
        vault = Vault(FIRST_KEY)
        with closing(open_sqlite(self.path, vault, _late, create=True, mode=self.mode)) as journal:
            presence = journal.check_in("worker", "host", 60.0, ()).result()
            findings = _payments(journal) | {
                "vault keys": str(journal.vault_keys().result()),
                "mark": f"{presence.found.count} {len(presence.replaced)}",
            }
        return findings | self._integrity()

    def _integrity(self) -> Findings:
        with closing(open_file(self.path)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchall()
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        return {"integrity": str(said), "rows that belong to nothing": str(orphans)}


def version_of(payment: Payment) -> str:
    """Return what a caller is promised of a payment."""
    return f"{payment.state} {payment.version}"


def _vault() -> Vault:
    return Vault(SECOND_KEY, FIRST_KEY)


def _late() -> float:
    return LATE


def _payments(journal: DatabaseJournal) -> Findings:
    findings: Findings = {}
    for listed in journal.page(after=None, limit=len(NUMBERS) + 1).result():
        if not isinstance(listed, Payment):
            return {"a payment that can't be read": listed.merc_trx_no}
        number = listed.merc_trx_no
        whole, body = journal.read(listed.id), journal.open_body(listed.id)
        answer = journal.open_answer(listed.id, Asked.APPROVAL)
        findings[f"payment {number}"] = version_of(listed)
        findings[f"whole payment {number}"] = str(whole.result())
        findings[f"body {number}"] = str(body.result())
        findings[f"answer {number}"] = str(answer.result())
    return findings


def _the_rest(journal: DatabaseJournal) -> Findings:
    presence = journal.check_in("examiner", "host", 60.0, ()).result()
    return {
        "mark": f"{presence.found.id} {presence.found.count}",
        "lives before": str(sorted(presence.replaced)),
        "workers": str([worker.id for worker in journal.workers().result()]),
        "hold": str(presence.hold),
        "vault keys": str(journal.vault_keys().result()),
        "summary": str(journal.summary(worlds=[WORLD]).result()),
    }


def _refused(journal: DatabaseJournal) -> Findings:
    """Try to use again every number that was used."""
    there = {each.merc_trx_no for each in journal.page(after=None, limit=len(NUMBERS)).result()}
    left = {number: journal.find_used(TID, number) for number in NUMBERS if number not in there}
    used = {number: found for number, future in left.items() if (found := future.result())}
    findings: Findings = {}
    for number, kept in used.items():
        findings[f"payment {number}"] = f"left {kept}"
        findings |= dict.fromkeys([f"body {number}", f"answer {number}"], str(None))
    for number in sorted(used.keys() | there & set(NUMBERS)):
        again = journal.open_new(intent_of(number)).result()
        said = f", same data: {again.same_data}" if isinstance(again, Known) else ""
        findings[f"again {number}"] = f"{type(again).__name__}{said}"
    return findings


def _due(journal: DatabaseJournal) -> Findings:
    """Release what is held, and claim as recovery does."""
    journal.release_hold(by="examiner", note="the power is back").result()
    claims = journal.claim_due(
        world=WORLD, writer="recovery", limit=len(NUMBERS), hold_seconds=60.0
    ).result()
    return {
        f"claim {payment.merc_trx_no}": f"{version_of(payment)}, body {body!r}"
        for payment, body in ((claim.payment, claim.net_cancel_body) for claim in claims)
    }
