"""What the page of the proxy says is what the proxy does."""

import re

from netcancel.proxy.admission import WINDOW_SECONDS
from netcancel.proxy.app import IN_FLIGHT_MAX
from netcancel.proxy.connection import CONNECTIONS_MAX, HEAD_SECONDS, IDLE_SECONDS
from netcancel.proxy.replies import Refusal
from tests.docs.pages import ROOT, text_of

PAGE = ROOT / "docs" / "proxy.md"


def test_each_code_is_explained_once_and_in_its_own_words() -> None:
    """Code, status, what it says and what to do; a code that is none is explained nowhere."""
    rows = re.findall(r"^\| `(NC..)` \| (.*) \| (.*) \| (.*) \|$", text_of(PAGE), re.MULTILINE)
    assert rows == [(why.code, str(int(why.status)), why.says, why.advice) for why in Refusal]
    assert set(re.findall(r"`(NC[0-9]{2})`", text_of(PAGE))) <= {why.code for why in Refusal}


def test_its_limits_are_those_of_the_page() -> None:
    """Each number stands there as it is in force."""
    text = " ".join(text_of(PAGE).split())
    for limit in (
        f"It takes {IN_FLIGHT_MAX} requests of each path at once",
        f"without a whole head after {HEAD_SECONDS:g} s is closed",
        f"an idle one after {IDLE_SECONDS} s",
        f"13 digits and is at most {WINDOW_SECONDS} s off",
        f"any above {CONNECTIONS_MAX:,}, without a byte",
    ):
        assert limit in text
    assert 2 * WINDOW_SECONDS == 600
    assert "the nonces of the last ten minutes" in text
