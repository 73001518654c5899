"""Processes that die, and processes that divide."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from netcancel.core.lifecycle import Event, State
from tests.house.tree import ROOT
from tests.journal.samples import CHANGES, HOLD, WORLD, Clock, intent, move, open_file, open_one

PROMISES_BEFORE_THE_KILL = [1, 2, 3, 5, 8, 13, 21, 34] * 6


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process of ours."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)


WRITE_AND_PROMISE = """
import itertools, os, sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from tests.journal.samples import *

def life(journal, round, thread):
    for number in itertools.count():
        name = f"{round}-{thread}-{number}"
        opened = journal.open_new(intent(id=name, merc_trx_no=name)).result()
        os.write(1, f"approving {name}\\n".encode())
        event, state = (
            (Event.APPROVAL_PROVEN, State.APPROVED) if number % 2
            else (Event.ANSWER_LOST, State.NET_CANCELLING)
        )
        move(journal, opened.payment, event, CHANGES[state])
        os.write(1, f"{state} {name}\\n".encode())

# A template process has everything imported; each life is a fork of it.
path = Path(sys.argv[1])
for round in itertools.count():
    if not sys.stdin.readline():
        break
    child = os.fork()
    if child == 0:
        journal = open_file(path)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda thread: life(journal, round, thread), range(4)))
    os.write(1, f"pid {child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"dead\\n")
"""


def test_what_was_promised_survives_every_kill(tmp_path: Path) -> None:
    """48 writing processes are killed; each operation that any of them was told of is there."""
    path = tmp_path / "journal.db"
    open_file(path).close()
    promised: dict[str, str] = {}
    with start(WRITE_AND_PROMISE, path) as process:
        for patience in PROMISES_BEFORE_THE_KILL:
            promised |= let_live_and_kill(process, patience)
        process.communicate()
    assert process.returncode == 0
    assert len(promised) > len(PROMISES_BEFORE_THE_KILL)
    check(path, promised)


def let_live_and_kill(process: subprocess.Popen[str], patience: int) -> dict[str, str]:
    """Let a life begin, kill it after so many promises, and return all that it promised."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("live\n")
    process.stdin.flush()
    promised: dict[str, str] = {}
    victim, heard = 0, 0
    while (line := process.stdout.readline()) != "dead\n":
        assert line, "the process that begins the lives has died"
        word, _, name = line.strip().partition(" ")
        if word == "pid":
            victim = int(name)
        else:
            promised[name] = word
            heard += 1
        if victim and heard >= patience:
            os.kill(victim, signal.SIGKILL)
            victim = 0
    return promised


def check(path: Path, promised: dict[str, str]) -> None:
    """Compare a file with what was promised of it."""
    journal = open_file(path)
    for name, state in promised.items():
        payment = journal.read(name).result()
        assert payment is not None
        assert state in {payment.state, "approving"}
        assert [line.version.counter for line in payment.history] == list(
            range(1, payment.version.counter + 1)
        )
    journal.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


RACE = """
import os, sys
from pathlib import Path
from tests.journal.samples import *

start, go = os.pipe()
children = []
for number in range(16):
    if (child := os.fork()) == 0:
        os.close(go)
        journal = open_file(Path(sys.argv[1]))
        os.write(1, b"ready\\n")
        os.read(start, 1)  # ends for all when the parent closes its end
        opened = journal.open_new(intent(merc_trx_no="ORD_1", id=f"racer-{number}")).result()
        os.write(1, f"{fate(opened)}\\n".encode())
        journal.close()
        os._exit(0)
    children.append(child)
sys.stdin.readline()
os.close(go)
print([os.waitpid(child, 0)[1] for child in children])
"""


def test_sixteen_processes_open_one_number_once(tmp_path: Path) -> None:
    """They race to make the file, then to open the number: one wins, the others are told of it."""
    with start(RACE, tmp_path / "journal.db") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(16)] == ["ready\n"] * 16
        output, _ = process.communicate("go\n", timeout=50)
    *answers, codes = output.splitlines()
    assert sorted(answers) == ["Known"] * 15 + ["Opened"]
    assert codes == str([0] * 16)


FORK = """
import os, sys, threading, warnings
from pathlib import Path
from netcancel.journal.statements import Query
from tests.journal.samples import *

warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads: that is the subject
journal = open_file(Path(sys.argv[1]))
held = threading.Event()
leave = threading.Event()

def write_and_wait(session, now):
    session.execute(Query.SHRED_BODIES, {})
    held.set()
    leave.wait(20)

open_one(journal, merc_trx_no="ORD_BEFORE")
os.register_at_fork(before=leave.set)  # hooks run last in, first out: this one before the journal's
pending = journal._writer.submit(write_and_wait, writes=True)
queued = journal.open_new(intent(id="queued", merc_trx_no="ORD_QUEUED"))
held.wait(20)
# The parent's thread is in the middle of a transaction now.
child = os.fork()
if child == 0:
    found = journal.find("T123456789", "ORD_BEFORE")
    known = found.result(20) is not None and pending.done()
    open_one(journal, id="amid", merc_trx_no="ORD_AMID")
    sys.exit(0 if known else 1)  # an ordinary end, which tears everything down
_, status = os.waitpid(child, 0)
pending.result(20)
print(os.waitstatus_to_exitcode(status), fate(queued.result(20)))
child = os.fork()
if child == 0:
    open_one(journal, id="child", merc_trx_no="ORD_CHILD")
    journal.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
open_one(journal, id="parent", merc_trx_no="ORD_PARENT")
print(os.waitstatus_to_exitcode(status), journal.read("child").result() is not None)
journal.close()
"""


