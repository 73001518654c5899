"""Which fault hits which request: once, counted, by rate from the seed, in order."""

import pytest

from netcancel.sandbox.faults import CATALOGUE, FAULTS, FaultPlan, inject_all
from netcancel.sandbox.fields import Endpoint
from netcancel.sandbox.spoil import Option

APPROVAL, CANCEL, NET_CANCEL = Endpoint.APPROVAL, Endpoint.CANCEL, Endpoint.NET_CANCEL


def hits(plan: FaultPlan, count: int, endpoint: Endpoint = APPROVAL) -> list[str | None]:
    """Return the names of the faults that hit the next requests."""
    found = [plan.pick(endpoint) for _ in range(count)]
    return [None if hit is None else hit.fault.name for hit in found]


def test_a_fault_hits_once_unless_told_otherwise() -> None:
    """Without times or rate the next request is hit, and no other."""
    plan = FaultPlan(0)
    plan.inject("silence")
    assert hits(plan, 3) == ["silence", None, None]
    assert plan.active() == []


def test_a_counted_fault_hits_that_often() -> None:
    """With times the next that many requests are hit."""
    plan = FaultPlan(0)
    plan.inject("reset", times=2)
    assert hits(plan, 3) == ["reset", "reset", None]


def test_faults_wait_for_each_other() -> None:
    """The oldest fault hits first, one fault a request, each at its own endpoint."""
    plan = FaultPlan(0)
    plan.inject("silence", times=2)
    plan.inject("html")
    plan.inject("net-cancel-refused")
    plan.inject("empty", endpoint="cancel")
    assert hits(plan, 4) == ["silence", "silence", "html", None]
    assert hits(plan, 2, NET_CANCEL) == ["net-cancel-refused", None]
    assert hits(plan, 2, CANCEL) == ["empty", None]


def test_a_seed_repeats_its_hits() -> None:
    """The same seed draws the same hits, another seed others, near the asked rate."""

    def drawn(seed: int) -> list[str | None]:
        plan = FaultPlan(seed)
        plan.inject("close", rate=0.3)
        return hits(plan, 1_000)

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 200 < drawn(7).count("close") < 400


def test_another_rule_shifts_no_draws() -> None:
    """A rule that is added later takes only what the first one leaves."""
    alone, joined = FaultPlan(7), FaultPlan(7)
    for plan in (alone, joined):
        plan.inject("close", rate=0.3)
    joined.inject("reset", rate=0.5)
    first, both = hits(alone, 500), hits(joined, 500)
    assert [name == "close" for name in both] == [name == "close" for name in first]
    assert "reset" in both


def test_a_rate_can_be_counted_too() -> None:
    """Rate and times together: at most that often."""
    plan = FaultPlan(1)
    plan.inject("close", rate=0.5, times=3)
    assert hits(plan, 200).count("close") == 3


def test_clearing_forgets_everything() -> None:
    """After clear no fault hits."""
    plan = FaultPlan(0)
    plan.inject("silence", times=9)
    plan.inject("reset", rate=1.0)
    assert [row["name"] for row in plan.active()] == ["silence", "reset"]
    plan.clear()
    assert hits(plan, 3) == [None, None, None]


@pytest.mark.parametrize(
    ("name", "times", "rate", "endpoint", "options"),
    [
        ("no-such-fault", None, None, None, {}),
        ("silence", 0, None, None, {}),
        ("silence", -1, None, None, {}),
        ("silence", None, 0.0, None, {}),
        ("silence", None, 1.1, None, {}),
        ("silence", None, float("nan"), None, {}),
        ("silence", None, None, "refund", {}),
        ("silence", None, None, None, {"seconds": 1}),
        ("decline", None, None, "cancel", {}),
        ("decline", None, None, None, {"code": 8521}),
        ("net-cancel-refused", None, None, "approval", {}),
        ("late-answer", None, None, None, {"seconds": "1"}),
        ("wrong-echo", None, None, None, {"field": "respCd"}),
        ("processing-delayed", None, None, None, {"loss": "none"}),
        ("processing-delayed", None, None, None, {"until": "tomorrow"}),
    ],
)
def test_nonsense_is_refused(
    name: str,
    times: int | None,
    rate: float | None,
    endpoint: str | None,
    options: dict[str, Option],
) -> None:
    """What can't be done as asked raises at once and injects nothing."""
    plan = FaultPlan(0)
    with pytest.raises(ValueError, match=r"\w"):
        plan.inject(name, times=times, rate=rate, endpoint=endpoint, options=options)
    assert plan.active() == []


def test_faults_can_be_written_as_text() -> None:
    """NAME, NAME:RATE and NAME@ENDPOINT:RATE are what the command line takes."""
    plan = FaultPlan(0)
    inject_all(plan, ["silence", "reset:0.25", "empty@net-cancel:1"])
    assert [(row["name"], row["endpoint"], row["times"], row["rate"]) for row in plan.active()] == [
        ("silence", "approval", 1, None),
        ("reset", "approval", None, 0.25),
        ("empty", "net-cancel", None, 1.0),
    ]


@pytest.mark.parametrize("text", ["", "nothing", "silence:x", "silence:2", "silence@refund"])
def test_a_wrong_text_is_refused(text: str) -> None:
    """A name, endpoint or rate that doesn't exist raises ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        inject_all(FaultPlan(0), [text])


def test_the_catalogue_explains_itself() -> None:
    """Names are kebab-case and unique; each help is one line and names every option."""
    assert len(FAULTS) == len(CATALOGUE)
    for fault in CATALOGUE:
        assert fault.name == fault.name.lower().replace("_", "-")
        assert fault.endpoint in fault.endpoints
        assert "\n" not in fault.help
        assert all(f"`{option}`" in fault.help for option in fault.options), fault.name
