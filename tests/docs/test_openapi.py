"""The OpenAPI files say what the code says: paths, fields, lengths, headers, codes and statuses."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH
from netcancel.kicc.fields import (
    ANSWER_FIELDS,
    APPROVAL_FIELDS,
    CANCEL_FIELDS,
    FIELDS,
    NET_CANCEL_FIELDS,
)
from netcancel.kicc.rules import broken_rule
from netcancel.kicc.signature import (
    CHANNEL_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
)
from netcancel.proxy.replies import Refusal
from netcancel.sandbox import codes
from netcancel.sandbox.admin import INJECTION_KEYS, KEY_HEADER, Admin
from netcancel.sandbox.faults import FAULTS
from netcancel.sandbox.fields import OPTIONAL, RULES, Endpoint, FieldError
from netcancel.sandbox.gateway import PATHS
from netcancel.sandbox.ledger import Charge, Did, Status
from netcancel.sandbox.signature import HEADERS, SignatureVerdict
from netcancel.sandbox.world import World
from tests.docs.pages import ROOT, text_of

Json = dict[str, Any]


def read(name: str) -> Json:
    """Read one of the files."""
    read: Json = json.loads(text_of(ROOT / "docs" / "openapi" / f"{name}.json"))
    return read


SANDBOX: Final = read("sandbox")
PROXY: Final = read("proxy")

REQUESTS: Final = {"Approval": "approval", "Cancel": "cancel", "NetCancel": "net-cancel"}
OF_KICC: Final = {
    "Approval": APPROVAL_FIELDS,
    "Cancel": CANCEL_FIELDS,
    "NetCancel": NET_CANCEL_FIELDS,
}
MAY_BE_LEFT_OUT: Final = frozenset({"vatAmt", "svcAmt", "taxFreeAmt", "userData"})

PROBES: Final[tuple[object, ...]] = (
    *("", "A", "a b", "１", "\t", "한", "T", "G", "X", "~" * 10, "~" * 11, "~" * 20, "~" * 21),
    *("~" * 40, "~" * 41, "~" * 128, "~" * 129, "a" * 512, "a" * 513, "\u0085"),
    *("0", "00", "01", "02", "12", "59", "60", "61", "99", "000"),
    *("20231225", "20231301", "20230032", "2023111", "120000", "240000", "235960", "9:0:0"),
    *("1234567890", "123456789", "123-45-678"),
    *(-1, 0, 1, 9_999_999_999, 10_000_000_000, None, True, 1.5, [], {}),
)
"""Values at the borders of the fields' rules."""


def schema_of(file: Json, field: str) -> Json:
    """Return a field's schema."""
    found: Json = file["components"]["schemas"][field[0].upper() + field[1:]]
    return found


def allows(schema: Json, value: object) -> bool:
    """Tell whether a field's schema allows a value."""
    if schema["type"] == "integer":
        return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
    if not isinstance(value, str):
        return False
    return len(value) <= schema["maxLength"] and bool(re.search(schema["pattern"], value))


def probes_of(allowed_by_the_schema: set[int], allowed_by_the_code: set[int]) -> list[object]:
    """Return the values on which schema and code differ."""
    return [PROBES[place] for place in sorted(allowed_by_the_schema ^ allowed_by_the_code)]


def operations(file: Json) -> set[tuple[str, str]]:
    """List the operations by method and path."""
    return {(method.upper(), path) for path, item in file["paths"].items() for method in item}


def codes_by_status(file: Json, path: str) -> dict[str, set[str]]:
    """Return which codes a file gives to each status of a path; of 200, those that it lists."""
    found: dict[str, set[str]] = {}
    for status, response in file["paths"][path]["post"]["responses"].items():
        for content in response.get("content", {}).values():
            name = content["schema"]["$ref"].rpartition("/")[2]
            schema = file["components"]["schemas"][name]["properties"]["respCd"]
            if "$ref" in schema:
                schema = file["components"]["schemas"]["Code"]
            listed = schema.get("enum") or schema["anyOf"][0]["enum"]
            found[status] = set(listed)
    return found


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_have_the_fields_of_the_code(name: str) -> None:
    """Each file lists exactly the fields that the code knows, and which of them must be there."""
    of_sandbox, of_proxy = (file["components"]["schemas"][name] for file in (SANDBOX, PROXY))
    endpoint = Endpoint(REQUESTS[name])
    assert set(of_sandbox["properties"]) == set(RULES[endpoint])
    assert set(of_sandbox["required"]) == set(RULES[endpoint]) - OPTIONAL[endpoint]
    assert of_sandbox["additionalProperties"] is False
    wires = [field.wire for field in OF_KICC[name]]
    assert list(of_proxy["properties"]) == wires
    assert of_proxy["required"] == [wire for wire in wires if wire not in MAY_BE_LEFT_OUT]


