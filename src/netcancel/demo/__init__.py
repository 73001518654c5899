"""The whole story in about a minute: processes, faults, kills, and at the end closed books."""
