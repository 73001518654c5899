"""Slow and numerous clients: a server with small limits cuts them."""

import asyncio

import pytest

from netcancel.sandbox.server import Limits, Server
from netcancel.sandbox.world import World
from tests.sandbox.client import APPROVAL, eleven, raw_request

LENGTH = len(raw_request(APPROVAL, eleven(), keep_alive=True))


def request() -> bytes:
    """Return a request that is signed now: an aged signature is refused."""
    return raw_request(APPROVAL, eleven(), keep_alive=True)


def server_with(limits: Limits) -> Server:
    """Return a server of its own, not started."""
    gateway = World().gateway
    return Server(gateway, gateway.receive, limits=limits)


async def bytes_until_cut(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends the connection, orderly or not."""
    data = b""
    try:
        while piece := await reader.read(65_536):
            data += piece
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize("sent", [0, 1, LENGTH // 2, LENGTH - 1])
def test_a_request_that_does_not_end_is_cut(sent: int) -> None:
    """Idle, or stuck anywhere in head or body: cut when its time is up, without an answer."""

    async def scenario() -> bytes:
        limits = Limits(read_seconds=0.02, idle_seconds=0.02, sweep_seconds=0.01)
        server = server_with(limits)
        reader, writer = await asyncio.open_connection(*await server.start("127.0.0.1", 0))
        writer.write(request()[:sent])
        data = await bytes_until_cut(reader)
        writer.close()
        await server.stop()
        return data

    assert asyncio.run(scenario()) == b""


def test_a_kept_connection_is_cut_when_it_is_idle() -> None:
    """After an answer the idle time runs again, and at its end the connection is cut."""

    async def scenario() -> tuple[bytes, float, bytes]:
        server = server_with(Limits(idle_seconds=3_600, read_seconds=60, sweep_seconds=0.01))
        reader, writer = await asyncio.open_connection(*await server.start("127.0.0.1", 0))
        writer.write(request())
        answer = await reader.read(65_536)
        (connection,) = server.connections
        left = connection.deadline - asyncio.get_running_loop().time()
        connection.deadline = 0.0
        rest = await bytes_until_cut(reader)
        writer.close()
        await server.stop()
        return answer, left, rest

    answer, left, rest = asyncio.run(scenario())
    assert b'"respCd":"0000"' in answer
    assert 60 < left <= 3_600
    assert rest == b""


def test_a_client_that_never_closes_is_cut_after_its_answer() -> None:
    """Closing waits for the client's end of the stream, but not for ever."""

    async def scenario() -> int:
        server = server_with(Limits(closing_seconds=0.02, sweep_seconds=0.01))
        reader, writer = await asyncio.open_connection(*await server.start("127.0.0.1", 0))
        writer.write(raw_request(APPROVAL, eleven()))
        await bytes_until_cut(reader)
        while server.connections:  # noqa: ASYNC110 - the server tells nobody when it cuts
            await asyncio.sleep(0)
        writer.close()
        await server.stop()
        return len(server.connections)

    assert asyncio.run(scenario()) == 0


def test_there_is_a_most_of_connections() -> None:
    """The connection over the limit is cut at once; the others are served."""

    async def scenario() -> tuple[bytes, bytes]:
        server = server_with(Limits(connections_max=1))
        address = await server.start("127.0.0.1", 0)
        first_reader, first = await asyncio.open_connection(*address)
        first.write(request())
        answer = await first_reader.read(65_536)
        second_reader, second = await asyncio.open_connection(*address)
        refused = await bytes_until_cut(second_reader)
        first.close()
        second.close()
        await server.stop()
        return answer, refused

    answer, refused = asyncio.run(scenario())
    assert b'"respCd":"0000"' in answer
    assert refused == b""
