"""A simulated gateway that knows the truth about who was charged."""

from netcancel.sandbox.handle import Sandbox
from netcancel.sandbox.remote import RemoteSandbox

__all__ = ["RemoteSandbox", "Sandbox"]
