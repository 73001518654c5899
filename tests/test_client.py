"""What the bare clients refuse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import AsyncClient, Client, ConfigurationError, Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

CREDENTIALS = Credentials(channel_id="CH_1", secret_key="secret")
NO_TIMEOUTS = [0, -1, -0.0, math.nan, math.inf, -math.inf, 1e300, True, None, "30", 10**400]


@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize("timeout", NO_TIMEOUTS, ids=lambda value: repr(value)[:10])
def test_a_timeout_is_a_positive_number(make: Callable[..., Any], timeout: Any) -> None:
    """A time-out that no request could keep, or that never ends, is refused at once."""
    with pytest.raises(ConfigurationError, match="timeout_seconds"):
        make(base_url="http://127.0.0.1:9", credentials=CREDENTIALS, timeout_seconds=timeout)


@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize("timeout", [0.5, 1, 30.0])
def test_a_positive_timeout_is_taken(make: Callable[..., Any], timeout: float) -> None:
    """Whole numbers and fractions of seconds will do."""
    make(base_url="http://127.0.0.1:9", credentials=CREDENTIALS, timeout_seconds=timeout)
