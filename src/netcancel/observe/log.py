"""Alarms and notices as log records of the logger `netcancel`.

A record's `extra` carries the same facts as fields, for structured logging. No record ever holds a
token, a secret, a card number or a text of the gateway. Whatever a handler raises ends nothing
here: a payment is worth more than a line about it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger("netcancel")


def alarm(*, tid: str, merc_trx_no: str, state: str, text: str) -> None:
    """Say that a person should look at a payment."""
    _say(
        logging.ERROR,
        "payment %s of terminal %s is %s: %s",
        merc_trx_no,
        tid,
        state,
        text,
        extra={"tid": tid, "merc_trx_no": merc_trx_no, "state": state, "alarm": text},
    )


def alarm_of_journal(text: str, *details: object) -> None:
    """Say that a person should look at a journal as a whole."""
    _say(logging.ERROR, text, *details)


def notice(text: str, *details: object) -> None:
    """Say something that an operator may want to know."""
    _say(logging.WARNING, text, *details)


def trouble(text: str) -> None:
    """Say that a person should look at something that is no single payment's."""
    _say(logging.ERROR, text, extra={"alarm": text})


def bug(where: str) -> None:
    """Say that a bug was met; call it while the exception is being handled.

    Only the exception's type is written: its text may hold what no log may hold.
    """
    _say(logging.CRITICAL, "a bug %s: %s", where, type(sys.exception()).__name__)


def _say(
    level: int, text: str, *details: object, extra: Mapping[str, object] | None = None
) -> None:
    # Handlers are the user's: a full disk below one of them must not end a flow or recovery.
    with contextlib.suppress(Exception):
        logger.log(level, text, *details, extra=extra)
