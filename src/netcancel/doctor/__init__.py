"""Looks for what operators get wrong, and says what to change; it changes nothing itself."""

from netcancel.doctor.examination import examine
from netcancel.doctor.line import Level, Line

__all__ = ["Level", "Line", "examine"]
