"""The catalogue of faults, and the plan that decides which one hits a request."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from netcancel.sandbox import codes, spoil
from netcancel.sandbox.delivery import Answer, Delivery
from netcancel.sandbox.fields import Endpoint
from netcancel.sandbox.spoil import Option, Options

EVERYWHERE: Final = tuple(Endpoint)


class Work(StrEnum):
    """Where a fault leaves the ledger: what becomes of the request itself."""

    NONE = "not worked"
    DONE = "worked"
    UNAUTHENTICATED = "not authenticated"
    DECLINED = "declined"
    REFUSED = "refused"
    OTHER_AMOUNT = "worked with another amount"
    DELAYED = "worked later"
    TWICE = "worked, and a copy later"


@dataclass(frozen=True, slots=True)
class Fault:
    """One named fault: what becomes of the request, and of its answer."""

    name: str
    help: str
    work: Work
    deliver: Callable[[Answer, Options], Delivery]
    endpoint: Endpoint = Endpoint.APPROVAL
    endpoints: tuple[Endpoint, ...] = EVERYWHERE
    options: Options = field(default_factory=dict[str, Option])


APPROVAL_ONLY: Final = (Endpoint.APPROVAL,)
NET_CANCEL_ONLY: Final = (Endpoint.NET_CANCEL,)
LATER: Final[Options] = {"loss": "silence", "until": "default", "seconds": 0.3}
"""`until`: "net-cancel" works the request right after its net-cancel was worked, "seconds" that
long after it came. "default" is "net-cancel" under a tombstone memory, which then refuses it, and
"seconds" otherwise: a gateway that forgets net-cancels must work an approval before the client's
settle time ends, or no client can hold it."""

CATALOGUE: Final = (
    Fault("silence", "not worked; no answer, the connection stays open", Work.NONE, spoil.silence),
    Fault("reset", "not worked; the connection is reset", Work.NONE, spoil.reset),
    Fault("close", "not worked; the connection is closed without a byte", Work.NONE, spoil.close),
    Fault(
        "commit-then-silence",
        "worked; no answer, the connection stays open",
        Work.DONE,
        spoil.silence,
    ),
    Fault("commit-then-reset", "worked; the connection is reset", Work.DONE, spoil.reset),
    Fault(
        "commit-then-close",
        "worked; the connection is closed without a byte",
        Work.DONE,
        spoil.close,
    ),
    Fault(
        "late-answer",
        "worked at once; the right answer comes after `seconds`",
        Work.DONE,
        spoil.late,
        options={"seconds": 35.0},
    ),
    Fault(
        "slow-drip",
        "worked; the right answer comes byte by byte, `interval_seconds` before each",
        Work.DONE,
        spoil.drip,
        options={"interval_seconds": 0.2},
    ),
    Fault(
        "truncated",
        "worked; half the body under the whole's length, then closed",
        Work.DONE,
        spoil.truncated,
    ),
    Fault("empty", "worked; status 200 with an empty body", Work.DONE, spoil.empty),
    Fault("html", "worked; status 200 with a web page", Work.DONE, spoil.html),
    Fault("broken-json", "worked; half the JSON, correctly framed", Work.DONE, spoil.broken_json),
    Fault(
        "trailing-json",
        "worked; a second JSON object behind the right one",
        Work.DONE,
        spoil.trailing_json,
    ),
    Fault(
        "duplicate-keys",
        "worked; respCd twice, a decline code before the right one",
        Work.DONE,
        spoil.duplicate_keys,
    ),
    Fault("code-as-number", "worked; respCd is the number 0", Work.DONE, spoil.code_as_number),
    Fault("code-null", "worked; respCd is null", Work.DONE, spoil.code_null),
    Fault("code-missing", "worked; no respCd", Work.DONE, spoil.code_missing),
    Fault("code-too-long", "worked; respCd has five characters", Work.DONE, spoil.code_too_long),
    Fault(
        "wrong-echo",
        "worked; the echoed `field` is somebody else's",
        Work.DONE,
        spoil.wrong_echo,
        options={"field": "mercTrxNo"},
    ),
    Fault(
        "wrong-amount",
        "charged with `amount_delta` won more than requested, and answered so",
        Work.OTHER_AMOUNT,
        spoil.normally,
        endpoints=APPROVAL_ONLY,
        options={"amount_delta": 1},
    ),
    Fault(
        "amount-as-text",
        "worked; trxAmt is a string",
        Work.DONE,
        spoil.amount_as_text,
        endpoints=APPROVAL_ONLY,
    ),
    Fault(
        "other-charset",
        "worked; the JSON is EUC-KR, the header says `declared`",
        Work.DONE,
        spoil.other_charset,
        options={"declared": "euc-kr"},
    ),
    Fault("utf-16", "worked; the JSON is UTF-16", Work.DONE, spoil.utf_16),
    Fault("bom", "worked; a byte-order mark before the JSON", Work.DONE, spoil.bom),
    Fault("gzip", "worked; the body is compressed though not asked for", Work.DONE, spoil.gzip),
    Fault(
        "oversized",
        "worked; valid JSON of `size_bytes` or a little more",
        Work.DONE,
        spoil.oversized,
        options={"size_bytes": 70_000},
    ),
    Fault(
        "oversized-headers",
        "worked; `size_bytes` of headers or a little more",
        Work.DONE,
        spoil.oversized_headers,
        options={"size_bytes": 32_000},
    ),
    Fault("bad-chunking", "worked; a chunk size is no number", Work.DONE, spoil.bad_chunking),
    Fault(
        "chunked-unfinished",
        "worked; the whole body in a chunk, but never the last chunk, then closed",
        Work.DONE,
        spoil.chunked_unfinished,
    ),
    Fault(
        "two-content-lengths",
        "worked; two Content-Length headers that differ",
        Work.DONE,
        spoil.two_content_lengths,
    ),
    Fault(
        "informational-flood",
        "worked; `count` answers of status 102 before the right one",
        Work.DONE,
        spoil.informational_flood,
        options={"count": 1_000},
    ),
    Fault(
        "redirect",
        "not worked; `status` with Location `location`",
        Work.NONE,
        spoil.redirect,
        options={"status": 307, "location": "/elsewhere"},
    ),
    Fault(
        "client-error",
        "not worked; `status` of the 4xx class",
        Work.NONE,
        spoil.with_status,
        options={"status": 400},
    ),
    Fault(
        "server-error",
        "not worked; `status` of the 5xx class",
        Work.NONE,
        spoil.with_status,
        options={"status": 503},
    ),
    Fault(
        "commit-then-client-error",
        "worked; the right body under `status` of the 4xx class",
        Work.DONE,
        spoil.with_status,
        options={"status": 400},
    ),
    Fault(
        "commit-then-server-error",
        "worked; the right body under `status` of the 5xx class",
        Work.DONE,
        spoil.with_status,
        options={"status": 500},
    ),
    Fault(
        "unlisted-code",
        "worked; respCd is `code`, which no table lists",
        Work.DONE,
        spoil.code_replaced,
        options={"code": codes.UNLISTED},
    ),
    Fault(
        "auth-failure",
        "not worked; answered 401 as if the signature were wrong",
        Work.UNAUTHENTICATED,
        spoil.normally,
    ),
    Fault(
        "decline",
        "not charged; answered with the decline code `code`",
        Work.DECLINED,
        spoil.normally,
        endpoints=APPROVAL_ONLY,
        options={"code": codes.INSUFFICIENT_FUNDS},
    ),
    Fault(
        "processing-delayed",
        "the answer is lost (`loss`: silence, reset or close); the approval is worked later:"
        " `until` net-cancel, right after its net-cancel was worked, or seconds, `seconds` after"
        " it came; default: net-cancel under a tombstone memory, else seconds",
        Work.DELAYED,
        spoil.lost,
        endpoints=APPROVAL_ONLY,
        options=LATER,
    ),
    Fault(
        "processed-twice",
        "worked at once, and a copy of it is worked later (`until` and `seconds` as in"
        " processing-delayed); the answer is lost (`loss`: silence, reset, close, or none)",
        Work.TWICE,
        spoil.lost,
        endpoints=APPROVAL_ONLY,
        options=LATER,
    ),
    Fault(
        "net-cancel-answer-lost",
        "the charge is voided, but no answer comes",
        Work.DONE,
        spoil.silence,
        Endpoint.NET_CANCEL,
        NET_CANCEL_ONLY,
    ),
    Fault(
        "net-cancel-silence",
        "nothing is voided, and no answer comes",
        Work.NONE,
        spoil.silence,
        Endpoint.NET_CANCEL,
        NET_CANCEL_ONLY,
    ),
    Fault(
        "net-cancel-refused",
        "nothing is voided; answered with `code`",
        Work.REFUSED,
        spoil.normally,
        Endpoint.NET_CANCEL,
        (Endpoint.NET_CANCEL, Endpoint.CANCEL),
        {"code": codes.REFUSED},
    ),
)
FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in CATALOGUE}

CHOICES: Final = {
    "loss": frozenset({"silence", "reset", "close", "none"}),
    "until": frozenset({"default", "net-cancel", "seconds"}),
    "field": frozenset({"tid", "svcId", "bizrNo", "mercTrxNo"}),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that hits one request, with its options."""

    fault: Fault
    options: Options


