"""Write docs/settings.md from the table of settings: `python -m tools.settings`."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from netcancel import tables
from netcancel.settings import OWN, POLICY, Kind, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE: Final = Path(__file__).parents[1] / "docs" / "settings.md"

HEAD: Final = """\
# Settings

<!-- Written by `python -m tools.settings` from `netcancel.settings`: don't edit it by hand. -->

`Guard.from_env()` and the command line read these. The first place that has a setting decides:

1. a flag of the command line: `--timeout-seconds 10`
2. the environment: `NETCANCEL_TIMEOUT_SECONDS=10`
3. the file `netcancel.toml` in the working directory, or the one that `--config FILE` or
   `NETCANCEL_CONFIG` names: `timeout_seconds = 10`
4. the default

A name that is no setting is refused, so that a misspelt one doesn't leave its default in force
unseen; `NETCANCEL_TEST_...` is left alone. Durations are seconds, written as plain numbers. Codes
are exact four-character strings or ranges: `8521,8300-8399` in a flag or the environment,
`["8521", "8300-8399"]` in the file.

A secret is never a flag. Each may be given as the path of a file that holds it on its only line:
`NETCANCEL_SECRET_KEY_FILE`, `--secret-key-file`, `secret_key_file`.
"""

TABLES: Final = f"""\
## Tables of the file

More channels, the shops of [the proxy](proxy.md), and where it listens stand in tables of
`netcancel.toml` only. `netcancel worker` and the guards recover the payments of every channel.

```toml
{dedent(str(tables.__doc__).split(chr(10), 2)[2].partition("A secret may")[0]).strip()}
```

A secret may stand in the file itself (`secret_key = "…"`) or, better, in one of its own.
"""

COLUMNS: Final = "| setting | in the environment | default | what it is |\n|---|---|---|---|\n"


def render() -> str:
    """Return the page."""
    return "\n".join(
        [
            HEAD,
            "## Who, where and with which keys\n",
            COLUMNS + _rows(OWN),
            "## How patient, and what codes mean\n",
            COLUMNS + _rows(POLICY),
            TABLES,
        ]
    )


def _rows(settings: Iterable[Setting]) -> str:
    return "".join(
        f"| `{each.name}` | `{each.variable}` | {_default(each)} | {_what(each)} |\n"
        for each in settings
    )


def _default(setting: Setting) -> str:
    if setting.default is None or setting.kind is Kind.CODES:
        return "none"
    if isinstance(setting.default, str):
        return f"`{setting.default}`"
    return str(setting.default).removesuffix(".0")


def _what(setting: Setting) -> str:
    return setting.help + (" (secret)" if setting.secret else "")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
