"""Twins whose wire sends what it should not."""

from __future__ import annotations

from typing import Final

from proof.twins.twin import (
    SECONDS_OF_CAMPAIGN,
    SECONDS_WITHOUT_A_LINK,
    Edit,
    Room,
    Twin,
    by_test,
    by_the_whole,
)

CONVERSATION: Final = "wire/conversation.py"

TWINS: Final = (
    Twin(
        name="request-sent-again",
        mistake="the HTTP layer re-sends a POST",
        breaks="a number is sent for approval twice, the second time perhaps after its net-cancel",
        room=Room.WIRE,
        edits=[
            Edit(
                CONVERSATION,
                before="        self._exchange = Exchange(request, gateway=gateway,"
                " keep_alive=pool.keeps)\n",
                after="""\
        self._make = partial(Exchange, request, gateway=gateway, keep_alive=pool.keeps)
        self._exchange = self._make()
""",
            ),
            Edit(
                CONVERSATION,
                before="            return (yield from self._converse())\n",
                after="""\
            reception = yield from self._converse()
            if isinstance(reception, NoAnswer):
                self._connecting.drop()
                self._exchange = self._make()
                reception = yield from self._converse()
            return reception
""",
            ),
        ],
        killers=[
            by_test("wire/test_answers", "test_answer_is_read_as_it_must_be"),
            by_the_whole(
                "duty/test_every_fault",
                "test_every_fault_ends_in_balanced_books[AsyncGuard-tombstone]",
            ),
            SECONDS_OF_CAMPAIGN,
        ],
    ),
    Twin(
        name="closed-and-not-reset",
        mistake="plain close instead of reset",
        breaks="the kernel delivers an approval after its net-cancel",
        room=Room.WIRE,
        edits=[
            Edit(
                "wire/sockets.py",
                before="        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,"
                " _RESET_ON_CLOSE)\n",
                after="",
            ),
            Edit(
                CONVERSATION,
                before="        sockets.limit_sending(sock, self._patience.remaining())\n",
                after="        self._patience.remaining()\n",
            ),
        ],
        killers=[
            by_test("wire/test_reset", "test_unsent_bytes_never_arrive"),
            by_the_whole("wire/test_reset", "test_bytes_sent_into_a_dead_link_never_arrive"),
            SECONDS_WITHOUT_A_LINK,
        ],
    ),
)
