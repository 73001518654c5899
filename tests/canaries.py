"""Secrets that are planted in tests so that a leak of any of them is noticed (see conftest.py).

Use TOKEN as `token_key`, SECRET as `secret_key` and CARD as a card number wherever a test needs
one. The code under test may send and seal them; nothing may log, print or show them.
"""

TOKEN = "CanaryTokenHead-4c1e7a-CanaryTokenTail"
SECRET = "CanarySecretHead-9b27d0-CanarySecretTail"
CARD = "9990728461538927"

# Ten characters of either end betray a value that was cut; a card may be shown as the gateway
# masks it, which is less than that.
_PART = 10
_PLANTED = {"TOKEN": TOKEN, "SECRET": SECRET, "CARD": CARD}


def leaks_in(text: str) -> list[str]:
    """Name the canaries of which the text shows a part."""
    return [
        name for name, value in _PLANTED.items() if value[:_PART] in text or value[-_PART:] in text
    ]


def redact(text: str) -> str:
    """Replace every part of a canary by its name."""
    for name, value in _PLANTED.items():
        for part in (value, value[:_PART], value[-_PART:]):
            text = text.replace(part, f"[{name}]")
    return text