def test_no_connection_crosses_a_fork(tmp_path: Path) -> None:
    """A fork waits for the transaction at hand; then parent and child both write on."""
    path = tmp_path / "journal.db"
    process = start(FORK, path)
    output, _ = process.communicate(timeout=50)
    assert output.split() == ["0", "Opened", "0", "True"]
    assert process.returncode == 0
    ids = ("queued", "amid", "child", "parent")
    check(path, dict.fromkeys(ids, "approving"))


INTERRUPTED_FORK = """
import os, signal, sys, threading, time, warnings
from pathlib import Path
from tests.journal.samples import *

warnings.simplefilter("ignore")
journal = open_file(Path(sys.argv[1]))
held, leave = threading.Event(), threading.Event()

def write_and_wait(session, now):
    held.set()
    leave.wait(20)

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    leave.set()

journal._writer.submit(write_and_wait, writes=True)
held.wait(20)
threading.Timer(0.2, interrupt).start()  # the fork waits for the transaction by then
told = "not interrupted"
try:
    child = os.fork()
    if child == 0:
        os._exit(0)
    time.sleep(20)
except KeyboardInterrupt:
    told = "interrupted"
open_one(journal, id="after")
second = os.fork()
if second == 0:
    os._exit(0)
os.waitpid(second, 0)
print(told, journal.read("after").result(20) is not None)
journal.close()
"""


def test_a_fork_that_is_interrupted_leaves_the_journal_whole(tmp_path: Path) -> None:
    """Ctrl-C while a fork waits: heard after the fork; the journal works, and forks again."""
    process = start(INTERRUPTED_FORK, tmp_path / "journal.db")
    output, _ = process.communicate(timeout=50)
    assert output.split("\n")[0] == "interrupted True"
    assert process.returncode == 0


def test_an_owner_that_died_is_found_by_recovery(tmp_path: Path) -> None:
    """What a killed process had written is due when its lease is over, and opens."""
    path = tmp_path / "journal.db"
    script = (
        "import os, sys; from pathlib import Path; from tests.journal.samples import *;"
        "open_one(open_file(Path(sys.argv[1])), id='orphan'); os.kill(os.getpid(), 9)"
    )
    process = start(script, path)
    process.communicate(timeout=50)
    assert process.returncode == -signal.SIGKILL
    clock = Clock()
    journal = open_file(path, clock, create=False)
    clock.advance(HOLD)
    (claim,) = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert (claim.payment.id, claim.net_cancel_body) == ("orphan", intent().net_cancel_body)
    journal.close()


@pytest.mark.parametrize("room", [40_000, 60_000, 100_000])
def test_a_limit_on_the_files_size_is_told_and_survived(tmp_path: Path, room: int) -> None:
    """Where the disk takes no more, no intent is told as written that isn't."""
    path = tmp_path / "journal.db"
    script = (
        "import resource, signal, sys; from pathlib import Path;"
        "from tests.journal.samples import *;"
        "from netcancel.errors import JournalUnavailable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = open_file(Path(sys.argv[1]))\n"
        "size = Path(sys.argv[1]).stat().st_size + int(sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "ids = []\n"
        "try:\n"
        "    while len(ids) < 2000: ids.append(open_one(journal, id=f'p{len(ids)}').id)\n"
        "except JournalUnavailable: print(*ids)\n"
        "limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"
        "print(open_one(journal, id='after').id); journal.close()\n"
    )
    output, _ = start(script, path, room).communicate(timeout=50)
    told, after = output.splitlines()
    check(path, dict.fromkeys([*told.split(), after], "approving"))


def test_an_answer_that_was_told_stands_after_reopening(tmp_path: Path) -> None:
    """What is closed and opened again is as it was."""
    path = tmp_path / "journal.db"
    journal = open_file(path)
    payment = open_one(journal)
    moved = move(journal, payment, Event.APPROVAL_PROVEN, CHANGES[State.APPROVED])
    journal.close()
    journal = open_file(path, create=False)
    read = journal.read(moved.id).result()
    assert read is not None
    assert (read.state, read.version, read.answer) == (moved.state, moved.version, moved.answer)
    journal.close()
