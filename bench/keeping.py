"""Keeps what was measured as evidence, of which docs/evidence.md is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.journals import SMALL
from proof.evidence import Table, keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.journals import JournalRow
    from bench.rounds import Row
    from proof.evidence import Figure

MEBIBYTE = 2**20


def keep_speed(rows: Sequence[Row]) -> None:
    """Keep the payments per second of each variant."""
    head = ["in flight", "variant", "payments/s", "of AsyncClient", "of httpx2"]
    head += ["p50 ms", "p99 ms", "CPU µs", "commits", "disk syncs"]
    keep(
        "speed",
        command="make bench ARGS='speed --keep'",
        figures={},
        table=Table(head, _speed(rows)),
    )


def _speed(rows: Sequence[Row]) -> list[list[Figure]]:
    return [
        [
            row.in_flight,
            row.variant,
            round(row.per_second),
            *(round(row.ratios.get(other, 1.0), 2) for other in ("AsyncClient", "httpx2")),
            round(row.p50_ms, 1),
            round(row.p99_ms, 1),
            round(row.cpu_us),
            round(row.commits, 2) if row.commits else "",
            round(row.syncs, 1) if row.syncs else "",
        ]
        for row in rows
    ]


def keep_journals(rows: Sequence[JournalRow], queue: int) -> None:
    """Keep what each journal did, with a long queue of so many payments."""
    head = ["journal", "guarded payments/s", "recovered/s", f"ms of a claim behind {SMALL:,}"]
    head += [f"behind {queue:,}", "ratio of the two"]
    keep(
        f"journals-{queue}",
        command=f"make bench ROWS={queue} ARGS='journals --keep'",
        figures={},
        table=Table(
            head,
            [
                [
                    row.journal,
                    round(row.payments_per_second),
                    round(row.recovered_per_second),
                    round(row.claim_ms_small, 1),
                    round(row.claim_ms_large, 1),
                    round(row.ratio, 2),
                ]
                for row in rows
            ],
        ),
    )


def keep_memory(points: Sequence[tuple[int, int]]) -> None:
    """Keep how many bytes were resident after so many payments."""
    keep(
        "memory",
        command="make bench ARGS='memory --keep'",
        figures={
            f"MiB after {payments:,} payments": round(rss / MEBIBYTE, 1) for payments, rss in points
        },
    )
