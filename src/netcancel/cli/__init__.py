"""The command line: one file per group of commands; `app` knows them all and loads none."""

from netcancel.cli.app import main

__all__ = ["main"]
