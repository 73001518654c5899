"""The three endpoints: a complete request goes in, what to send and what to do later comes out.

No socket and no timer here. Everything is guarded by one lock, because the server's thread works
requests while the owner of the sandbox reads the books.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from netcancel.sandbox import codes
from netcancel.sandbox.delivery import Answer, Delivery, plain
from netcancel.sandbox.faults import FaultPlan, Hit, Work
from netcancel.sandbox.fields import Endpoint, FieldError, read_fields
from netcancel.sandbox.ledger import (
    Did,
    Entry,
    Fields,
    Ledger,
    NetCancelMemory,
    Number,
    number_of,
    seoul_time,
)
from netcancel.sandbox.signature import SignatureCheck, SignatureVerdict
from netcancel.sandbox.spoil import Options

PATHS: Final = {
    "/smpy/kiccpay/reqAprv": Endpoint.APPROVAL,
    "/smpy/kiccpay/reqCancel": Endpoint.CANCEL,
    "/smpy/kiccpay/reqRtran": Endpoint.NET_CANCEL,
}
SUCCESS_MESSAGES: Final = {
    Endpoint.APPROVAL: "Approval Success",
    Endpoint.CANCEL: "Cancel Success",
    Endpoint.NET_CANCEL: "Net-Cancel Success",
}
MASKED_CARD: Final = "1234-56**-****-1234"
ECHO_BYTES_MAX: Final = 20
"""The net-cancel answer's mercTrxNo holds 20 bytes (spec 1.2)."""
REQUESTS_KEPT: Final = 50_000
"""Bounds memory in long runs: older requests are forgotten, their count is not."""


