"""What a server's URL may say, and that nothing shows the password in it."""

import traceback
from typing import Any

import pytest

from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import Journal
from netcancel.journal.mysql import parameters_of
from tests.journal.samples import open_at
from tests.journal.servers.kinds import Kind, cases_of
from tests.servers.kinds import PASSWORD

URLS = {
    "postgres": {
        "no such port": "postgresql://netcancel:{password}@127.0.0.1:1/netcancel",
        "no such host": "postgresql://netcancel:{password}@nowhere.invalid/netcancel",
        "another password": "postgresql://netcancel:{password}x@{server}/postgres",
        "no such database": "postgresql://netcancel:{password}@{server}/nowhere",
        "no such option": "postgresql://netcancel:{password}@{server}/postgres?nonsense={password}",
        "bad escapes": "postgresql://netcancel:%{password}@{server}/postgres",
    },
    "mysql": {
        "no such port": "mysql://netcancel:{password}@127.0.0.1:1/netcancel",
        "no such host": "mysql://netcancel:{password}@nowhere.invalid/netcancel",
        "another password": "mysql://netcancel:{password}x@{server}/mysql",
        "no such database": "mysql://netcancel:{password}@{server}/nowhere",
        "no database": "mysql://netcancel:{password}@{server}",
        "no such option": "mysql://netcancel:{password}@{server}/mysql?nonsense={password}",
        "no value": "mysql://netcancel:{password}@{server}/mysql?{password}",
        "no switch": "mysql://netcancel:{password}@{server}/mysql?ssl_disabled={password}",
        "no port": "mysql://netcancel:x@127.0.0.1:{password}/mysql",
        "bad host": "mysql://netcancel:{password}@[/mysql",
    },
}


@pytest.mark.parametrize(("kind", "url"), cases_of(URLS), indirect=["kind"])
def test_no_error_shows_the_password(kind: Kind, url: str) -> None:
    """Whatever is wrong with a URL, it is refused with a sentence that doesn't hold it."""
    server = kind.url.split("@")[1].split("/", maxsplit=1)[0]
    with pytest.raises(ConfigurationError, match="journal") as refused:
        open_at(url.format(password=PASSWORD, server=server))
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_no_repr_shows_the_password(journal: Journal) -> None:
    """Neither that of the database nor that of what holds it."""
    server = journal._database  # type: ignore[attr-defined]
    assert server.parameters["password"] == PASSWORD
    assert PASSWORD not in repr(server) + repr(journal) + server.place


def test_a_journal_that_becomes_unreachable_shows_no_password(journal: Journal) -> None:
    """The errors of a running journal don't, either."""
    parameters: dict[str, Any] = journal._database.parameters  # type: ignore[attr-defined]
    parameters["port"] = 1
    with pytest.raises(JournalUnavailable, match="refused") as told:
        journal.read("x").result()
    assert PASSWORD not in str(told.value)


def test_an_undecodable_url_is_refused() -> None:
    """Before anything is tried."""
    with pytest.raises(ConfigurationError, match="can't be read"):
        open_at("postgresql://[")


def test_options_of_a_url_are_the_drivers() -> None:
    """TLS and a local socket, with their own types; what is escaped is what was meant."""
    assert parameters_of(
        "mysql://u%40x:p%2Fw@db.example:3307/shop?ssl_ca=/etc/ca.pem&ssl_verify_cert=true"
    ) == {
        "host": "db.example",
        "port": 3307,
        "user": "u@x",
        "password": "p/w",
        "database": "shop",
        "ssl_ca": "/etc/ca.pem",
        "ssl_verify_cert": True,
    }
