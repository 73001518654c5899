"""What child processes do in tests of the duty; each says JSON values to its test."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from netcancel import (
    AsyncGuard,
    Guard,
    JournalUnavailable,
    Outcome,
    Payment,
    PaymentNotApproved,
    State,
)
from netcancel.core import flows
from netcancel.core.effects import Effect, Exchange, Sleep
from netcancel.core.outcomes import outcome_of
from netcancel.desk import Desk, new_tag
from netcancel.drive import drive
from netcancel.recovery import Recovery, RecoveryThread
from netcancel.wire import clock
from tests.duty.shop import MERCHANT, Shop, order_of

if TYPE_CHECKING:
    from tests.servers.hardships import Hardship

Say = Callable[[Any], None]
T = TypeVar("T")
WAIT_SECONDS = 40.0
LOOK_SECONDS = 0.02
CONFIRM_SECONDS = 30.0
SAID_AT_ONCE = 100
"""What a child says must fit into one write of a pipe."""

NEW_MOUNTS, NEW_USERS = 0x2_0000, 0x1000_0000
PRIVATE = 0x4_4000  # MS_REC | MS_PRIVATE
DISK_BYTES = 1 << 20

Perform = Callable[[Effect[Any]], Any]


class Mortal:
    """Performs effects, and kills its own process before or after one of them."""

    def __init__(self, perform: Perform, effect: int, side: str) -> None:
        self._perform = perform
        self._dies_at = effect, side
        self._count = 0

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        return self.do(partial(self._perform, effect))

    def do(self, act: Callable[[], T]) -> T:
        """Do something, which counts as an effect."""
        self._count += 1
        if self._dies_at == (self._count, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = act()
        if self._dies_at == (self._count, "after"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def close(self) -> None:
        """Close no connections: a guard's performer has the last word, and this one is a test's."""


def approve_and_die(say: Say, *, shop: dict[str, Any], number: str, effect: int, side: str) -> None:
    """Approve, and die at an effect; who survives says the outcome's name."""
    our = Shop.of_words(shop)
    with our.desk() as desk:
        order = our.order(number, desk, new_tag())
        perform = Mortal(desk.blocking_performer(), effect, side)
        payment = drive(flows.approve(order, our.policy), perform)
        say(type(outcome_of(payment)).__name__)


def recover_and_die(
    say: Say, *, shop: dict[str, Any], ahead_seconds: float, effect: int, side: str
) -> None:
    """Claim one payment that is due, and die at an effect of its recovery."""
    with Shop.of_words(shop).desk(ahead_seconds=ahead_seconds) as desk:
        say(_recover_one(desk, Mortal(desk.blocking_performer(), effect, side)).state)


def _recover_one(desk: Desk, perform: Perform) -> Payment:
    """Claim one payment that is due, and recover it."""
    claimed_at, writer = clock.now(), new_tag()
    [claim] = desk.journal.claim_due(
        world=desk.world(), writer=writer, limit=1, hold_seconds=desk.policy.hold_seconds
    ).result()
    return drive(flows.recover(claim, claimed_at, writer, desk.policy), perform)


class Waiting:
    """Performs effects; with the first answer of the gateway in hand it waits for a file."""

    def __init__(self, perform: Perform, say: Say, go: str) -> None:
        self._perform = perform
        self._say = say
        self._go = Path(go)
        self._has_waited = False

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        answer = self._perform(effect)
        if isinstance(effect, Exchange) and not self._has_waited:
            self._has_waited = True
            self._say("answered")
            _await(self._go.exists)
        return answer

    def close(self) -> None:
        """Close no connections: a guard's performer has the last word, and this one is a test's."""


def approve_and_wait(say: Say, *, shop: dict[str, Any], number: str, go: str) -> None:
    """Approve, waiting with the answer in hand; say the outcome's name."""
    with Shop.of_words(shop).guard() as guard:
        vars(guard)["_perform"] = Waiting(guard._perform, say, go)
        say(type(guard.approve(**order_of(number))).__name__)


def recover_and_wait(say: Say, *, shop: dict[str, Any], ahead_seconds: float, go: str) -> None:
    """Claim one payment that is due, and wait with its answer in hand; say the payment's state."""
    with Shop.of_words(shop).desk(ahead_seconds=ahead_seconds) as desk:
        say(_recover_one(desk, Waiting(desk.blocking_performer(), say, go)).state)


