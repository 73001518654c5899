"""What netcancel raises. The first branch says who can mend it.

    NetcancelError
    ├── InvalidRequest        the caller: a field breaks a rule; nothing was written or sent
    ├── DuplicateTransaction  the caller: the number was used before, with other data
    ├── ConfigurationError    the operator: a setting, key or journal can't be used; said at start
    ├── PaymentNotFound       the caller: the journal knows no such number of this gateway, or its
    │                         payment is archived
    ├── PaymentNotApproved    the moment: `with guard.payment()` has nothing to enter with; stands
    │                         in `core.outcomes`, because it carries one
    ├── ConfirmationMissed    the moment: recovery cancelled before the merchant confirmed
    ├── TooManyInDoubt        the moment: more in doubt than the policy allows; nothing was sent
    └── JournalUnavailable    the moment: the journal can't be read or written; said of an
                              approval, it means that nothing was sent

Whatever the gateway or the network does is an outcome, never one of these.
Anything else that is raised is a bug in netcancel.
"""

from __future__ import annotations


class NetcancelError(Exception):
    """The root of everything that netcancel raises on purpose."""


class InvalidRequest(NetcancelError):
    """A field breaks a rule of the manual; names the field and the rule, never the value."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(field, rule)
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}"


class DuplicateTransaction(NetcancelError):
    """The merchant transaction number was used before with other data: take a new number."""


class ConfigurationError(NetcancelError):
    """A setting, a key or a journal can't be used; the message says what to do."""


class PaymentNotFound(NetcancelError):
    """The journal knows no payment of this number, gateway, channel and environment, or no more."""


class ConfirmationMissed(NetcancelError):
    """Nobody confirmed in time: the charge is being cancelled, or is cancelled already."""


class TooManyInDoubt(NetcancelError):
    """More payments are in doubt than `Policy.max_in_doubt`; nothing was written or sent."""


class JournalUnavailable(NetcancelError):
    """The journal can't be read or written now; an approval that raises this was not sent."""
