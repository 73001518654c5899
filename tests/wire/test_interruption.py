"""Exchanges that are stopped from outside: the connection is reset and the exception goes on."""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import signal
import socket
import subprocess
import sys
import threading

import pytest

from netcancel.kicc.raw import RawAnswer
from netcancel.wire import AwaitingTransport, Gateway, Network, clock
from tests.wire.answerer import PATIENCE, Answerer, answers, stays_silent
from tests.wire.conftest import REQUEST
from tests.wire.zoo import sized

# A process that a shell started in the background would have its children ignore Ctrl-C.
CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from netcancel.wire import BlockingTransport, Gateway, Request, clock
transport = BlockingTransport(Gateway.parse(sys.argv[1]), keep_alive_seconds=float(sys.argv[2]))
request = Request("/a", (), b"{}")
deadline = clock.now() + 60
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def child(code: str, gateway: Answerer, keep_alive: float = 0.0) -> subprocess.Popen[str]:
    """Start a process that has a transport to the gateway and runs this code."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, gateway.base_url, str(keep_alive)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_cancelled_task_resets() -> None:
    """Cancelling the task resets the connection at once, and the task is cancelled."""

    async def main(gateway: Answerer) -> None:
        transport = AwaitingTransport(Gateway.parse(gateway.base_url))
        task = asyncio.create_task(transport.exchange(REQUEST, deadline=clock.now() + PATIENCE))
        await asyncio.to_thread(gateway.arrived.get, timeout=PATIENCE)
        task.cancel()
        # The traceback, held here, keeps the exchange's frame: nothing is left to the collector.
        with pytest.raises(asyncio.CancelledError) as _held:
            await task
        assert task.cancelled()
        assert await asyncio.to_thread(gateway.endings.get, timeout=PATIENCE) == "reset"

    with Answerer(stays_silent) as gateway:
        asyncio.run(main(gateway))


def test_timeout_around_an_exchange_resets() -> None:
    """A time-out that the caller puts around the exchange is a cancellation like others."""

    async def main(gateway: Answerer) -> None:
        transport = AwaitingTransport(Gateway.parse(gateway.base_url))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await transport.exchange(REQUEST, deadline=clock.now() + PATIENCE)
        assert await asyncio.to_thread(gateway.endings.get, timeout=PATIENCE) == "reset"

    with Answerer(stays_silent) as gateway:
        asyncio.run(main(gateway))


def test_closed_loop_resets() -> None:
    """A loop that is closed over a pending exchange leaves no connection behind."""
    with Answerer(stays_silent) as gateway:
        transport = AwaitingTransport(Gateway.parse(gateway.base_url))
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # "Task was destroyed but it is pending!"
        task = loop.create_task(transport.exchange(REQUEST, deadline=clock.now() + PATIENCE))
        waiting = loop.run_in_executor(None, lambda: gateway.arrived.get(timeout=PATIENCE))
        loop.run_until_complete(waiting)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        del task, waiting, loop
        gc.collect()
        assert gateway.endings.get(timeout=PATIENCE) == "reset"


def test_tasks_beside_a_cancelled_one_go_on() -> None:
    """Cancelling one exchange doesn't touch another over the same transport."""
    go = threading.Event()

    def act(connection: socket.socket, _: bytes) -> None:
        go.wait(PATIENCE)
        connection.sendall(sized())

    async def main(gateway: Answerer) -> None:
        transport = AwaitingTransport(Gateway.parse(gateway.base_url), keep_alive_seconds=60.0)
        first, second = (
            asyncio.create_task(transport.exchange(REQUEST, deadline=clock.now() + PATIENCE))
            for _ in "ab"
        )
        for _ in "ab":
            await asyncio.to_thread(gateway.arrived.get, timeout=PATIENCE)
        first.cancel()
        go.set()
        assert isinstance(await second, RawAnswer)
        await transport.aclose()

    with Answerer(act) as gateway:
        asyncio.run(main(gateway))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_process_resets(number: signal.Signals) -> None:
    """Ctrl-C resets and goes on as KeyboardInterrupt; even SIGKILL leaves the kernel to reset."""
    with (
        Answerer(stays_silent) as gateway,
        child("transport.exchange(request, deadline=deadline)", gateway) as process,
    ):
        gateway.arrived.get(timeout=PATIENCE)
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        assert gateway.endings.get(timeout=PATIENCE) == "reset"
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)


