"""Every run of small worlds, with the real flows and the real table; `python -m proof.exploration`.

A world is one payment, its journal's row, a gateway, and those who work on it. All that may happen
next is tried from each state, breadth first, so the first counter-example is a shortest one.

Abstracted: time. Leases end at any moment, at the price of one of the world's `takeovers` while the
holder lives; the settle time, the retry window and the grace pass once each, at any moment. Texts
and codes for people are left out of the row, and of its history only those writes are kept that a
living flow may ask about. A lost net-cancel costs one of the world's `losses`: so every debt ends,
and the world is finite. One payment is enough: a flow looks at others only to refuse before it
sends anything. Tokens, signatures and sockets are others' proof.

Where its journal may be restored, workers check in too, and states differ by what a journal, its
host and its workers remember of each other: see `attendance` and `backups`.

Like states are one: what is on the wire and can change nothing any more is dropped, and where both
workers are idle the first one comes, for they differ by name alone.
"""
