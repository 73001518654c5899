"""Broken twins: the project with one rule taken out of it, and what notices.

Each twin makes one of the mistakes that docs/protocol.md lists, by a small edit of the source. The
tests and proofs that the table names for it, its killers, must all fail on the twin, and pass on
the project as it is. So no rule stands in the protocol that nothing would miss.
"""
