"""The drop-in gateway: a shop in any language points its API domain at it and changes nothing else.

It serves the manual's three paths. A shop's request is believed by the shop's own signature
(`admission`); what it asks for is done under the duty (`till`): journaled, sent with the very bytes
of its body but signed anew by the channel, judged, net-cancelled where the answer is lost. It hears
the gateway's own bytes, or one of our refusals (`replies`). `app`, `connection` and `serving` are
the HTTP side.
"""

from netcancel.proxy.app import make_app
from netcancel.proxy.serving import ProxyServer, allow_files
from netcancel.proxy.till import Till

__all__ = ["ProxyServer", "Till", "allow_files", "make_app"]
