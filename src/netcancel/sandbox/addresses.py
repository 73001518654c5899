"""Network addresses: which stay on this machine, and how they are written in a URL."""

import ipaddress


def base_url(address: str, port: int) -> str:
    """Write an address as a URL."""
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
