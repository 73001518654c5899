"""A handle on a sandbox that runs in another process, over its administration."""

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from netcancel.sandbox.admin import KEY_HEADER
from netcancel.sandbox.gateway import RecordedRequest
from netcancel.sandbox.spoil import Option

TIMEOUT_SECONDS: Final = 30.0
OK: Final = 200


class RemoteSandbox:
    """The same look into the books as `Sandbox`, from another process on this machine."""

    def __init__(self, base_url: str, admin_key: str) -> None:
        """Take what the sandbox announced when it started."""
        self.base_url = base_url
        self._admin_key = admin_key

    def inject(
        self,
        name: str,
        *,
        times: int | None = None,
        rate: float | None = None,
        endpoint: str | None = None,
        **options: Option,
    ) -> None:
        """Inject a fault as `Sandbox.inject` does; raises ValueError."""
        given = {
            "name": name,
            "times": times,
            "rate": rate,
            "endpoint": endpoint,
            "options": options,
        }
        self._call("POST", "/_sandbox/faults", given)

    def clear_faults(self) -> None:
        """Forget every injected fault that has not hit."""
        self._call("POST", "/_sandbox/clear", {})

    def fault_names(self) -> tuple[str, ...]:
        """List the catalogue."""
        return tuple(self._call("GET", "/_sandbox/faults")["names"])

    def charges(self) -> list[dict[str, Any]]:
        """Return every charge ever made, oldest first; status is live, voided or refunded."""
        charges: list[dict[str, Any]] = self._call("GET", "/_sandbox/charges")["charges"]
        return charges

    def requests(self) -> list[RecordedRequest]:
        """Return what arrived, oldest first, with the keys of RecordedRequest."""
        return [
            RecordedRequest(
                record,
                headers=[(name, value) for name, value in record["headers"]],
                body=base64.b64decode(record["body"]),
            )
            for record in self._call("GET", "/_sandbox/requests")["requests"]
        ]

    def status(self) -> dict[str, int]:
        """Count requests, charges, and approvals still pending to be worked."""
        return dict(self._call("GET", "/_sandbox/status"))

    def _call(
        self, method: str, path: str, given: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        headers = {KEY_HEADER: self._admin_key, "Connection": "close"}
        body = None
        if given is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(given).encode()
        connection = http.client.HTTPConnection(
            urlsplit(self.base_url).netloc, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != OK:
            raise ValueError(told["respMsg"])
        return told
