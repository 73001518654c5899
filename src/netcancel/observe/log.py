"""Alarms and notices as log records of the logger `netcancel`.

A record's `extra` carries the same facts as fields, for structured logging. No record ever holds a
token, a secret, a card number or a text of the gateway.
"""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger("netcancel")


def alarm(*, tid: str, merc_trx_no: str, state: str, text: str) -> None:
    """Say that a person should look at a payment."""
    logger.error(
        "payment %s of terminal %s is %s: %s",
        merc_trx_no,
        tid,
        state,
        text,
        extra={"tid": tid, "merc_trx_no": merc_trx_no, "state": state, "alarm": text},
    )


def notice(text: str, *details: object) -> None:
    """Say something that an operator may want to know."""
    logger.warning(text, *details)


def bug(where: str) -> None:
    """Say that a bug was met; call it while the exception is being handled.

    Only the exception's type is written: its text may hold what no log may hold.
    """
    logger.critical("a bug %s: %s", where, type(sys.exception()).__name__)