def recover_once(say: Say, *, shop: dict[str, Any], go: str) -> None:
    """Wait for a file, and recover what is due by the journal's own clock; say how many."""
    with Shop.of_words(shop).guard() as guard:
        say("ready")
        _await(Path(go).exists)
        say(guard.recover().claimed)


def on_another_host(
    say: Say, *, ahead_seconds: float, state: str, plays: str, arguments: dict[str, Any]
) -> None:
    """Play a part on a host whose wall clock is wrong, and which has a state directory."""
    os.environ["XDG_STATE_HOME"] = state
    seconds, nanoseconds = time.time, time.time_ns
    ahead_nanoseconds = int(ahead_seconds * 1_000_000_000)
    time.time = lambda: seconds() + ahead_seconds
    time.time_ns = lambda: nanoseconds() + ahead_nanoseconds
    globals()[plays](say, **arguments)


def cancel_and_die(say: Say, *, shop: dict[str, Any], number: str, effect: int, side: str) -> None:
    """Cancel, and die at an effect; who survives says the payment's state."""
    our = Shop.of_words(shop)
    with our.desk() as desk:
        wish = flows.CancelWish(
            worlds=desk.all_worlds, tid=MERCHANT.tid, merc_trx_no=number, writer=new_tag()
        )
        perform = Mortal(desk.blocking_performer(), effect, side)
        say(drive(flows.cancel(wish, our.policy), perform).state)


def orders_of(shop: Shop) -> sqlite3.Connection:
    """Open a merchant's own connection to the journal's file; it has a table of orders."""
    orders = sqlite3.connect(shop.journal_path, timeout=WAIT_SECONDS)
    orders.execute("CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY)")
    orders.commit()
    return orders


def sell_and_die(say: Say, *, shop: dict[str, Any], number: str, effect: int, side: str) -> None:
    """Approve, and write order and confirmation in one transaction; die at an effect or a step."""
    our = Shop.of_words(shop)
    with our.guard() as guard, closing(orders_of(our)) as orders:
        mortal = Mortal(guard._perform, effect, side)
        vars(guard)["_perform"] = mortal
        try:
            with guard.payment(confirm_within=CONFIRM_SECONDS, **order_of(number)) as payment:
                write = partial(orders.execute, "INSERT INTO orders VALUES (?)", (number,))
                mortal.do(write)
                mortal.do(partial(payment.confirm, connection=orders))
                mortal.do(orders.commit)
            say("sold")
        except PaymentNotApproved:
            say("not sold")


def confirm_in_turn(say: Say, *, shop: dict[str, Any], first: int, count: int, joins: bool) -> None:
    """Confirm every other number; say of each whether it stands, in texts of a hundred digits.

    `joins`: in the transaction that writes the order.
    """
    our = Shop.of_words(shop)
    with our.guard() as guard, closing(orders_of(our)) as orders:
        say("ready")
        _await(go_file(our, "ready").exists)
        stands = ""
        for place in range(first, count, 2):
            number = number_at(place)
            if joins:
                orders.execute("INSERT INTO orders VALUES (?)", (number,))
            stood = guard.confirm(number, connection=orders if joins else None)
            orders.commit() if stood else orders.rollback()
            stands += str(int(stood))
            if len(stands) == SAID_AT_ONCE:
                say(stands)
                stands = ""
        say(stands)


def number_at(place: int) -> str:
    """Return a number of a race."""
    return f"N{place:05d}"


def recover_until_over(say: Say, *, shop: dict[str, Any], ahead_seconds: float) -> None:
    """Recover in small passes until there is a file that says that it is over."""
    our = Shop.of_words(shop)
    with our.desk(ahead_seconds=ahead_seconds) as desk:
        say("ready")
        _await(go_file(our, "ready").exists)
        while not go_file(our, "over").exists():
            asyncio.run(Recovery(desk).run_once(limit=5))


class Announcing:
    """A guard's performer that says the name of each effect before it is performed."""

    def __init__(self, guard: Guard, say: Say) -> None:
        self._inner = guard._perform
        self._say = say
        vars(guard)["_perform"] = self

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        self._say(type(effect).__name__)
        return self._inner(effect)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def approve_until_interrupted(say: Say, *, shop: dict[str, Any], number: str) -> None:
    """Approve; Ctrl-C ends it, and the guard is closed in order."""
    # A test run in the background inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    our = Shop.of_words(shop)
    with our.guard() as guard:
        Announcing(guard, say)
        say("ready")
        _await(go_file(our, "ready").exists)
        try:
            guard.approve(**order_of(number))
        except KeyboardInterrupt:
            say("KeyboardInterrupt")


