"""The bare clients go the way that their network says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from netcancel import ApprovalRequest, AsyncClient, Client, ConfigurationError
from netcancel.kicc import ApprovalProven
from netcancel.sandbox import Sandbox
from netcancel.wire import Network
from tests.canaries import TOKEN
from tests.wire.connect_proxy import relaying

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def van() -> Iterator[Sandbox]:
    """Run a sandbox."""
    with Sandbox() as van:
        yield van


def approval(van: Sandbox) -> ApprovalRequest:
    """Return an approval that the sandbox takes."""
    return ApprovalRequest(
        tid=van.merchant.tid,
        svc_id=van.merchant.svc_id,
        bizr_no=van.merchant.bizr_no,
        merc_trx_no="ORD_20231225_0001",
        token_key=TOKEN,
        trx_amt=10_000,
        vat_amt=909,
        tran_dt="20231225",
        tran_tm="120000",
    )


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_client_goes_through_the_proxy(van: Sandbox, make: type[Client | AsyncClient]) -> None:
    """An approval through a proxy is charged once, and asked the proxy for one tunnel."""
    with relaying(int(van.base_url.rpartition(":")[2])) as proxy:
        network = Network(proxy=proxy.base_url)
        client = make(base_url=van.base_url, credentials=van.credentials, network=network)
        verdict = (
            client.approve(approval(van))
            if isinstance(client, Client)
            else asyncio.run(client.approve(approval(van)))
        )
    assert len(proxy.requests) == 1
    assert [charge["status"] for charge in van.charges()] == ["live"]
    assert isinstance(verdict, ApprovalProven)


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_client_refuses_another_network(van: Sandbox, make: type[Client | AsyncClient]) -> None:
    """A URL in a network's place is refused at once."""
    with pytest.raises(ConfigurationError, match=r"netcancel\.Network"):
        make(
            base_url=van.base_url,
            credentials=van.credentials,
            network="http://127.0.0.1:3128",  # type: ignore[arg-type]
        )
