"""What guards and recovery share: one gateway, one channel, one journal, one policy."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from netcancel.core.policy import Policy
from netcancel.drive import AwaitingPerformer, BlockingPerformer, Signer
from netcancel.errors import ConfigurationError
from netcancel.journal.opening import host_copy_of, open_journal
from netcancel.kicc import Credentials
from netcancel.observe import log
from netcancel.wire import AwaitingTransport, BlockingTransport, Gateway, Network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal
    from netcancel.journal.host_copy import HostCopy

TAG_BYTES = 8
"""A writer's tag: with the counter before it, a version never repeats."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A journal that is open, and what is needed to act for its payments."""

    gateway: Gateway
    signer: Signer
    journal: Journal
    policy: Policy
    worlds: Mapping[str, str]
    """By channel, the first is the usual one: payments of other worlds are left alone."""
    host_copy: HostCopy | None = None
    """What this host last saw of the journal; None: the journal is this process's own."""

    @classmethod
    def open(
        cls,
        *,
        base_url: str,
        credentials: Credentials | Sequence[Credentials],
        journal: str,
        policy: Policy,
        vault_key: str | None = None,
        previous_vault_keys: str | None = None,
        create: bool = True,
        environment: str | None = None,
        network: Network = Network(),  # noqa: B008  frozen: the same for everybody
    ) -> Self:
        """Open the journal at a URL; raises `ConfigurationError` for whatever can't be used.

        `credentials`: of one channel, or of each of several. `environment` None:
        NETCANCEL_ENVIRONMENT, else "default".
        """
        by_channel = _by_channel(credentials)
        if not isinstance(network, Network):
            raise ConfigurationError("network must be a netcancel.Network")
        if not isinstance(policy, Policy):
            raise ConfigurationError("policy must be a netcancel.Policy")
        gateway = Gateway.parse(base_url, network)
        if environment is None:
            environment = os.environ.get("NETCANCEL_ENVIRONMENT", "default")
        worlds = {name: world_of(gateway, name, environment) for name in by_channel}
        return cls(
            gateway=gateway,
            signer=Signer({worlds[name]: each for name, each in by_channel.items()}),
            journal=open_journal(
                journal,
                vault_key=vault_key,
                previous_vault_keys=previous_vault_keys,
                create=create,
            ),
            policy=policy,
            worlds=worlds,
            host_copy=host_copy_of(journal),
        )

    @property
    def all_worlds(self) -> frozenset[str]:
        """The worlds of all its channels."""
        return frozenset(self.worlds.values())

    def world(self, channel_id: str | None = None) -> str:
        """Return the world of a channel, None: of the first; another raises."""
        if channel_id is None:
            return next(iter(self.worlds.values()))
        if channel_id not in self.worlds:
            raise ConfigurationError("there are no credentials for this merchant's channel")
        return self.worlds[channel_id]

    def blocking_performer(self) -> BlockingPerformer:
        """Make a performer with connections of its own."""
        transport = BlockingTransport(
            self.gateway, keep_alive_seconds=self.policy.keep_alive_seconds
        )
        return BlockingPerformer(self.journal, transport, self.signer, _alarm)

    def awaiting_performer(self) -> AwaitingPerformer:
        """Make a performer with connections of its own, for one event loop."""
        transport = AwaitingTransport(
            self.gateway, keep_alive_seconds=self.policy.keep_alive_seconds
        )
        return AwaitingPerformer(self.journal, transport, self.signer, _alarm)


def _by_channel(given: Credentials | Sequence[Credentials]) -> dict[str, Credentials]:
    each: list[object] = [given] if isinstance(given, Credentials) else [*given]
    by_channel = {one.channel_id: one for one in each if isinstance(one, Credentials)}
    if not by_channel or len(by_channel) != len(each):
        raise ConfigurationError(
            "credentials must be a netcancel.Credentials, or several of different channels"
        )
    return by_channel


def world_of(gateway: Gateway, channel_id: str, environment: str) -> str:
    """Name the world that payments of this gateway, channel and environment belong to."""
    return f"{gateway.origin} {channel_id} {environment}"


def new_tag() -> str:
    """Draw a writer's tag."""
    return secrets.token_hex(TAG_BYTES)


def _alarm(payment: Payment, text: str) -> None:
    log.alarm(tid=payment.tid, merc_trx_no=payment.merc_trx_no, state=str(payment.state), text=text)
