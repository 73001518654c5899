"""Answers that nobody thought of, made by machines and judged twice.

Once by the product, once by an oracle that shares no code with it (`oracle`, `wire_oracle`). Where
the two differ, one of them is wrong, and money may be at stake: the input is made small and kept in
`corpus/`, from where the tests replay it for ever.
"""
