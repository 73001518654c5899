"""A merchant with one journal file and one gateway: what every test of the duty begins with."""

from __future__ import annotations

import asyncio
import hashlib
import time
from base64 import b64encode
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from netcancel import AsyncGuard, Credentials, Guard, Merchant, Policy
from netcancel.desk import Desk, world_of
from netcancel.drive import Signer
from netcancel.freezing import freeze
from netcancel.journal import Journal, open_journal
from netcancel.recovery import Recovery
from netcancel.wire import Gateway
from tests.canaries import SECRET, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from netcancel import Payment, State
    from netcancel.core.flows import Order
    from netcancel.sandbox import Sandbox

VAULT_KEY = b64encode(hashlib.sha256(b"the keys of tests guard nothing").digest()).decode()
MERCHANT = Merchant(tid="T123456789", svc_id="SVC_SIMPLE", bizr_no="1234567890")
CREDENTIALS = Credentials(channel_id="CH_SANDBOX", secret_key=SECRET)
ENVIRONMENT = "tests"
AMOUNT = 10_000

QUICK_SECONDS = 0.3
"""Time-out where an answer never comes: the test waits for it."""
PATIENT_SECONDS = 20.0
"""Time-out where an answer comes at once: no slow machine may lose it."""

POLICY = Policy(
    timeout_seconds=PATIENT_SECONDS,
    settle_seconds=0.5,
    first_retry_seconds=0.05,
    retry_ceiling_seconds=0.2,
)


@dataclass(frozen=True)
class Shop:
    """Where to approve and where to write it down."""

    base_url: str
    journal: str
    policy: Policy

    @classmethod
    def at(cls, van: Sandbox, directory: Path, **policy: Any) -> Self:
        """Set up a shop whose journal is a file in `directory`."""
        changed = replace(POLICY, **policy)
        return cls(van.base_url, f"sqlite:///{directory / 'payments.db'}", changed)

    @property
    def journal_path(self) -> str:
        """Return where the journal's file is."""
        return self.journal.removeprefix("sqlite:///")

    def as_words(self) -> dict[str, Any]:
        """Write the shop as JSON values, for another process."""
        policy = {k: list(v) if isinstance(v, frozenset) else v for k, v in self.policy_words()}
        return {"base_url": self.base_url, "journal": self.journal, "policy": policy}

    def policy_words(self) -> list[tuple[str, Any]]:
        """List the policy's settings."""
        return list(asdict(self.policy).items())

    @classmethod
    def of_words(cls, words: dict[str, Any]) -> Self:
        """Read what `as_words` wrote."""
        return cls(words["base_url"], words["journal"], Policy(**words["policy"]))

    def with_policy(self, **changes: Any) -> Self:
        """Return the same shop under another policy."""
        return replace(self, policy=replace(self.policy, **changes))

    def guard(self, **changes: Any) -> Guard:
        """Open a guard, without recovery unless it is asked for."""
        return Guard(**self._arguments(changes))

    def async_guard(self, **changes: Any) -> AsyncGuard:
        """Open an awaiting guard, without recovery unless it is asked for."""
        return AsyncGuard(**self._arguments(changes))

    def _arguments(self, changes: dict[str, Any]) -> dict[str, Any]:
        usual = {
            "base_url": self.base_url,
            "credentials": CREDENTIALS,
            "merchant": MERCHANT,
            "journal": self.journal,
            "policy": self.policy,
            "vault_key": VAULT_KEY,
            "recovery": "off",
            "environment": ENVIRONMENT,
        }
        return usual | changes

    def open_journal(self, *, ahead_seconds: float = 0.0) -> Journal:
        """Open the journal with a clock that runs ahead."""
        return open_journal(
            self.journal, vault_key=VAULT_KEY, clock=lambda: time.time() + ahead_seconds
        )

    @contextmanager
    def desk(
        self,
        *,
        ahead_seconds: float = 0.0,
        environment: str = ENVIRONMENT,
        credentials: Sequence[Credentials] = (CREDENTIALS,),
    ) -> Iterator[Desk]:
        """Open a desk for recovery; its journal's clock runs ahead."""
        gateway = Gateway.parse(self.base_url)
        by_channel = {each.channel_id: each for each in credentials}
        worlds = {name: world_of(gateway, name, environment) for name in by_channel}
        with closing(self.open_journal(ahead_seconds=ahead_seconds)) as journal:
            yield Desk(
                gateway=gateway,
                signer=Signer({worlds[name]: each for name, each in by_channel.items()}),
                journal=journal,
                policy=self.policy,
                worlds=worlds,
            )

    def order(self, number: str, desk: Desk, writer: str) -> Order:
        """Freeze an order as a guard does."""
        return freeze(
            MERCHANT,
            world=desk.world(),
            writer=writer,
            at=time.time(),
            policy=self.policy,
            **order_of(number),
        )

    def payments(self) -> list[Payment]:
        """Read all payments, with their histories."""
        with closing(self.open_journal()) as journal:
            listed = journal.list_payments(limit=100_000).result()
            found = [journal.find(each.tid, each.merc_trx_no).result() for each in listed]
        return [payment for payment in found if payment is not None]

    def recover_until_closed(
        self,
        *,
        ahead_seconds: float = 0.0,
        turns: int = 50,
        credentials: Sequence[Credentials] = (CREDENTIALS,),
    ) -> None:
        """Recover as if more and more time had passed, until every payment is final."""
        step = self.policy.hold_seconds + self.policy.settle_after_seconds + 1.0
        open_states: set[State] = set()
        for turn in range(1, turns + 1):
            ahead = ahead_seconds + turn * step
            with self.desk(ahead_seconds=ahead, credentials=credentials) as desk:
                asyncio.run(Recovery(desk).run_once())
                summary = desk.journal.summary(worlds=desk.all_worlds).result()
                open_states = {state for state in summary.by_state if not state.is_final}
            if not open_states:
                return
        raise AssertionError(f"payments never closed: {open_states}")


def order_of(number: str) -> dict[str, Any]:
    """Return the arguments of `approve` for a number."""
    return {"merc_trx_no": number, "token_key": TOKEN, "trx_amt": AMOUNT, "vat_amt": 909}
