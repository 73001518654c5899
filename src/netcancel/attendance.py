"""A worker's attendance: it checks in with the journal, and watches that the journal is the same.

What a journal was like at the last check-in is remembered twice: by the worker, and by its host for
those who come later. A journal that is behind either was restored; then recovery is held for all.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from typing import TYPE_CHECKING, Final

from netcancel.errors import ConfigurationError
from netcancel.journal.life import Finding, has_gone_back, judge
from netcancel.observe import log
from netcancel.wire import clock

if TYPE_CHECKING:
    from netcancel.journal.contract import Journal
    from netcancel.journal.host_copy import HostCopy
    from netcancel.journal.life import Hold, Mark, Presence

CHECK_IN_SECONDS: Final = 5.0
"""How often a worker checks in; it doesn't notice what is restored to a moment since the last."""

ALIVE_SECONDS: Final = 3 * CHECK_IN_SECONDS
"""Whoever missed three check-ins is dead, or can't reach the journal."""

TAG_BYTES: Final = 4


class Attendance:
    """One worker's, from its first check-in to its end."""

    def __init__(self, journal: Journal, host_copy: HostCopy | None) -> None:
        self._journal = journal
        self._host_copy = host_copy
        self._worker = f"{os.getpid()}-{secrets.token_hex(TAG_BYTES)}"
        self._host = socket.gethostname()
        self._next_at = 0.0
        self._workers = 1
        self._hold: Hold | None = None
        self._has_told_of_copy = False
        self.mark: Mark | None = None
        """The journal's mark as this worker left it last."""

    async def renew(self) -> None:
        """Check in where it is time to; raises `JournalUnavailable`."""
        if clock.now() >= self._next_at:
            await self._check_in()
            self._next_at = clock.now() + CHECK_IN_SECONDS

    @property
    def workers(self) -> int:
        """How many were alive at the last check-in, this one included."""
        return self._workers

    def end(self) -> None:
        """Check out, if the journal takes it: nobody waits for it."""
        if self.mark is not None:
            self._journal.check_out(self._worker)

    async def _check_in(self) -> None:
        # Read before: whatever is in the copy then was in the journal, unless it went back since.
        copy = None if self._host_copy is None else self._host_copy.read()
        remembered = (copy, self.mark)
        asked = self._journal.check_in(self._worker, self._host, ALIVE_SECONDS, remembered)
        presence = await asyncio.wrap_future(asked)
        if self._host_copy is not None and not has_gone_back(presence, remembered):
            self._keep(self._host_copy, copy, presence)
        self._tell_of(presence.hold)
        self.mark, self._workers = presence.mark, presence.workers

    def _keep(self, host_copy: HostCopy, copy: Mark | None, presence: Presence) -> None:
        is_first = self.mark is None
        if is_first and judge(copy, presence) is Finding.UNSEEN:
            log.notice("this host sees this journal for the first time: was it restored?")
        try:
            host_copy.keep(presence)
        except (OSError, ConfigurationError) as error:
            self._tell_of_copy(host_copy, error)

    def _tell_of_copy(self, host_copy: HostCopy, error: Exception) -> None:
        if not self._has_told_of_copy:
            self._has_told_of_copy = True
            log.notice(
                "%s can't be written, so a restored journal will not be noticed here: %s",
                host_copy.path,
                error,
            )

    def _tell_of(self, hold: Hold | None) -> None:
        if hold == self._hold:
            return
        self._hold = hold
        if hold is None:
            log.notice("recovery goes on: the hold was released")
        else:
            log.alarm_of_journal(
                "recovery is held, nothing is voided: %s (`netcancel db release`)", hold.reason
            )
