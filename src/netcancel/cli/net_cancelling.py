"""`net-cancel`: the eleven given fields, sent once by hand, for a payment that no journal knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.given import NetCancelFlags, gather, refuse_token_flags
from netcancel.cli.options import JsonFlag, SettingFlags, reading, result_of
from netcancel.cli.output import plain, show, show_json
from netcancel.client import Client
from netcancel.kicc import Acknowledged, NetCancelRequest, NetCancelVerdict, Refused
from netcancel.kicc.fields import NET_CANCEL_FIELDS
from netcancel.settings import Settings

FIELDS = frozenset(field.name for field in NET_CANCEL_FIELDS)
SELLER = ("tid", "svc_id", "bizr_no")


def net_cancel(
    source: str | None = None,
    /,
    *,
    flags: NetCancelFlags = NetCancelFlags(),  # noqa: B008  frozen
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Send one net-cancel with exactly these fields, without journal and without repeat.

    For a payment that was not made through this journal: a number that the journal knows is
    refused, `netcancel retry` is its way. All fields are the approval's. Terminal, service and
    business number come from the settings unless the JSON has them. Ends with 0: acknowledged,
    1: refused, 3: the answer is lost.

    Parameters
    ----------
    source
        a JSON file with the manual's field names, or - for standard input; flags win over it
    """
    refuse_token_flags(settings)
    given: dict[str, Any] = dict(gather(source, flags, allowed=FIELDS))
    loaded = Settings.load(flags=settings)
    loaded.require(*(name for name in SELLER if name not in given))
    request = NetCancelRequest(**{name: loaded.get(name) for name in SELLER} | given)
    loaded.require("base_url")
    client = Client(
        base_url=loaded.get("base_url"),
        credentials=loaded.credentials,
        timeout_seconds=loaded.policy.timeout_seconds,
    )
    _refuse_known(loaded, request)
    return _tell(client.net_cancel(request), request.merc_trx_no, as_json=as_json)


def _refuse_known(settings: Settings, request: NetCancelRequest) -> None:
    """Leave what is in the journal to recovery; a journal that isn't there knows nothing."""
    scheme, _, name = settings.journal.partition(":///")
    if settings.journal == "memory://" or (scheme == "sqlite" and not Path(name).exists()):
        return
    with reading(settings) as journal:
        payment = result_of(journal.find(request.tid, request.merc_trx_no))
    if payment is not None:
        raise Stop(
            Exit.WRONG,
            f"the journal knows this number, it is {payment.state}: recovery acts for it;"
            " for an escalated one use netcancel retry",
        )


def _tell(verdict: NetCancelVerdict, number: str, *, as_json: bool) -> Exit:
    match verdict:
        case Acknowledged(code=code, message=message):
            code_, said = Exit.DONE, f"{number} is net-cancelled as far as this answer can tell"
            row = {"verdict": "acknowledged", "code": code, "message": message}
        case Refused(code, message):
            code_, said = Exit.NO, f"the net-cancel of {number} is refused: {code} {message}"
            row = {"verdict": "refused", "code": code, "message": message}
        case _:
            why = f"{words.LOSSES[verdict.loss]}: {verdict.detail}"
            code_, said = Exit.IN_DOUBT, f"nothing is known of {number} ({why}): send it again"
            row = {"verdict": "lost", "loss": verdict.loss, "detail": verdict.detail}
    if as_json:
        show_json({"merc_trx_no": number, **row})
    else:
        show(plain(said))
    return code_
