"""The administration of a sandbox over HTTP: JSON, from this machine, guarded by a random key.

| request                    | does                                            |
|----------------------------|-------------------------------------------------|
| GET  /_sandbox/status      | counts: requests, charges, pending              |
| GET  /_sandbox/charges     | the charges                                     |
| GET  /_sandbox/requests    | what arrived; bodies in Base64                  |
| GET  /_sandbox/faults      | the catalogue's names and the active faults     |
| POST /_sandbox/faults      | injects: {name, times, rate, endpoint, options} |
| POST /_sandbox/clear       | forgets all injected faults; body {}            |
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Final, cast

from netcancel.sandbox.addresses import is_loopback
from netcancel.sandbox.delivery import Answer, plain
from netcancel.sandbox.faults import FAULTS
from netcancel.sandbox.fields import FieldError, read_json_object
from netcancel.sandbox.gateway import Gateway, Reaction, Received, http_refusal
from netcancel.sandbox.spoil import Option

KEY_HEADER: Final = "x-sandbox-admin-key"
NOT_ALLOWED: Final = http_refusal(403, "from this machine, with the admin key, not from a browser")
INJECTION_KEYS: Final = frozenset({"name", "times", "rate", "endpoint", "options"})


class Admin:
    """Answers the paths under /_sandbox/."""

    def __init__(self, gateway: Gateway, key: str) -> None:
        """Take the gateway to look into and the key that opens it."""
        self._gateway = gateway
        self._key = key.encode()
        self._routes: Mapping[tuple[str, str], Callable[[bytes], Mapping[str, object]]] = {
            ("GET", "/_sandbox/status"): self._status,
            ("GET", "/_sandbox/charges"): self._charges,
            ("GET", "/_sandbox/requests"): self._requests,
            ("GET", "/_sandbox/faults"): self._faults,
            ("POST", "/_sandbox/faults"): self._inject,
            ("POST", "/_sandbox/clear"): self._clear,
        }

    def handle(self, request: Received) -> Reaction:
        """Answer one request."""
        return Reaction(plain(self._answer(request), keep_alive=request.keep_alive))

    def _answer(self, request: Received) -> Answer:
        if not self._is_allowed(request):
            return NOT_ALLOWED
        route = self._routes.get((request.method, request.target))
        if route is None:
            return http_refusal(404, "no such administration")
        if request.method == "POST" and not _is_json(request):
            return http_refusal(415, "application/json only")
        try:
            with self._gateway.changed:
                return Answer(route(request.body))
        except (ValueError, FieldError) as error:
            return http_refusal(400, str(error))

    def _is_allowed(self, request: Received) -> bool:
        """Demand the key and this machine; an Origin header is a browser's, no business of it."""
        if not is_loopback(request.peer):
            return False
        keys = [value for name, value in request.headers if name == KEY_HEADER]
        if len(keys) != 1 or any(name == "origin" for name, _ in request.headers):
            return False
        return hmac.compare_digest(keys[0].encode(), self._key)

    def _status(self, _body: bytes) -> Mapping[str, object]:
        return {
            "requests": self._gateway.received,
            "charges": len(self._gateway.ledger.charges),
            "pending": self._gateway.pending,
        }

    def _charges(self, _body: bytes) -> Mapping[str, object]:
        return {"charges": [charge.as_row() for charge in self._gateway.ledger.charges]}

    def _requests(self, _body: bytes) -> Mapping[str, object]:
        return {
            "requests": [
                {**record, "body": base64.b64encode(record["body"]).decode()}
                for record in self._gateway.records
            ]
        }

    def _faults(self, _body: bytes) -> Mapping[str, object]:
        return {"names": list(FAULTS), "active": self._gateway.plan.active()}

    def _inject(self, body: bytes) -> Mapping[str, object]:
        given = read_json_object(body)
        if not given.keys() <= INJECTION_KEYS:
            message = f"known keys are: {', '.join(sorted(INJECTION_KEYS))}"
            raise ValueError(message)
        self._gateway.plan.inject(
            _text(given, "name") or "",
            times=_whole(given, "times"),
            rate=_rate(given),
            endpoint=_text(given, "endpoint"),
            options=_options(given),
        )
        return self._faults(body)

    def _clear(self, body: bytes) -> Mapping[str, object]:
        read_json_object(body)
        self._gateway.plan.clear()
        return self._faults(body)


def _is_json(request: Received) -> bool:
    kinds = [value for name, value in request.headers if name == "content-type"]
    return len(kinds) == 1 and kinds[0].partition(";")[0].strip().lower() == "application/json"


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if value is None or isinstance(value, str):
        return value
    message = f"{name} must be a string"
    raise ValueError(message)


def _whole(given: Mapping[str, object], name: str) -> int | None:
    value = given.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    message = f"{name} must be a whole number"
    raise ValueError(message)


def _rate(given: Mapping[str, object]) -> float | None:
    value = given.get("rate")
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    message = "rate must be a number"
    raise ValueError(message)


def _options(given: Mapping[str, object]) -> dict[str, Option]:
    value = given.get("options", {})
    if not isinstance(value, dict):
        message = "options must be an object"
        raise ValueError(message)  # noqa: TRY004 - every bad request is a ValueError here
    options: dict[str, Option] = {}
    for name, option in cast("dict[str, object]", value).items():
        if isinstance(option, bool) or not isinstance(option, str | int | float):
            message = f"option {name!a} must be a string or a number"
            raise ValueError(message)  # noqa: TRY004 - likewise
        options[name] = option
    return options
