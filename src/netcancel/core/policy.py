"""How patient a merchant is: every duration, limit and code list that the promise depends on."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from netcancel.errors import ConfigurationError
from netcancel.kicc import MANUAL_DECLINE_CODES, Codes, NetCancelCodes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SEND_WITHIN_SECONDS: Final = 2.0
"""A signed request older than this is not sent any more: its sender was paused."""

COMMIT_BUDGET_SECONDS: Final = 5.0
"""What writing a verdict may take, an ambiguous commit and the reading after it included."""

LEASE_MARGIN_SECONDS: Final = 2.0
"""What a lease adds for the differences between a host's and the journal's measure of a second."""

LostCancel = Literal["net-cancel", "ask-a-person"]

LARGEST: Final = 10 * 365 * 86_400
"""Ten years in seconds, and more than any count: what is above is a slip, or no number."""


def _setting(default: Any, says: str, *, least: float = 0.0, above: bool = True) -> Any:  # noqa: ANN401  as `field`
    return field(default=default, metadata={"help": says, "least": least, "above": above})


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long to wait, how often to try, and what the gateway's codes mean.

    Durations are seconds. Codes are exact four-character strings or ranges ("8300-8399").
    Raises `ConfigurationError` where the values contradict each other.
    """

    timeout_seconds: float = _setting(
        30.0, "total time for one request, connecting included (spec 2.1)"
    )
    settle_seconds: float = _setting(
        900.0,
        "how long after an approval a verifying net-cancel is due (spec 3.5); 0: no verification",
        above=False,
    )
    lease_seconds: float | None = _setting(
        None, "how long an owner or a worker holds a payment; not set: computed"
    )
    first_retry_seconds: float = _setting(1.0, "ceiling of the first wait before a repeat")
    retry_ceiling_seconds: float = _setting(300.0, "ceiling of every wait before a repeat")
    retry_window_seconds: float = _setting(
        86_400.0, "how long machines try before a person must decide"
    )
    keep_alive_seconds: float = _setting(
        0.0, "how long an idle connection may be used again; 0: never", above=False
    )
    recovery_per_second: float = _setting(200.0, "most net-cancels that recovery sends per second")
    recovery_in_flight: int = _setting(64, "most net-cancels of recovery at the same time")
    alarm_after_seconds: float = _setting(180.0, "how long in doubt before a person is alarmed")
    grace_seconds: float = _setting(
        604_800.0, "how long a closed payment keeps its sealed token; at least settle + 24 h"
    )
    max_in_doubt: int | None = _setting(
        None, "refuse new approvals while so many are in doubt; not set: never"
    )
    nothing_to_void_codes: frozenset[str] = _setting(
        frozenset(), "net-cancel codes that mean that there was nothing to void (spec 3.4)"
    )
    already_voided_codes: frozenset[str] = _setting(
        frozenset(), "net-cancel codes that mean that it was void before (spec 3.4)"
    )
    authentication_codes: frozenset[str] = _setting(
        frozenset(), "codes that mean that a signature was refused, besides HTTP 401 and 403"
    )
    lost_cancel: LostCancel = _setting(  # noqa: RUF009  a `field`, as the others are
        "net-cancel", 'what follows a lost cancel: "net-cancel" (spec 3.6) or "ask-a-person"'
    )
    decline_codes: frozenset[str] = _setting(
        frozenset(), "approval codes that prove a refusal, besides the manual's (spec 3.1)"
    )

    def __post_init__(self) -> None:
        """Check each value, then the inequalities between them."""
        for each in fields(self):
            self._check(each.name, str(each.type), each.metadata)
        if self.settle_seconds + self.timeout_seconds >= self.retry_window_seconds:
            raise ConfigurationError(
                "retry_window_seconds must be more than settle_seconds + timeout_seconds:"
                " else a payment would be handed to a person before it can be verified"
            )
        if self.lease_seconds is not None and self.lease_seconds < self.shortest_lease_seconds:
            raise ConfigurationError(
                f"lease_seconds must be at least {self.shortest_lease_seconds:g} with this"
                " timeout_seconds: a shorter lease ends before its owner can be done"
            )
        self._check_codes()

    def _check(self, name: str, kind: str, rule: Mapping[str, Any]) -> None:
        value = getattr(self, name)
        if kind.startswith("frozenset"):
            object.__setattr__(self, name, _codes(name, value))
        elif kind == "LostCancel":
            if value not in get_args(LostCancel):
                raise ConfigurationError(f'{name} must be "net-cancel" or "ask-a-person"')
        elif value is not None or not kind.endswith("None"):
            _check_number(name, value, rule, whole=kind.startswith("int"))

    def _check_codes(self) -> None:
        """Refuse codes of another shape, and a refused signature that would close a payment."""
        closing = self.net_cancel_codes.nothing_to_void | self.net_cancel_codes.already_voided
        if self.authentication_failures.meets(self.declines | closing):
            raise ConfigurationError(
                "authentication_codes must have no code that proves a refusal or closes a payment"
                " (the manual's declines, decline_codes, nothing_to_void_codes,"
                " already_voided_codes): a refused signature says nothing of the payment"
            )

    @property
    def shortest_lease_seconds(self) -> float:
        """What a holder needs at most: signing to sending, one request, its commit, a margin."""
        return (
            SEND_WITHIN_SECONDS
            + self.timeout_seconds
            + COMMIT_BUDGET_SECONDS
            + LEASE_MARGIN_SECONDS
        )

    @property
    def hold_seconds(self) -> float:
        """The lease that is in force."""
        return self.shortest_lease_seconds if self.lease_seconds is None else self.lease_seconds

    @property
    def settle_after_seconds(self) -> float:
        """From the intent to `settle_at`; 0 where the first acknowledgement closes."""
        if self.settle_seconds == 0:
            return 0.0
        return SEND_WITHIN_SECONDS + self.timeout_seconds + self.settle_seconds

    @property
    def keep_token_seconds(self) -> float:
        """How long the sealed token of a closed payment is kept, never under settle + 24 h."""
        return max(self.grace_seconds, self.settle_seconds + 86_400.0)

    @cached_property
    def declines(self) -> Codes:
        """The codes that prove a refusal: the manual's and the operator's."""
        return MANUAL_DECLINE_CODES | Codes.of(self.decline_codes)

    @cached_property
    def authentication_failures(self) -> Codes:
        """The codes that mean that a signature was refused."""
        return Codes.of(self.authentication_codes)

    @cached_property
    def net_cancel_codes(self) -> NetCancelCodes:
        """What the operator says of refused net-cancels."""
        return NetCancelCodes(
            nothing_to_void=Codes.of(self.nothing_to_void_codes),
            already_voided=Codes.of(self.already_voided_codes),
        )


def _check_number(name: str, value: Any, rule: Mapping[str, Any], *, whole: bool) -> None:  # noqa: ANN401
    kinds = (int,) if whole else (int, float)
    is_other = not isinstance(value, kinds) or isinstance(value, bool)
    if is_other or not -LARGEST <= value <= LARGEST:
        what = "a whole number" if whole else "a number"
        raise ConfigurationError(f"{name} must be {what}, at most {LARGEST:,}")
    if value < rule["least"] or (rule["above"] and value == rule["least"]):
        bound = "more than" if rule["above"] else "at least"
        raise ConfigurationError(f"{name} must be {bound} {rule['least']:g}")


def _codes(name: str, value: object) -> frozenset[str]:
    if not isinstance(value, (set, frozenset, tuple, list)):
        raise ConfigurationError(f"{name} must be a set of codes")
    return frozenset(cast("Collection[str]", value))  # what is in it is checked by Codes
