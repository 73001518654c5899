"""Settlement against the journal: the last judge of who was charged (docs/reconcile.md).

A settlement file is read row by row, sorted on disk by number, and laid beside the journal.
"""

from netcancel.reconcile.judging import Difference, Kind
from netcancel.reconcile.layout import Layout
from netcancel.reconcile.merging import Covered, Result, reconcile
from netcancel.reconcile.reading import Settlement, read_settlement
from netcancel.reconcile.rows import Row, UnreadableSettlement

__all__ = [
    "Covered",
    "Difference",
    "Kind",
    "Layout",
    "Result",
    "Row",
    "Settlement",
    "UnreadableSettlement",
    "read_settlement",
    "reconcile",
]