@dataclass(frozen=True, slots=True)
class Received:
    """One complete request as it came; header names are lower case, `peer` is an address."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    keep_alive: bool = False
    peer: str = ""


class RecordedRequest(dict[str, Any]):
    """What arrived and what became of it; a plain dict whose repr shows no token or signature.

    Keys: index, endpoint (None: no such endpoint), method, target, headers (list of name and
    value), body (bytes), signature (a SignatureVerdict, or None if it wasn't looked at), fault,
    did, did_later, status and resp_cd as the sandbox meant them, at (epoch seconds), monotonic.
    """

    def __repr__(self) -> str:
        """Show everything but headers and body."""
        shown = {key: self[key] for key in self if key not in {"headers", "body"}}
        return f"RecordedRequest({shown})"


@dataclass(frozen=True, slots=True)
class Parked:
    """An approval, or its copy, that is worked later."""

    ticket: int
    fields: Fields = field(repr=False)
    record: RecordedRequest = field(repr=False)
    after_net_cancel: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the server does for a request: send this, and work that ticket after some seconds."""

    delivery: Delivery
    ticket: int | None = None
    seconds: float = 0.0


class Gateway:
    """Signature, fields, fault, ledger, answer: in this order for every request."""

    def __init__(
        self,
        *,
        check: SignatureCheck,
        ledger: Ledger,
        plan: FaultPlan,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Put the parts together; `clock` gives seconds since the epoch."""
        self.check = check
        self.ledger = ledger
        self.plan = plan
        self.changed = threading.Condition()
        self.records: deque[RecordedRequest] = deque(maxlen=REQUESTS_KEPT)
        self.received = 0
        self._parked: dict[int, Parked] = {}
        self._clock = clock

    @property
    def pending(self) -> int:
        """Count the approvals that are still to be worked."""
        return len(self._parked)

    def records_since(self, index: int) -> Iterator[RecordedRequest]:
        """Yield the requests from an index on, of those that are kept."""
        forgotten = self.received - len(self.records)
        return islice(self.records, max(0, index - forgotten), None)

    def receive(self, request: Received) -> Reaction:
        """Work one request."""
        with self.changed:
            reaction = self._receive(request, self._clock())
            self.changed.notify_all()
            return reaction

    def work_parked(self, ticket: int) -> None:
        """Work a delayed approval now, if nothing else has yet."""
        with self.changed:
            parked = self._parked.pop(ticket, None)
            if parked is not None:
                self._work_later(parked, self._clock())
                self.changed.notify_all()

    def _receive(self, request: Received, now: float) -> Reaction:
        endpoint = PATHS.get(request.target)
        record = self._record(request, endpoint, now)
        if endpoint is None:
            return _answered(request, record, http_refusal(404, "no such path"))
        refusal = _http_refusal_of(request) or self._authentication_refusal(request, record, now)
        if refusal is not None:
            return _answered(request, record, refusal)
        try:
            fields = read_fields(endpoint, request.body)
        except FieldError as error:
            return _answered(request, record, _format_refusal(error))
        hit = self.plan.pick(endpoint)
        if hit is not None:
            return self._receive_with(hit, endpoint, fields, record, now)
        entry = self._work(endpoint, fields, now)
        record["did"] = entry.did.value
        return _answered(request, record, answer_to(endpoint, fields, entry, now))

    def _authentication_refusal(
        self, request: Received, record: RecordedRequest, now: float
    ) -> Answer | None:
        verdict = self.check.verify(request.headers, request.target, request.body, now=now)
        record["signature"] = verdict.value
        return None if verdict is SignatureVerdict.VALID else _not_authenticated()

    def _receive_with(
        self,
        hit: Hit,
        endpoint: Endpoint,
        fields: Fields,
        record: RecordedRequest,
        now: float,
    ) -> Reaction:
        fault = hit.fault
        entry = self._work_under(hit, endpoint, fields, now)
        answer = answer_to(endpoint, fields, entry, now)
        if fault.work is Work.UNAUTHENTICATED:
            answer = _not_authenticated()
        record["fault"], record["did"] = fault.name, entry.did.value
        record["status"], record["resp_cd"] = answer.status, answer.body["respCd"]
        delivery = fault.deliver(answer, hit.options)
        if fault.work not in {Work.DELAYED, Work.TWICE}:
            return Reaction(delivery)
        parked = self._park(fields, record, hit.options)
        if parked.after_net_cancel:
            return Reaction(delivery)
        return Reaction(delivery, parked.ticket, parked.seconds)

    def _work(self, endpoint: Endpoint, fields: Fields, now: float) -> Entry:
        if endpoint is Endpoint.APPROVAL:
            return self.ledger.approve(fields, now=now)
        if endpoint is Endpoint.CANCEL:
            return self.ledger.cancel(fields, now=now)
        entry = self.ledger.net_cancel(fields, now=now)
        if self._parked:
            self._work_after_net_cancel(number_of(fields), now)
        return entry

    def _work_under(self, hit: Hit, endpoint: Endpoint, fields: Fields, now: float) -> Entry:
        match hit.fault.work:
            case Work.DONE | Work.TWICE:
                return self._work(endpoint, fields, now)
            case Work.OTHER_AMOUNT:
                delta = int(hit.options["amount_delta"])
                return self.ledger.approve(fields, now=now, amount_delta=delta)
            case Work.DECLINED:
                code = str(hit.options["code"])
                return self.ledger.approve(fields, now=now, decline_code=code)
            case Work.REFUSED:
                return Entry(str(hit.options["code"]), Did.NOTHING)
            case Work.NONE | Work.UNAUTHENTICATED | Work.DELAYED:
                return Entry(codes.NOT_WORKED, Did.NOTHING)

    def _park(self, fields: Fields, record: RecordedRequest, options: Options) -> Parked:
        until = options["until"]
        if until == "default":
            remembers = self.ledger.memory is NetCancelMemory.TOMBSTONE
            until = "net-cancel" if remembers else "seconds"
        parked = Parked(
            ticket=int(record["index"]),
            fields=fields,
            record=record,
            after_net_cancel=until == "net-cancel",
            seconds=float(options["seconds"]),
        )
        self._parked[parked.ticket] = parked
        return parked

    def _work_after_net_cancel(self, number: Number, now: float) -> None:
        due = [
            parked
            for parked in self._parked.values()
            if parked.after_net_cancel and number_of(parked.fields) == number
        ]
        for parked in due:
            del self._parked[parked.ticket]
            self._work_later(parked, now)

    def _work_later(self, parked: Parked, now: float) -> None:
        entry = self.ledger.approve(parked.fields, now=now)
        parked.record["did_later"] = entry.did.value

    def _record(self, request: Received, endpoint: Endpoint | None, now: float) -> RecordedRequest:
        record = RecordedRequest(
            index=self.received,
            endpoint=None if endpoint is None else endpoint.value,
            method=request.method,
            target=request.target,
            headers=list(request.headers),
            body=request.body,
            signature=None,
            fault=None,
            did=Did.NOTHING.value,
            did_later=None,
            status=None,
            resp_cd=None,
            at=now,
            monotonic=time.monotonic(),
        )
        self.received += 1
        self.records.append(record)
        return record


def answer_to(endpoint: Endpoint, fields: Fields, entry: Entry, now: float) -> Answer:
    """Build the right answer to a worked request (spec 1.2, net-cancel page)."""
    message = codes.MESSAGES.get(entry.code, "Declined")
    if entry.code == codes.SUCCESS:
        message = SUCCESS_MESSAGES[endpoint]
    body: dict[str, object] = {
        "respCd": entry.code,
        "respMsg": message,
        "tid": fields["tid"],
        "svcId": fields["svcId"],
        "bizrNo": fields["bizrNo"],
        "mercTrxNo": fields["mercTrxNo"],
    }
    if endpoint is Endpoint.NET_CANCEL:
        body["mercTrxNo"] = str(fields["mercTrxNo"])[:ECHO_BYTES_MAX]
    if endpoint is Endpoint.APPROVAL:
        body |= _approval_part(fields, entry)
    body["trxDt"], body["trxTm"] = seoul_time(now)
    if endpoint is not Endpoint.CANCEL:
        body["cardConfirmNo"] = MASKED_CARD
    return Answer(body)


def http_refusal(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Refuse below the endpoints; the message is a constant of ours."""
    return Answer({"respCd": codes.BAD_HTTP, "respMsg": message}, status, headers)


def _answered(request: Received, record: RecordedRequest, answer: Answer) -> Reaction:
    record["status"], record["resp_cd"] = answer.status, answer.body["respCd"]
    # Other methods have other rules for bodies (HEAD has none): their connection ends here.
    return Reaction(plain(answer, keep_alive=request.keep_alive and request.method == "POST"))


def _http_refusal_of(request: Received) -> Answer | None:
    if request.method != "POST":
        return http_refusal(405, "POST only", (("Allow", "POST"),))
    if not _is_json_utf8(request):
        return http_refusal(415, "application/json; charset=utf-8 only")
    return None


def _format_refusal(error: FieldError) -> Answer:
    code = codes.FORMAT_ERROR
    return Answer({"respCd": code, "respMsg": f"{codes.MESSAGES[code]}: {error}"})


def _approval_part(fields: Fields, entry: Entry) -> Mapping[str, object]:
    part: dict[str, object] = {"trxAmt": fields["trxAmt"]}
    if entry.charge is not None:
        part = {
            "trxAmt": entry.charge.trx_amt,
            "aprvNo": entry.charge.aprv_no,
            "aprvDt": entry.charge.aprv_dt,
            "vanTrxNo": entry.charge.van_trx_no,
        }
    if "userData" in fields:
        part["userData"] = fields["userData"]
    return part


def _not_authenticated() -> Answer:
    """Answer an unknown channel, a bad signature and a used nonce alike."""
    code = codes.NOT_AUTHENTICATED
    return Answer({"respCd": code, "respMsg": codes.MESSAGES[code]}, 401)


def _is_json_utf8(request: Received) -> bool:
    given = [value for name, value in request.headers if name == "content-type"]
    if len(given) != 1:
        return False
    kind, _, parameter = given[0].lower().partition(";")
    return kind.strip() == "application/json" and parameter.strip() in {
        "charset=utf-8",
        'charset="utf-8"',
    }
