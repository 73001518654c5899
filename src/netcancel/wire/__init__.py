"""How a request leaves and what exactly came back."""

from netcancel.wire.awaiting import AwaitingTransport
from netcancel.wire.blocking import BlockingTransport
from netcancel.wire.exchange import Request
from netcancel.wire.gateway import Gateway
from netcancel.wire.network import Network

__all__ = ["AwaitingTransport", "BlockingTransport", "Gateway", "Network", "Request"]
