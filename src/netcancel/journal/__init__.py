"""Where payments are remembered: the contract, the vault for tokens, and the journals."""

from netcancel.journal.contract import Journal, Summary
from netcancel.journal.opening import open_journal

__all__ = ["Journal", "Summary", "open_journal"]
