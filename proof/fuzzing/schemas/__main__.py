"""`python -m proof.fuzzing.schemas`: Schemathesis on a sandbox and a proxy of this run's own.

Both listen on loopback. It ends after `--duration` seconds, shared by the two; 1: an answer was not
what the file says.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netcancel.desk import Desk
from netcancel.kicc import Credentials
from netcancel.proxy import ProxyServer
from netcancel.sandbox import Sandbox
from netcancel.tables import Server, Shop
from proof.evidence import keep
from proof.fuzzing.hostile.campaign import POLICY

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[3]
SHOP: Final = Credentials(channel_id="CH_SHOP", secret_key="the-secret-of-a-shop-of-nobody")  # noqa: S106  made up

CHECKS: Final = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "code_fits_data",
)
OF_SANDBOX: Final = (*CHECKS, "not_a_server_error")
"""The proxy has documented answers of the 5xx class; one that isn't documented fails there too."""

STARTING_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """A server, its file, and how to sign for it."""

    name: str
    base_url: str
    credentials: Credentials
    checks: tuple[str, ...]
    admin_key: str = ""


def main() -> int:
    """Read the options, run both, and print."""
    parser = argparse.ArgumentParser(prog="python -m proof.fuzzing.schemas", description=__doc__)
    parser.add_argument("--duration", type=int, default=30, help="seconds, of both together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    options = parser.parse_args()
    logging.disable()  # what is refused is told there
    figures: dict[str, int] = {}
    is_sound = True
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        os.environ["XDG_STATE_HOME"] = made
        for opened in (_sandbox_alone, _behind_proxy):
            # Each has a sandbox of its own: the examples of the file are charged once.
            with Sandbox() as van, opened(van, directory) as target:
                report = directory / f"{target.name}.json"
                is_sound &= _run(target, report, options.duration // 2, options.seed)
                figures |= _figures(target.name, report)
                charged = figures[f"{target.name} charges"] = len(van.charges())
                # Where nothing was charged, no request was even signed well.
                is_sound &= charged > 0
    for name, value in figures.items():
        print(f"{value:>12,} {name}")
    if options.keep:
        command = f"python -m proof.fuzzing.schemas --duration {options.duration}"
        keep("schemas", command=f"{command} --seed {options.seed}", figures=figures)
    return 0 if is_sound else 1


@contextmanager
def _sandbox_alone(van: Sandbox, _: Path) -> Iterator[Target]:
    """Aim at a sandbox."""
    yield Target("sandbox", van.base_url, van.credentials, OF_SANDBOX, van.admin_key)


@contextmanager
def _behind_proxy(van: Sandbox, directory: Path) -> Iterator[Target]:
    """Aim at a proxy before the sandbox, in a thread."""
    desk = Desk.open(
        base_url=van.base_url,
        credentials=van.credentials,
        journal=f"sqlite:///{directory / 'payments.db'}",
        policy=POLICY,
    )
    with closing(desk.journal):
        shop = Shop(SHOP, van.credentials.channel_id, None)
        server = ProxyServer(desk, [shop], Server("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.run()))
        thread.start()
        try:
            yield Target("proxy", server.base_url, SHOP, CHECKS)
        finally:
            server.stop()
            thread.join()


def _run(target: Target, report: Path, seconds: int, seed: int) -> bool:
    """Run Schemathesis; return whether every answer was sound."""
    command = [sys.executable, "-m", "schemathesis.cli", "run"]
    command += [str(ROOT / "docs" / "openapi" / f"{target.name}.json"), "--url", target.base_url]
    command += ["--checks", ",".join(target.checks), "--max-time", str(seconds)]
    command += ["--seed", str(seed), "--generation-database", "none", "--warnings", "off"]
    command += ["--report-json-path", str(report), "--no-color", "--continue-on-failure"]
    given = {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "proof.fuzzing.schemas.hooks",
        "FUZZ_CHANNEL_ID": target.credentials.channel_id,
        "FUZZ_SECRET_KEY": target.credentials.secret_key,
        "FUZZ_ADMIN_KEY": target.admin_key,
    }
    done = subprocess.run(  # noqa: S603  our own program
        command,
        cwd=report.parent,  # it leaves a cache where it runs
        env=os.environ | given,
        timeout=seconds + STARTING_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    return done.returncode == 0


def _figures(name: str, report: Path) -> dict[str, int]:
    told: dict[str, Any] = json.loads(report.read_text("utf-8"))
    cases, operations = told["test_cases"], told["operations"]
    return {
        f"{name} operations": operations["tested"],
        f"{name} requests": cases["generated"],
        f"{name} failures": cases["unique_failures"],
    }


if __name__ == "__main__":
    sys.exit(main())
