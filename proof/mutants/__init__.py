"""Small faults, put into the core and the verdicts one at a time: a test must notice each.

`python -m proof.mutants` makes one small change at a time in the body of a function of `kicc` or
`core` and runs the tests that execute the changed lines. A mutant that no test fails has survived:
it is listed in survivors.toml with the reason why it breaks no promise, or the run fails.

The changes are those of mutmut. The runs are our own: one pytest session, forked for each mutant.
mutmut begins a new pytest for each, mutates no property, and can't end within a minute.
"""
