"""Whether the settings say all that is needed, and nothing that contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.doctor.line import Line, fail, ok, warn
from netcancel.errors import ConfigurationError
from netcancel.wire import Gateway
from netcancel.wire.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.core.policy import Policy
    from netcancel.settings import Settings

CHECK: Final = "configuration"


def configuration(settings: Settings) -> Iterator[Line]:
    """Check settings that could be read."""
    yield ok(CHECK, "set: " + (", ".join(sorted(settings.called.values())) or "nothing"))
    yield from _gateway(settings)
    yield from _channels(settings)
    yield from _merchant(settings)
    try:
        policy = settings.policy
    except ConfigurationError as error:
        yield fail(CHECK, str(error))
    else:
        yield from _policy(policy)
    yield from _proxy(settings)


def _gateway(settings: Settings) -> Iterator[Line]:
    try:
        settings.require("base_url")
        gateway = Gateway.parse(settings.get("base_url"), settings.network())
    except ConfigurationError as error:
        yield fail(CHECK, str(error))
        return
    where = f"{gateway.origin}, environment {settings.get('environment')}"
    if is_loopback(gateway.host):
        yield warn(CHECK, f"{where}: on this host itself", "set the API domain that KICC gave you")
    else:
        yield ok(CHECK, where)


def _channels(settings: Settings) -> Iterator[Line]:
    try:
        channels = [each.channel_id for each in settings.all_credentials]
    except ConfigurationError as error:
        yield fail(CHECK, str(error))
        return
    if twice := {name for name in channels if channels.count(name) > 1}:
        yield fail(
            CHECK,
            f"the channel {', '.join(sorted(twice))} is given twice",
            "take it out of the table channels, or out of the setting channel_id",
        )
    else:
        yield ok(CHECK, f"channels: {', '.join(channels)}")
    for shop in settings.tables.shops:
        if shop.gateway_channel_id not in channels:
            yield fail(
                CHECK,
                f"the shop {shop.credentials.channel_id} pays through the channel"
                f" {shop.gateway_channel_id}, which has no credentials",
                "add it to the channels, or name another gateway_channel_id",
            )


def _merchant(settings: Settings) -> Iterator[Line]:
    missing = [name for name in ("tid", "svc_id", "bizr_no") if settings.get(name) is None]
    if missing:
        yield warn(
            CHECK,
            f"not set: {', '.join(missing)}",
            "set them where guards are made from the settings; a worker or a proxy needs none",
        )
        return
    yield _used(lambda: settings.merchant, f"terminal {settings.get('tid')}")


def _used(use: Callable[[], object], found: str) -> Line:
    try:
        use()
    except ConfigurationError as error:
        return fail(CHECK, str(error))
    return ok(CHECK, found)


def _policy(policy: Policy) -> Iterator[Line]:
    yield ok(
        CHECK,
        f"time-out {policy.timeout_seconds:g} s, lease {policy.hold_seconds:g} s, settle time"
        f" {policy.settle_seconds:g} s, retry window {policy.retry_window_seconds:g} s",
    )
    if policy.settle_seconds == 0:
        yield warn(
            CHECK,
            "settle_seconds is 0: a net-cancel that overtakes its approval is never verified",
            "set it above what an approval may take on its way, such as 900",
        )
    if policy.keep_token_seconds > policy.grace_seconds:
        yield warn(
            CHECK,
            f"grace_seconds is less than the settle time and a day: {policy.keep_token_seconds:g} s"
            " hold instead",
            "set it to at least that",
        )
    if policy.alarm_after_seconds >= policy.retry_window_seconds:
        yield warn(
            CHECK,
            "alarm_after_seconds is not less than retry_window_seconds: nobody is alarmed before a"
            " person must decide",
            "set it to some minutes",
        )
    if not policy.nothing_to_void_codes:
        yield warn(
            CHECK,
            "no code is known to mean that there was nothing to void: the manual names none, so a"
            " net-cancel that is answered with one stays owed until a person decides",
            "ask KICC for the codes and list them in NETCANCEL_NOTHING_TO_VOID_CODES; never guess",
        )


def _proxy(settings: Settings) -> Iterator[Line]:
    server, shops = settings.tables.server, settings.tables.shops
    if not shops:
        return
    if server.certificate_file is None and not is_loopback(server.host):
        yield fail(
            CHECK,
            f"the proxy would take tokens in clear on {server.host}",
            "set certificate_file and key_file of the table server, or listen on 127.0.0.1",
        )
    else:
        yield ok(CHECK, f"the proxy serves {len(shops)} shops on {server.host}:{server.port}")
