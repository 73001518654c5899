"""A simulated gateway that knows the truth about who was charged."""

from netcancel.sandbox.handle import Sandbox

__all__ = ["Sandbox"]
