"""What the drivers add to the flows: deadlines, and the end of interrupted ones."""

from dataclasses import replace

from netcancel.core.effects import Exchange, Sign
from netcancel.core.policy import Policy
from netcancel.desk import Desk
from netcancel.kicc import APPROVAL_PATH, NoAnswer, Reach
from netcancel.sandbox import Sandbox


def test_an_aged_signature_has_no_time_left() -> None:
    """After a pause between signing and sending, not one byte of the approval leaves."""
    with Sandbox() as van:
        desk = Desk.open(
            base_url=van.base_url,
            credentials=van.credentials,
            journal="memory://",
            policy=Policy(timeout_seconds=5.0),
        )
        perform = desk.blocking_performer()
        signed = perform(Sign(desk.world(), APPROVAL_PATH, b"{}"))
        reception = perform(Exchange(replace(signed, at=signed.at - 60.0), 5.0))
        assert isinstance(reception, NoAnswer)
        assert reception.reach is Reach.NOT_CONNECTED
        assert van.requests() == []
