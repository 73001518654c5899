"""The promise: states and moves, what the outside is asked, and in which order.

Pure: nothing in this room knows a socket, a clock, random, a log, a thread, a file or a database.
Read `lifecycle` first, then `flows`.
"""
