"""Drivers of servers are extras: whoever lacks one is told what to install."""

import sys

import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal import open_journal
from netcancel.journal.opening import open_tables
from tests.journal.samples import KEY

URLS = {
    "psycopg": "postgresql://shop:hidden@127.0.0.1/shop",
    "pymysql": "mysql://shop:hidden@127.0.0.1/shop",
}
EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}


@pytest.mark.parametrize("driver", URLS)
def test_a_missing_driver_is_named_with_its_extra(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is connected to, and without the URL."""
    for name in [name for name in sys.modules if name.startswith("netcancel.journal.")]:
        if EXTRAS[driver] in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)
    for use in (lambda url: open_journal(url, vault_key=KEY), open_tables):
        with pytest.raises(ConfigurationError, match=rf"netcancel\[{EXTRAS[driver]}\]") as told:
            use(URLS[driver])
        assert "hidden" not in str(told.value)