def go_file(shop: Shop, side: str) -> Path:
    """Return the file whose appearance lets a side go on."""
    return Path(shop.journal_path).parent / f"go-{side}"


def fork_a_used_guard(say: Say, *, shop: dict[str, Any], kind: str) -> None:
    """Approve, fork, approve in the parent and close its guard, approve in the child."""
    our = Shop.of_words(shop)
    both: Guard | AsyncGuard = (
        our.guard(recovery="thread") if kind == "Guard" else our.async_guard(recovery="thread")
    )

    def approve(side: str) -> None:
        say(f"next: {side}")
        _await(go_file(our, side).exists)
        say(type(_approve(both, side)).__name__)

    approve("before")
    parent_is_done = os.pipe()
    pid = os.fork()
    if pid != 0:
        approve("parent")
        _close(both)
        os.write(parent_is_done[1], b".")
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status))
    os.read(parent_is_done[0], 1)
    approve("child")
    _await(lambda: _find(both, "child").state.is_final)
    say(f"recovered by the child: {_find(both, 'child').state}")
    _close(both)
    os._exit(0)


def approve_in_silence(shop: dict[str, Any], number: str) -> None:
    """Approve with a guard of its own."""
    with Shop.of_words(shop).guard() as guard:
        guard.approve(**order_of(number))


def _approve(guard: Guard | AsyncGuard, number: str) -> Outcome:
    order = order_of(number)
    if isinstance(guard, AsyncGuard):
        return asyncio.run(guard.approve(**order))
    return guard.approve(**order)


def _find(guard: Guard | AsyncGuard, number: str) -> Payment:
    if isinstance(guard, AsyncGuard):
        payment = asyncio.run(guard.find(number))
    else:
        payment = guard.find(number)
    assert payment is not None
    return payment


def _close(guard: Guard | AsyncGuard) -> None:
    if isinstance(guard, AsyncGuard):
        asyncio.run(guard.aclose())
    else:
        guard.close()


def _await(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(LOOK_SECONDS)


def approve_at_once(say: Say, *, shop: dict[str, Any], number: str) -> None:
    """Open a guard, wait for the word, and approve."""
    our = Shop.of_words(shop)
    with our.guard() as guard:
        say("ready")
        _await(go_file(our, "ready").exists)
        say(type(guard.approve(**order_of(number))).__name__)


def work(say: Say, *, shop: dict[str, Any], ahead_seconds: float) -> None:
    """Recover until SIGTERM."""
    our = Shop.of_words(shop)

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await Recovery(desk).run(stop)

    with our.desk(ahead_seconds=ahead_seconds) as desk:
        asyncio.run(run())
    say("stopped")


def recover_without_descriptors(say: Say, *, shop: dict[str, Any], number: str) -> None:
    """Begin recovery where no file can be opened, stop it there, and let another one succeed."""
    said = threading.Event()

    def hear(_: logging.LogRecord) -> bool:
        said.set()
        return True

    logging.getLogger("netcancel").addFilter(hear)
    our = Shop.of_words(shop)
    with our.desk(ahead_seconds=3_600.0) as desk:
        _state(desk, number)  # the journal's session is open before
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        stopped, lasting = RecoveryThread(desk), RecoveryThread(desk)
        said.wait(WAIT_SECONDS)
        stopped.stop()
        say("stopped without a loop")
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        _await(lambda: _state(desk, number).is_final)
        say("a loop again")
        lasting.stop()
        say(_state(desk, number))


def _state(desk: Desk, number: str) -> State:
    payment = desk.journal.find(MERCHANT.tid, number).result()
    assert payment is not None
    return payment.state


class Trouble:
    """Something that keeps this process from writing its journal for a while."""

    def __init__(self, say: Say, shop: Shop, kind: str) -> None:
        self._say = say
        self._shop = shop
        self._kind = kind
        self._is_on = False
        if kind == "read-only":
            _drop_privileges()

    def begin(self) -> None:
        """Let nothing be written any more."""
        self._is_on = True
        if self._kind == "full":
            # No file may grow, as on a full disk; no privilege is needed for this.
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        elif self._kind == "read-only":
            self._set_modes(file=0o400, directory=0o500)
        elif self._kind == "no room":
            with suppress(OSError), self._filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(512))
        else:
            self._say("lock")
            _await(go_file(self._shop, "locked").exists)

    def end(self) -> None:
        """Let everything be as before."""
        if not self._is_on:
            return
        self._is_on = False
        if self._kind == "full":
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        elif self._kind == "read-only":
            self._set_modes(file=0o600, directory=0o700)
        elif self._kind == "no room":
            self._filler.unlink()
        else:
            self._say("unlock")

    @property
    def _filler(self) -> Path:
        return Path(self._shop.journal_path).with_name("filler")

    def _set_modes(self, *, file: int, directory: int) -> None:
        path = Path(self._shop.journal_path)
        path.parent.chmod(0o700)
        for each in path.parent.glob(f"{path.name}*"):
            each.chmod(file)
        path.parent.chmod(directory)


