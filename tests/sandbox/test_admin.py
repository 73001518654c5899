"""A sandbox in another process, and the guard before its administration."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from netcancel.sandbox import RemoteSandbox, Sandbox
from netcancel.sandbox.admin import Admin
from netcancel.sandbox.gateway import Received
from netcancel.sandbox.process import Announcement, serve, warning_for
from netcancel.sandbox.world import World
from tests.sandbox.client import APPROVAL, NET_CANCEL, connected, eleven, post, raw_request

PROGRAM = """
import json, sys
from netcancel.sandbox.process import serve
told = lambda a: print(json.dumps([a.base_url, a.admin_key, a.tid, a.warning]), flush=True)
serve(on_ready=told, **json.loads(sys.argv[1]))
"""
KEY = "X-Sandbox-Admin-Key"


@dataclass
class Running:
    """A sandbox process and what it announced."""

    process: subprocess.Popen[str]
    base_url: str
    admin_key: str
    warning: str | None


@contextmanager
def running(**options: object) -> Iterator[Running]:
    """Run a sandbox process for a test."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(options)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            base_url, admin_key, _, warning = json.loads(process.stdout.readline())
            yield Running(process, base_url, admin_key, warning)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sandbox_process_is_worked_from_outside_until_it_is_told_to_stop(
    number: signal.Signals,
) -> None:
    """Faults, charges and requests go through the administration; a signal ends it cleanly."""
    with running(net_cancel_memory="code", faults=["html"]) as sandbox:
        van = RemoteSandbox(sandbox.base_url, sandbox.admin_key)
        assert b"<html>" in post(van.base_url, APPROVAL, eleven()).body
        van.inject("commit-then-silence", times=1, endpoint="net-cancel")
        with connected(van.base_url) as held:
            held.sendall(raw_request(NET_CANCEL, eleven()))
            while van.status()["requests"] < 2:
                pass
            assert [row["status"] for row in van.charges()] == ["voided"]
            sandbox.process.send_signal(number)
            assert sandbox.process.wait(20) == 0
        assert sandbox.warning is None


def test_both_handles_tell_the_same() -> None:
    """Charges, requests and fault names are the same through the thread and over HTTP."""
    with Sandbox() as van:
        far = RemoteSandbox(van.base_url, van.admin_key)
        far.inject("wrong-amount", amount_delta=2)
        assert post(van.base_url, APPROVAL, eleven()).json()["trxAmt"] == 10_002
        far.inject("silence", rate=1.0)
        far.clear_faults()
        post(van.base_url, NET_CANCEL, eleven())
        assert far.charges() == van.charges()
        assert far.requests() == van.requests()
        assert far.fault_names() == van.fault_names()
        assert far.status() == {"requests": 2, "charges": 1, "pending": 0}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("elephant", {}), ("silence", {"times": 0}), ("silence", {"seconds": 1})],
)
def test_nonsense_is_refused_from_outside_too(name: str, arguments: dict[str, int]) -> None:
    """The sentence that the library would raise comes back over HTTP."""
    with Sandbox() as van:
        far = RemoteSandbox(van.base_url, van.admin_key)
        with pytest.raises(ValueError, match=r"elephant|times|seconds"):
            far.inject(name, **arguments)  # type: ignore[arg-type]


def ask(van: Sandbox, method: str, path: str, body: str | None, **headers: str) -> int:
    """Return the status of one administrative request."""
    connection = http.client.HTTPConnection(urlsplit(van.base_url).netloc, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        json.loads(answer.read())
        return answer.status
    finally:
        connection.close()


def test_the_key_is_needed_and_no_browser() -> None:
    """Without the key, with a wrong one, or from a web page: 403, whatever the path."""
    with Sandbox() as van:
        right = {"X_Sandbox_Admin_Key": van.admin_key}
        for path in ("/_sandbox/charges", "/_sandbox/requests", "/_sandbox/nothing"):
            assert ask(van, "GET", path, None) == 403
            assert ask(van, "GET", path, None, X_Sandbox_Admin_Key=van.admin_key[:-1]) == 403
            assert ask(van, "GET", path, None, **right, Origin="http://evil.example") == 403
        assert ask(van, "GET", "/_sandbox/charges", None, **right) == 200
        assert van.requests() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        ("GET", "/_sandbox/nothing", None, "", 404),
        ("DELETE", "/_sandbox/charges", None, "", 404),
        ("GET", "/_sandbox/clear", None, "", 404),
        ("POST", "/_sandbox/clear", "{}", "text/plain", 415),
        ("POST", "/_sandbox/clear", "{}", "application/json", 200),
        ("POST", "/_sandbox/faults", "not json", "application/json", 400),
        ("POST", "/_sandbox/faults", "[]", "application/json", 400),
        ("POST", "/_sandbox/faults", "{}", "application/json", 400),
        ("POST", "/_sandbox/faults", '{"name": 1}', "application/json", 400),
        ("POST", "/_sandbox/faults", '{"name": "html", "x": 1}', "application/json", 400),
        ("POST", "/_sandbox/faults", '{"name": "html", "times": true}', "application/json", 400),
        ("POST", "/_sandbox/faults", '{"name": "html", "rate": "1"}', "application/json", 400),
        ("POST", "/_sandbox/faults", '{"name": "html", "options": 1}', "application/json", 400),
        (
            "POST",
            "/_sandbox/faults",
            '{"name": "decline", "options": {"code": []}}',
            "application/json",
            400,
        ),
        ("POST", "/_sandbox/faults", '{"name": "html", "times": 2}', "application/json", 200),
    ],
)
def test_administration_is_strict(
    method: str, path: str, body: str | None, content_type: str, status: int
) -> None:
    """Unknown paths, other media types and malformed bodies are refused with JSON."""
    with Sandbox() as van:
        headers = {"X_Sandbox_Admin_Key": van.admin_key, "Content_Type": content_type}
        assert ask(van, method, path, body, **headers) == status


@pytest.mark.parametrize(
    ("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.1", 403), ("", 403)]
)
def test_administration_is_for_this_machine_only(peer: str, status: int) -> None:
    """Even with the key, another machine is refused."""
    world = World()
    admin = Admin(world.gateway, "key")
    request = Received("GET", "/_sandbox/status", ((KEY.lower(), "key"),), b"", peer=peer)
    piece = admin.handle(request).delivery.pieces[0]
    assert piece.startswith(f"HTTP/1.1 {status} ".encode())


def test_another_host_must_be_allowed() -> None:
    """A host beyond loopback is refused, or allowed with a loud warning."""

    def never(_announcement: Announcement) -> None:
        pytest.fail("it must not start")

    with pytest.raises(ValueError, match="not a loopback address"):
        serve(on_ready=never, host="0.0.0.0")  # noqa: S104 - it is refused
    warning = warning_for("0.0.0.0", allowed=True)  # noqa: S104 - nothing listens
    assert warning is not None
    assert "0.0.0.0" in warning  # noqa: S104 - likewise
    assert warning_for("127.0.0.1", allowed=True) is None


def test_an_announcement_hides_its_keys() -> None:
    """Whoever logs the announcement logs no key."""
    announcement = Announcement("http://127.0.0.1:1", "the-admin-key")
    assert "the-admin-key" not in repr(announcement)
    assert announcement.secret_key not in repr(announcement)