@dataclass(slots=True)
class Rule:
    """One injected fault: how often it hits, at which endpoint."""

    hit: Hit
    endpoint: Endpoint
    times: int | None
    rate: float | None
    draws: random.Random

    def wants(self, endpoint: Endpoint) -> bool:
        """Tell whether the rule would hit now; a rate draws for each request of its endpoint."""
        if endpoint is not self.endpoint:
            return False
        return self.rate is None or self.draws.random() < self.rate


class FaultPlan:
    """The injected faults, oldest first; the first that wants a request hits it."""

    def __init__(self, seed: int) -> None:
        """Start without faults; every rate is drawn from `seed`."""
        self._seed = seed
        self._rules: list[Rule] = []
        self._injected = 0

    def inject(
        self,
        name: str,
        *,
        times: int | None = None,
        rate: float | None = None,
        endpoint: str | None = None,
        options: Options | None = None,
    ) -> None:
        """Add a fault: once, `times` times, or by `rate`; raises ValueError for what isn't one."""
        fault = _fault_named(name)
        if times is None and rate is None:
            times = 1
        _check_frequency(times, rate)
        place = fault.endpoint if endpoint is None else _endpoint_named(endpoint)
        if place not in fault.endpoints:
            message = f"{name} can't hit {place.value}"
            raise ValueError(message)
        hit = Hit(fault, _options_of(fault, options or {}))
        # Its own generator per rule: one rule's draws never shift another's.
        draws = random.Random(f"{self._seed}/{self._injected}/{name}/{place.value}")  # noqa: S311 - not for secrets
        self._injected += 1
        self._rules.append(Rule(hit, place, times, rate, draws))

    def pick(self, endpoint: Endpoint) -> Hit | None:
        """Return the fault that hits the next request of this endpoint, and count it."""
        wanting = [rule for rule in self._rules if rule.wants(endpoint)]
        if not wanting:
            return None
        chosen = wanting[0]
        if chosen.times is not None:
            chosen.times -= 1
            if chosen.times == 0:
                self._rules.remove(chosen)
        return chosen.hit

    def clear(self) -> None:
        """Forget every injected fault."""
        self._rules.clear()

    def active(self) -> list[dict[str, object]]:
        """List the injected faults that may still hit."""
        return [
            {
                "name": rule.hit.fault.name,
                "endpoint": rule.endpoint.value,
                "times": rule.times,
                "rate": rule.rate,
                "options": dict(rule.hit.options),
            }
            for rule in self._rules
        ]


