"""The gateway's calendar: Asia/Seoul, nine hours ahead of UTC all the year (spec 3.8)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

SEOUL = timezone(timedelta(hours=9), "Asia/Seoul")


def seoul_date_and_time(epoch_seconds: float) -> tuple[str, str]:
    """Write a moment as tranDt (yyyyMMdd) and tranTm (HHmmss); fractions are dropped."""
    # Floored first: datetime rounds 23:59:59.9999999 up into the next day.
    written = f"{datetime.fromtimestamp(math.floor(epoch_seconds), SEOUL):%Y%m%d%H%M%S}"
    return written[:8], written[8:]
