"""A performance with real processes, faults and kills, and at the end closed books."""
