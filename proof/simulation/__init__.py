"""Deterministic simulation: the real flows under every fault that we can think of, from a seed.

A run is a small world with a clock of its own: payments that share a journal, a gateway on the
sandbox's ledger, callers, workers, a person, and a plan of faults that was drawn before it began.
One seed replays a run to the last event. The promises of docs/protocol.md are checked at every
sending, voiding, writing and telling, and once more when everything is over.
"""
