"""Where payments are remembered: the contract, the vault for tokens, and the journals."""

from netcancel.journal.contract import Fact, Health, Journal, Summary
from netcancel.journal.opening import open_journal

__all__ = ["Fact", "Health", "Journal", "Summary", "open_journal"]
