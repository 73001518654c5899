"""`sandbox`: the simulated gateway, until stopped."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag  # noqa: TC001  cyclopts reads the annotation
from netcancel.cli.output import show, show_json, table, write
from netcancel.sandbox.faults import CATALOGUE
from netcancel.sandbox.process import Announcement, serve

Memory = Literal["tombstone", "code", "forgetful"]


def sandbox(
    *,
    port: int = 0,
    seed: int = 0,
    fault: Annotated[list[str] | None, Parameter(negative="")] = None,
    memory: Memory = "tombstone",
    list_faults: Annotated[bool, Parameter(negative="")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a simulated gateway on 127.0.0.1 until SIGTERM or SIGINT.

    It prints the settings that a guard needs to use it. Ends with 0 when it is stopped.

    Parameters
    ----------
    port
        0 takes any free one
    seed
        decides which requests a fault with a rate hits
    fault
        NAME, which hits once, or NAME:RATE, or NAME@ENDPOINT:RATE; may be given more than once
    memory
        how it answers a net-cancel of nothing: yes and never charges, a code, or yes and forgets
    list_faults
        list the faults and end
    """
    if list_faults:
        _list_faults(as_json=as_json)
        return
    try:
        serve(
            on_ready=lambda said: _announce(said, as_json=as_json),
            port=port,
            seed=seed,
            net_cancel_memory=memory,
            faults=fault or (),
        )
    except ValueError as error:
        raise Stop(Exit.WRONG, str(error)) from None
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "it must be from 0 to 65535"
        raise Stop(Exit.WRONG, f"port {port} can't be had: {why}") from None


def _announce(said: Announcement, *, as_json: bool) -> None:
    """Tell how to reach the sandbox; its keys are public and open nothing else."""
    settings = {
        "NETCANCEL_BASE_URL": said.base_url,
        "NETCANCEL_CHANNEL_ID": said.channel_id,
        "NETCANCEL_SECRET_KEY": said.secret_key,
        "NETCANCEL_TID": said.tid,
        "NETCANCEL_SVC_ID": said.svc_id,
        "NETCANCEL_BIZR_NO": said.bizr_no,
    }
    if as_json:
        show_json({"settings": settings, "admin_key": said.admin_key})
    else:
        write("".join(f"export {name}={value}\n" for name, value in settings.items()))


def _list_faults(*, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "name": fault.name,
                "help": fault.help,
                "endpoint": fault.endpoint,
                "endpoints": list(fault.endpoints),
                "options": dict(fault.options),
            }
            for fault in CATALOGUE
        ]
        show_json({"faults": rows})
        return
    show(table(("fault", "hits", "what"), [(f.name, f.endpoint, f.help) for f in CATALOGUE]))