@pytest.mark.parametrize("wire", sorted({f.wire for f in FIELDS.values()} - {"SecretKey"}))
def test_fields_of_the_proxy_are_those_of_the_table(wire: str) -> None:
    """A field's schema in proxy.json allows what the field's rule allows, and has its length."""
    [field] = [field for field in FIELDS.values() if field.wire == wire]
    if wire == CHANNEL_HEADER:
        return
    schema = schema_of(PROXY, wire)
    if field.max_bytes is not None:
        assert schema["maxLength"] == field.max_bytes
    by_schema = {n for n, probe in enumerate(PROBES) if allows(schema, probe)}
    by_code = {n for n, probe in enumerate(PROBES) if broken_rule(field, probe) is None}
    assert probes_of(by_schema, by_code) == []
    assert by_code
    assert schema["description"].startswith(field.meaning.split(";")[0])


@pytest.mark.parametrize("wire", sorted({name for rules in RULES.values() for name in rules}))
def test_fields_of_the_sandbox_are_those_of_its_rules(wire: str) -> None:
    """A field's schema in sandbox.json allows what the sandbox allows."""
    [rule] = {id(rules[wire]): rules[wire] for rules in RULES.values() if wire in rules}.values()
    schema = schema_of(SANDBOX, wire)

    def is_taken(value: object) -> bool:
        try:
            rule.check(wire, value)
        except FieldError:
            return False
        return True

    by_schema = {n for n, probe in enumerate(PROBES) if allows(schema, probe)}
    by_code = {n for n, probe in enumerate(PROBES) if is_taken(probe)}
    assert probes_of(by_schema, by_code) == []
    assert by_code


@pytest.mark.parametrize("file", [SANDBOX, PROXY], ids=["sandbox", "proxy"])
def test_answers_have_the_fields_of_the_table(file: Json) -> None:
    """An answer's members and their types are those that the library reads."""
    types = {"string": str, "integer": int}
    members = file["components"]["schemas"]["Answer"]["properties"]
    told = {name: types.get(each.get("type", "string")) for name, each in members.items()}
    assert told == {field.wire: field.type for field in ANSWER_FIELDS}


def test_codes_of_the_sandbox() -> None:
    """Every code of the sandbox stands in the file, and no other."""
    written = set(SANDBOX["components"]["schemas"]["Code"]["enum"])
    assert written == {codes.SUCCESS, codes.INSUFFICIENT_FUNDS, *codes.MESSAGES}
    for path in PATHS:
        by_status = codes_by_status(SANDBOX, path)
        assert by_status.pop("200") == written
        assert by_status.pop("401") == {codes.NOT_AUTHENTICATED}
        assert set.union(*by_status.values()) == {codes.BAD_HTTP}


def test_codes_of_the_proxy_have_their_status() -> None:
    """Every refusal of the proxy stands at its HTTP status, and no other does."""
    wanted: dict[str, set[str]] = {}
    for why in Refusal:
        wanted.setdefault(str(int(why.status)), set()).add(why.code)
    assert codes_by_status(PROXY, CANCEL_PATH) == wanted
    # Only a cancel is ever passed on without the journal's knowing its payment.
    del wanted[str(int(Refusal.CANCEL_LOST.status))]
    for path in (APPROVAL_PATH, NET_CANCEL_PATH):
        assert codes_by_status(PROXY, path) == wanted


def test_paths_are_those_that_are_served() -> None:
    """Both files have the manual's three paths, the sandbox's its administration too."""
    three = {("POST", path) for path in (APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH)}
    assert operations(PROXY) == three
    assert {("POST", path) for path in PATHS} == three
    admin = Admin(World().gateway, "key")
    assert operations(SANDBOX) == three | set(admin._routes)


@pytest.mark.parametrize("file", [SANDBOX, PROXY], ids=["sandbox", "proxy"])
def test_signature_headers_are_those_that_are_checked(file: Json) -> None:
    """The four headers have the manual's names, and every payment's request needs all of them."""
    schemes = dict(file["components"]["securitySchemes"])
    if file is SANDBOX:
        assert schemes.pop("AdminKey")["name"].lower() == KEY_HEADER
    names = [scheme["name"] for scheme in schemes.values()]
    assert names == [CHANNEL_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER]
    assert tuple(name.lower() for name in names) == HEADERS
    for path in PATHS:
        assert file["paths"][path]["post"]["security"] == [{name: [] for name in schemes}]


def test_administration_is_written_as_it_is() -> None:
    """Faults, injections, charges and recorded requests have their names in the file."""
    schemas = SANDBOX["components"]["schemas"]
    assert schemas["FaultName"]["enum"] == list(FAULTS)
    assert schemas["Endpoint"]["enum"] == list(Endpoint)
    assert set(schemas["Injection"]["properties"]) == INJECTION_KEYS
    charge = Charge("T", "N", 1, "1", "20231225", "V", 0.0, ())
    assert list(schemas["Charge"]["properties"]) == list(charge.as_row())
    assert schemas["Charge"]["properties"]["status"]["enum"] == list(Status)
    request = schemas["Request"]["properties"]
    assert request["did"]["enum"] == list(Did)
    assert request["signature"]["enum"] == [*SignatureVerdict, None]
