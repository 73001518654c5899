"""Client and AsyncClient: bare calls, one request each, without journal and without retry.

Whoever calls these has the duty: an `AnswerLost` of an approval must be followed by a net-cancel
with `net_cancel_body`'s data (spec 2). `Guard` does that by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.core.policy import Policy
from netcancel.drive import signed_now
from netcancel.kicc import (
    APPROVAL_PATH,
    CANCEL_PATH,
    MANUAL_DECLINE_CODES,
    NET_CANCEL_PATH,
    ApprovalRequest,
    ApprovalVerdict,
    CancelRequest,
    CancelVerdict,
    Credentials,
    Expected,
    NetCancelCodes,
    NetCancelRequest,
    NetCancelVerdict,
    judge_approval,
    judge_cancel,
    judge_net_cancel,
)
from netcancel.wire import AwaitingTransport, BlockingTransport, Gateway, Network, Request, clock

if TYPE_CHECKING:
    from netcancel.kicc import Reception

NO_CODES = NetCancelCodes()
"""A bare client knows of no code that means "nothing to void": it is the guard's policy."""


class _Line:
    """What both clients are made of: where to, signed by whom, how long."""

    def __init__(
        self, base_url: str, credentials: Credentials, timeout_seconds: float, network: Network
    ) -> None:
        self.gateway = Gateway.parse(base_url, network)
        self._credentials = credentials
        # The policy knows what a time-out may be.
        self._timeout_seconds = Policy(timeout_seconds=timeout_seconds).timeout_seconds

    def request(self, path: str, body: bytes) -> Request:
        """Sign a body now."""
        return Request(
            path=path, headers=signed_now(self._credentials, path, body).headers, body=body
        )

    def deadline(self) -> float:
        """When a request that begins now must be over."""
        return clock.now() + self._timeout_seconds


class Client:
    """Sends single requests, blocking."""

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Credentials,
        timeout_seconds: float = 30.0,
        network: Network = Network(),  # noqa: B008  frozen: the same for everybody
    ) -> None:
        """Prepare calls to `base_url` over `network`; each may take `timeout_seconds` in all.

        Raises `ConfigurationError` for a URL or a time-out that can't be used.
        """
        self._line = _Line(base_url, credentials, timeout_seconds, network)
        self._transport = BlockingTransport(self._line.gateway)

    def approve(self, request: ApprovalRequest) -> ApprovalVerdict:
        """Send an approval once and judge its answer."""
        reception = self._exchange(APPROVAL_PATH, request.to_body())
        return judge_approval(reception, Expected.of(request), MANUAL_DECLINE_CODES)

    def cancel(self, request: CancelRequest) -> CancelVerdict:
        """Send a cancel once and judge its answer."""
        return judge_cancel(self._exchange(CANCEL_PATH, request.to_body()), Expected.of(request))

    def net_cancel(self, request: NetCancelRequest) -> NetCancelVerdict:
        """Send a net-cancel once and judge its answer."""
        reception = self._exchange(NET_CANCEL_PATH, request.to_body())
        return judge_net_cancel(reception, Expected.of(request), NO_CODES)

    def _exchange(self, path: str, body: bytes) -> Reception:
        request = self._line.request(path, body)
        return self._transport.exchange(request, deadline=self._line.deadline())


class AsyncClient:
    """Sends single requests, awaiting."""

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Credentials,
        timeout_seconds: float = 30.0,
        network: Network = Network(),  # noqa: B008  frozen: the same for everybody
    ) -> None:
        """Prepare calls to `base_url` over `network`; each may take `timeout_seconds` in all.

        Raises `ConfigurationError` for a URL or a time-out that can't be used.
        """
        self._line = _Line(base_url, credentials, timeout_seconds, network)
        self._transport = AwaitingTransport(self._line.gateway)

    async def approve(self, request: ApprovalRequest) -> ApprovalVerdict:
        """Send an approval once and judge its answer."""
        reception = await self._exchange(APPROVAL_PATH, request.to_body())
        return judge_approval(reception, Expected.of(request), MANUAL_DECLINE_CODES)

    async def cancel(self, request: CancelRequest) -> CancelVerdict:
        """Send a cancel once and judge its answer."""
        reception = await self._exchange(CANCEL_PATH, request.to_body())
        return judge_cancel(reception, Expected.of(request))

    async def net_cancel(self, request: NetCancelRequest) -> NetCancelVerdict:
        """Send a net-cancel once and judge its answer."""
        reception = await self._exchange(NET_CANCEL_PATH, request.to_body())
        return judge_net_cancel(reception, Expected.of(request), NO_CODES)

    async def _exchange(self, path: str, body: bytes) -> Reception:
        request = self._line.request(path, body)
        return await self._transport.exchange(request, deadline=self._line.deadline())
