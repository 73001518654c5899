"""One fuzzer, a process of its own: `python -m proof.fuzzing.target bodies …`.

The code under test counts its branches (Atheris); an input that reaches a new one is kept for the
run and changed further, half of the time by its grammar. The first finding ends the run.
"""

from __future__ import annotations

import argparse
import random
import sys
from functools import partial

import atheris

with atheris.instrument_imports(include=["netcancel", "h11"]):
    from proof.fuzzing import corpus, grammar

INPUT_BYTES_MAX = 8_192
"""Long enough for every limit but those of a whole body and of all headers: the tests see these."""

MUTATORS = {"bodies": grammar.mutated_body, "answers": grammar.mutated_answer}


def main() -> None:
    """Fuzz until the time is over; Atheris ends the process."""
    parser = argparse.ArgumentParser(prog="python -m proof.fuzzing.target", description=__doc__)
    parser.add_argument("kind", choices=tuple(corpus.CHECKS))
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0, help="0: drawn")
    parser.add_argument("--grown", required=True, help="a directory for inputs of this run")
    options = parser.parse_args()
    atheris.Setup(
        [
            sys.argv[0],
            options.grown,
            str(corpus.CORPUS / options.kind),
            f"-max_total_time={options.seconds}",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-seed={options.seed}",
            f"-artifact_prefix={options.grown}/",
            "-print_final_stats=1",
        ],
        partial(look, options.kind),
        custom_mutator=partial(mutate, options.kind),
    )
    atheris.Fuzz()


def look(kind: str, data: bytes) -> None:
    """Compare product and oracle; a finding is made small and kept before it ends the run."""
    try:
        corpus.CHECKS[kind](data)
    except Exception:
        print(f"finding: {corpus.keep_finding(kind, data)}", file=sys.stderr, flush=True)
        raise


def mutate(kind: str, data: bytes, size: int, seed: int) -> bytes:
    """Change an input: by its grammar, or blindly."""
    draw = random.Random(seed)  # noqa: S311  reproducible, protects nothing
    if draw.randrange(2):
        return MUTATORS[kind](draw, data)[:size]
    changed: bytes = atheris.Mutate(data, size)
    return changed


if __name__ == "__main__":
    main()
