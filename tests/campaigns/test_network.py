"""A campaign's own network: what is lacking for it, what waits in its kernel, and its outages."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns import kills
from campaigns.network import LEFT, Link, is_own, missing_here, read_connections
from campaigns.troubles import LONG, OF_LINK, OF_PROCESSES, Trouble, blows

PORT = 8080
CONNECTIONS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:A001 0100007F:1F90 01 000002A7:00000000 01:00000014 00000003     0        0 2 2
   2: 0100007F:A002 0100007F:1F90 04 00000001:00000000 01:00000014 00000003     0        0 0 2
   3: 0100007F:A003 0100007F:1F90 01 00000000:00000099 00:00000000 00000000     0        0 3 1
   4: 0100007F:1F90 0100007F:A001 01 000000FF:00000000 01:00000014 00000003     0        0 4 2
   5: 0100007F:A004 0100007F:1F91 01 000002A7:00000000 01:00000014 00000003     0        0 5 2
"""
"""A listener on port 8080, two that send to it, one at rest, an answer, and one to another port."""


def test_what_may_yet_arrive_is_read() -> None:
    """What was sent to a port and not acknowledged, also where the connection was closed since."""
    read = read_connections(CONNECTIONS)
    to_the_port = [each for each in read if each.port == PORT]
    assert [each.queued for each in to_the_port] == [0x2A7, 1, 0]
    assert [each.is_established for each in to_the_port] == [True, False, True]
    assert [each.queued for each in read if each.port == PORT + 1] == [0x2A7]


def test_no_link_is_touched_that_is_not_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that never left its network, or says so of the one it is in, has none."""
    monkeypatch.delenv(LEFT, raising=False)
    assert not is_own()
    monkeypatch.setenv(LEFT, os.readlink("/proc/self/ns/net"))  # noqa: PTH115  not a path
    assert not is_own()
    with pytest.raises(RuntimeError, match="others' too"):
        Link()


def test_what_is_lacking_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without programs it names them; without root, root."""
    monkeypatch.setenv("PATH", "")
    lacking = missing_here()
    assert lacking is not None
    assert ("root" if os.geteuid() else "unshare and ip") in lacking


@pytest.mark.parametrize("words", [[], ["--journal", "postgres"]])
def test_a_servers_link_is_left_alone(words: list[str]) -> None:
    """An own network goes with the journal that is a file."""
    command = [sys.executable, "-m", "campaigns.kills", "--own-network", *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "goes with --journal sqlite" in run.stderr


def test_an_outage_comes_early_and_only_where_there_is_a_link() -> None:
    """It is the first of all; each kind comes once before any again, long ones before others."""
    kinds = {*OF_PROCESSES, *OF_LINK}
    for seed in range(20):
        first = [
            blow.trouble
            for blow in islice(blows(seed, 10.0, has_server=False, has_link=True), len(kinds))
        ]
        assert {*first} == kinds
        assert first[0] is Trouble.LINK_DOWN
        assert {*first[:3]} == LONG & kinds
        without = islice(blows(seed, 10.0, has_server=False, has_link=False), 50)
        assert Trouble.LINK_DOWN not in {blow.trouble for blow in without}


@pytest.mark.parametrize(("outages", "code"), [(0, 1), (1, 0)])
def test_a_campaign_whose_outages_met_nothing_has_shown_nothing(outages: int, code: int) -> None:
    """It fails, though no promise was broken."""
    report: Any = SimpleNamespace(blows={Trouble.LINK_DOWN: outages}, is_kept=True)
    assert kills._end([report], Namespace(own_network=True)) == code