def parse_fault(text: str) -> tuple[str, str | None, float | None]:
    """Read NAME[@ENDPOINT][:RATE] into name, endpoint and rate; raises ValueError."""
    name_and_place, _, rate = text.partition(":")
    name, _, place = name_and_place.partition("@")
    _fault_named(name)
    try:
        return name, place or None, float(rate) if rate else None
    except ValueError:
        message = f"the rate {rate!r} of {name} is no number: write {name}:0.1"
        raise ValueError(message) from None


def inject_all(plan: FaultPlan, texts: Iterable[str]) -> None:
    """Inject faults given as NAME[@ENDPOINT][:RATE]; without a rate each hits once."""
    for text in texts:
        name, endpoint, rate = parse_fault(text)
        plan.inject(name, endpoint=endpoint, rate=rate)


def _fault_named(name: str) -> Fault:
    if name not in FAULTS:
        message = f"no fault is called {name!r}; there are: {', '.join(FAULTS)}"
        raise ValueError(message)
    return FAULTS[name]


def _endpoint_named(name: str) -> Endpoint:
    try:
        return Endpoint(name)
    except ValueError:
        message = f"no endpoint is called {name!r}; there are: {', '.join(Endpoint)}"
        raise ValueError(message) from None


def _check_frequency(times: int | None, rate: float | None) -> None:
    if times is not None and times < 1:
        message = "times must be at least 1"
        raise ValueError(message)
    if rate is not None and not 0 < rate <= 1:
        message = "rate must lie above 0 and at most at 1"
        raise ValueError(message)


def _options_of(fault: Fault, given: Options) -> dict[str, Option]:
    for name, value in given.items():
        if name not in fault.options:
            message = f"{fault.name} has no option {name!r}"
            raise ValueError(message)
        if name in CHOICES and value not in CHOICES[name]:
            message = f"{name} must be one of {', '.join(sorted(CHOICES[name]))}"
            raise ValueError(message)
        if fault.work is Work.DELAYED and value == "none":
            message = f"{fault.name} always loses the answer"
            raise ValueError(message)
        if isinstance(fault.options[name], str) is not isinstance(value, str):
            message = f"{name} has the wrong type"
            raise ValueError(message)
    return {**fault.options, **given}