class Troubled:
    """A guard's performer that brings trouble between an approval's answer and its verdict."""

    def __init__(self, guard: Guard, trouble: Trouble | Hardship, *, mends: bool) -> None:
        self._inner = guard._perform
        self._trouble = trouble
        self._mends = mends
        self._has_come = False
        vars(guard)["_perform"] = self

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        if isinstance(effect, Sleep) and self._mends:
            # The verdict could not be written, and the journal could not be read.
            self._trouble.end()
        answer = self._inner(effect)
        if isinstance(effect, Exchange) and not self._has_come:
            self._has_come = True
            self._trouble.begin()
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def approve_in_trouble(say: Say, *, shop: dict[str, Any], trouble: str, when: str) -> None:
    """Approve while the journal is in trouble; say what one is told."""
    our = Shop.of_words(shop)
    hardship = Trouble(say, our, trouble)
    with our.guard() as guard:
        if when == "before":
            hardship.begin()
            try:
                guard.approve(**order_of("ORD_1"))
            except JournalUnavailable:
                say("JournalUnavailable")
            hardship.end()
        else:
            Troubled(guard, hardship, mends=when == "between, mends")
        say(type(guard.approve(**order_of("ORD_1"))).__name__)
        hardship.end()
    say("done")


def approve_on_a_small_disk(say: Say, *, shop: dict[str, Any], when: str) -> None:
    """Approve with a journal on a file system of its own, which fills up; keep a copy of it.

    Says "no disk" where this machine lets nobody mount one.
    """
    our = Shop.of_words(shop)
    path = Path(our.journal_path)
    disk = path.parent / "disk"
    disk.mkdir()
    try:
        _mount_small(disk)
    except OSError:
        say("no disk")
        return
    small = replace(our, journal=f"sqlite:///{disk / path.name}")
    approve_in_trouble(say, shop=small.as_words(), trouble="no room", when=when)
    shutil.copy(disk / path.name, path)


def _mount_small(place: Path) -> None:
    """Mount a small file system in memory, for this process and its children alone."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
    _checked(libc.unshare(NEW_MOUNTS | NEW_USERS))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {user} 1"),
        ("gid_map", f"0 {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)
    _checked(libc.mount(b"none", b"/", None, PRIVATE, None))
    _checked(libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, b"size=%d" % DISK_BYTES))


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the system refuses it")


def _drop_privileges() -> None:
    """Give up what lets root write read-only files; threads that start later inherit this."""
    version_3, this_thread = 0x2008_0522, 0
    header = (ctypes.c_uint32 * 2)(version_3, this_thread)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def fork_amid_a_commit(say: Say, *, shop: dict[str, Any]) -> None:
    """Fork while the guard's journal is in a transaction, and approve in the child."""
    guard = Shop.of_words(shop).guard()
    guard.approve(**order_of("before"))
    has_begun, forking = threading.Event(), threading.Event()
    os.register_at_fork(before=forking.set)  # before the journal's own: last in, first out

    def work(_session: object, _now: int) -> None:
        has_begun.set()
        forking.wait(WAIT_SECONDS)

    written = guard._desk.journal._writer.submit(work, writes=True)  # type: ignore[attr-defined]
    has_begun.wait(WAIT_SECONDS)
    pid = os.fork()
    if pid == 0:
        try:
            say(type(guard.approve(**order_of("child"))).__name__)
        except JournalUnavailable:
            say("JournalUnavailable")
        os._exit(0)
    written.result(WAIT_SECONDS)
    os.waitpid(pid, 0)
    guard.close()