def test_interrupted_process_that_lives_on_resets_at_once() -> None:
    """Ctrl-C that the program catches and keeps resets the connection all the same."""
    code = """
try:
    transport.exchange(request, deadline=deadline)
except KeyboardInterrupt as interruption:
    kept = interruption  # its traceback keeps the exchange's frame
sys.stdin.read()
"""
    with Answerer(stays_silent) as gateway, child(code, gateway) as process:
        gateway.arrived.get(timeout=PATIENCE)
        process.send_signal(signal.SIGINT)
        assert gateway.endings.get(timeout=PATIENCE) == "reset"
        assert process.poll() is None
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_forked_child_does_not_keep_the_connection_alive() -> None:
    """Giving up resets even while a child, forked during the exchange, lives on."""
    code = """
import os, threading
worker = threading.Thread(target=transport.exchange, args=(request,),
                          kwargs={"deadline": clock.now() + 1.0})
worker.start()
sys.stdin.readline()
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
worker.join()
print("given up", flush=True)
os.wait()
"""
    with Answerer(stays_silent) as gateway, child(code, gateway) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        gateway.arrived.get(timeout=PATIENCE)
        process.stdin.write("fork\n")
        process.stdin.flush()
        assert process.stdout.readline() == "given up\n"
        assert gateway.endings.get(timeout=PATIENCE) == "reset"
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_forked_child_takes_a_connection_of_its_own() -> None:
    """A kept connection stays with the parent; the child's requests go over a fresh one."""
    code = """
import os
def ask(number):
    answer = transport.exchange(request, deadline=deadline)
    print(number, type(answer).__name__, flush=True)
ask(1)
if os.fork() == 0:
    ask(2)
    os._exit(0)
os.wait()
ask(3)
"""
    with Answerer(answers(sized())) as gateway, child(code, gateway, keep_alive=60.0) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    assert output.split("\n")[:3] == ["1 RawAnswer", "2 RawAnswer", "3 RawAnswer"]
    assert (len(gateway.requests), gateway.connections) == (3, 2)


def test_fork_during_a_look_up_leaves_the_child_able_to_look_up() -> None:
    """A child forked while a thread resolves a name starts a look-up of its own."""
    code = """
import os, socket, threading
from netcancel.wire import resolver
parent, started, go = os.getpid(), threading.Event(), threading.Event()
def getaddrinfo(*_, **__):
    if os.getpid() == parent:
        started.set()
        go.wait()
    return [(0, 0, 0, "", ("192.0.2.1", 0))]
socket.getaddrinfo = getaddrinfo
hanging = resolver.look_up("gateway.test")
started.wait()
if os.fork() == 0:
    found = resolver.look_up("gateway.test").result(20)
    os._exit(0 if found == ("192.0.2.1",) else 1)
print(os.waitstatus_to_exitcode(os.wait()[1]), hanging.done())
"""
    with Answerer(stays_silent) as gateway, child(code, gateway) as process:
        # The parent's own look-up hangs to the end, and doesn't keep the process from it.
        output, errors = process.communicate(timeout=PATIENCE)
    assert (output, errors, process.returncode) == ("0 False\n", "", 0)


def test_look_up_that_ends_after_its_loop_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look-up may outlive the task and the loop that asked for it."""
    released, ended = threading.Event(), queue.Queue[str]()

    def hang(*_args: object, **_named: object) -> list[object]:
        released.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(threading, "excepthook", lambda args: ended.put(repr(args.exc_value)))
    gateway = Gateway("http", "late.gateway.test", 1, "", None, Network())
    transport = AwaitingTransport(gateway)
    reception = asyncio.run(transport.exchange(REQUEST, deadline=clock.now() + 0.2))
    resolvers = [t for t in threading.enumerate() if t.name == "netcancel-resolver"]
    released.set()
    for thread in resolvers:
        thread.join(PATIENCE)
    assert not isinstance(reception, RawAnswer)
    assert ended.empty()
