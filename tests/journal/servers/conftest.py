"""A journal on each kind of server that the tests can start."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from netcancel.journal import Journal
from tests.journal.samples import open_at
from tests.journal.servers.kinds import KINDS, Kind


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return a server of each kind, with an empty database."""
    return KINDS[request.param](request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def journal(kind: Kind) -> Iterator[Journal]:
    """Return an empty journal that goes by the server's clock."""
    with closing(open_at(kind.url)) as journal:
        yield journal
