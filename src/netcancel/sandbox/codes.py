"""The result codes that the sandbox answers.

Only SUCCESS is the manual's. Every other code here is our own invention, because the manual names
none for these cases (spec 1.2): never configure one of them for the real gateway.
"""

from typing import Final

SUCCESS: Final = "0000"
INSUFFICIENT_FUNDS: Final = "8035"
"""The manual's decline code that the fault `decline` uses unless told otherwise (spec 1.2)."""

NOTHING_TO_VOID: Final = "SB01"
FIELDS_DIFFER: Final = "SB02"
NUMBER_USED: Final = "SB03"
NET_CANCELLED_BEFORE: Final = "SB04"
ALREADY_CANCELLED: Final = "SB05"
ORIGINAL_NOT_FOUND: Final = "SB06"
ORIGINAL_DIFFERS: Final = "SB07"
FORMAT_ERROR: Final = "SB08"
NOT_AUTHENTICATED: Final = "SB09"
REFUSED: Final = "SB10"
NOT_WORKED: Final = "SB11"
BAD_HTTP: Final = "SB12"
UNLISTED: Final = "9999"
"""A code that no table names; the fault `unlisted-code` answers it after a charge."""

MESSAGES: Final = {
    NOTHING_TO_VOID: "Nothing to void",
    FIELDS_DIFFER: "The fields differ from the approval's",
    NUMBER_USED: "This transaction number was used before",
    NET_CANCELLED_BEFORE: "This transaction number was net-cancelled before its approval came",
    ALREADY_CANCELLED: "Already cancelled",
    ORIGINAL_NOT_FOUND: "Original transaction not found",
    ORIGINAL_DIFFERS: "The original's approval number, date, amount or ids differ",
    FORMAT_ERROR: "Format error",
    NOT_AUTHENTICATED: "Not authenticated",
    REFUSED: "Refused",
    NOT_WORKED: "The request was not processed",
    BAD_HTTP: "Bad request",
    UNLISTED: "Unlisted code",
}
