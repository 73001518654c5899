"""What Schemathesis must know of us: how a request is signed, and which answers fit which data.

Loaded by its name, from SCHEMATHESIS_HOOKS, in the process that sends the requests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import unicodedata
import uuid
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

if TYPE_CHECKING:
    from requests import PreparedRequest

ROOT: Final = Path(__file__).parents[3]

CHANNEL: Final = os.environ["FUZZ_CHANNEL_ID"]
SECRET: Final = os.environ["FUZZ_SECRET_KEY"]
ADMIN_KEY: Final = os.environ.get("FUZZ_ADMIN_KEY", "")

MALFORMED: Final = frozenset({"SB08", "SB12", "NC04", "NC13"})
"""Codes for a request whose form is refused."""

AMOUNTS: Final = ("trxAmt", "vatAmt", "svcAmt", "taxFreeAmt")
AMOUNT_MAX: Final = 9_999_999_999
PARTS_OF_A_CANCEL: Final = frozenset({"vatAmt", "svcAmt"})
"""The proxy passes a cancel on without them, and the gateway may refuse it."""
DATES: Final = ("tranDt", "orgAprvDt")
NO_FORM: Final = (
    "must be the approval's: a net-cancel repeats its data",
    "must be the approved payment's",
    "must be the whole approved amount: cancels are in full",
    "must be another number than the payment's",
    "must be a number that no payment has",
    "must not hold a card number",
)
"""How the proxy ends where a payment that it knows is the reason, or what no schema can say."""

FIELDS: Final = frozenset(
    name
    for schema in json.loads((ROOT / "docs" / "openapi" / "proxy.json").read_text("utf-8"))[
        "components"
    ]["schemas"].values()
    for name in schema.get("properties", ())
)
"""The manual's fields: the proxy passes others on, and the gateway may refuse them."""

TEXT_BYTES: Final = 512
TIMEOUT_SECONDS: Final = 10.0


def sign(request: PreparedRequest) -> PreparedRequest:
    """Sign the very bytes that are sent (docs/spec.md 1.3); the administration has a key."""
    path = request.path_url
    if path.startswith("/_sandbox/"):
        request.headers["X-Sandbox-Admin-Key"] = ADMIN_KEY
        return request
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    timestamp, nonce = str(time.time_ns() // 1_000_000), str(uuid.uuid4())
    message = f"{CHANNEL}{path}{timestamp}{nonce}".encode() + body
    signed = base64.b64encode(hmac.digest(SECRET.encode(), message, hashlib.sha256)).decode()
    request.headers["X-KICC-ChannelId"] = CHANNEL
    request.headers["X-KICC-Timestamp"] = timestamp
    request.headers["X-KICC-Nonce"] = nonce
    request.headers["X-KICC-Authorization"] = signed
    return request


def map_body(_context: Any, body: Any) -> Any:  # noqa: ANN401  whatever was drawn
    """Keep parts of an amount within the total, which no schema can ask for.

    A part that the schema itself forbids stays forbidden.
    """
    total = body.get("trxAmt") if isinstance(body, dict) else None
    if not isinstance(total, int) or total < 1:
        return body
    parts = {name: body[name] for name in AMOUNTS[1:] if type(body.get(name)) is int}
    return body | {
        name: part % (total + 1) for name, part in parts.items() if total < part <= AMOUNT_MAX
    }


def after_call(_context: Any, case: Any, response: Any) -> None:  # noqa: ANN401  its own types
    """Take an injected fault away again: what it would do is in no file."""
    if case.operation.label == "POST /_sandbox/faults":
        place = response.request.url.replace("/_sandbox/faults", "/_sandbox/clear")
        requests.post(place, json={}, auth=sign, timeout=TIMEOUT_SECONDS)


def code_fits_data(_context: Any, response: Any, case: Any) -> None:  # noqa: ANN401  its own types
    """Fail where a valid request is refused for its form, or an invalid one is worked."""
    if case.path.startswith("/_sandbox/") or case.meta is None or not response.content:
        return
    if case.method.upper() != case.operation.method.upper():
        return  # another method is refused, whatever is in its body
    told = json.loads(response.content)
    code = told.get("respCd")
    body = case.meta.components.get(ParameterLocation.BODY)
    is_forbidden = body is not None and body.mode.is_negative
    if is_forbidden or not _is_json(response.request.headers.get("Content-Type", "")):
        if code == "0000":
            raise AssertionError("what the file forbids was worked")
    elif code in MALFORMED and not (
        told["respMsg"].endswith(NO_FORM) or _breaks_an_unwritten_rule(case.body)
    ):
        raise AssertionError(f"what the file allows was refused for its form: {code}")


def _is_json(media_type: str) -> bool:
    """Tell whether a body says that it is what the file asks for; some cases say otherwise."""
    return media_type.partition(";")[0].strip().lower() == "application/json"


def _breaks_an_unwritten_rule(body: Any) -> bool:  # noqa: ANN401  whatever was drawn
    """Tell whether a body breaks a rule that a schema can't say."""
    amounts = [body[name] for name in AMOUNTS if name in body]
    return (
        not body.keys() <= FIELDS
        or ("wcc" in body and not body.keys() >= PARTS_OF_A_CANCEL)
        or any(not isinstance(amount, int) or amount > body["trxAmt"] for amount in amounts)
        or not all(_is_a_day(body[name]) for name in DATES if name in body)
        or not _is_clean(body.get("userData", ""))
    )


def _is_a_day(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _is_clean(text: str) -> bool:
    kinds = {unicodedata.category(character) for character in text}
    small = len(text.encode("utf-8", "surrogatepass")) <= TEXT_BYTES
    return small and not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}


schemathesis.auth.set_from_requests(sign)
schemathesis.hook(map_body)
schemathesis.hook(after_call)
schemathesis.check(code_fits_data)
