"""Hosts: where a node listens, and from where it may associate. Checked when a person gives them. Pure."""

import ipaddress
import re
from contextlib import suppress

from webapp.registry.fields import LONGEST_TEXT, RegistryError

_LONGEST_HOST = 253
_HOST = re.compile(
    r"([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?"
)
_NUMBERS = re.compile(r"[0-9.]+")
_SEPARATORS = re.compile(r"[\s,;]+")
_LONGEST_TOLD = 60


def check_host(text: str) -> str:
    """A name or an IPv4 or IPv6 address; empty stays empty. Raises RegistryError."""
    host = text.strip()
    if not host:
        return ""
    address = _address(host)
    if address is not None:
        return str(address)
    if _NUMBERS.fullmatch(host):
        raise RegistryError("host", f"{host} is no IPv4 address: it needs four numbers from 0 to 255.")
    if not _is_name(host):
        raise RegistryError(
            "host",
            "A host is a name such as ct1.example.org or an address such as 192.0.2.10, without blanks and "
            "without a port. Leave it empty for a node that only sends.",
        )
    return host


def check_allowed_hosts(text: str) -> str:
    """Addresses, networks and names, each once, with blanks between; empty: from anywhere.

    Raises RegistryError, which names the one that can't be used.
    """
    hosts = dict.fromkeys(_check_allowed(one) for one in _SEPARATORS.split(text) if one)
    allowed = " ".join(hosts)
    if len(allowed) > LONGEST_TEXT:
        raise RegistryError(
            "allowed_hosts", f"This is too long: at most {LONGEST_TEXT} characters. Give networks instead."
        )
    return allowed


def _check_allowed(text: str) -> str:
    if "/" in text:
        return _check_network(text)
    address = _address(text)
    if address is not None:
        # A listener for IPv4 and IPv6 alike may see IPv4 senders so
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return str(mapped or address)
    if _NUMBERS.fullmatch(text):
        raise _refusal(text, "is no IPv4 address: it needs four numbers from 0 to 255")
    if not _is_name(text):
        raise _refusal(
            text,
            "is none of an address (192.0.2.10), a network (192.0.2.0/24) and a name (ct1.example.org), "
            "without a port",
        )
    return text.lower()  # names are compared without regard to case


def _check_network(text: str) -> str:
    try:
        interface = ipaddress.ip_interface("" if "%" in text else text)
    except ValueError:
        raise _refusal(
            text, "is no network: write its first address, / and how many bits are fixed, as in 192.0.2.0/24"
        ) from None
    if interface.ip != interface.network.network_address:
        raise _refusal(
            text,
            f"is no network, as its address isn't the first one of it: write {interface.network} for the "
            f"whole network, or {interface.ip} for this address alone",
        )
    return str(interface.network)


def _refusal(text: str, reason: str) -> RegistryError:
    told = text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}…"
    return RegistryError("allowed_hosts", f"{told} {reason}.")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for what is no address; Python takes anything for the zone of an IPv6 address."""
    with suppress(ValueError):
        return ipaddress.ip_address("" if "%" in text else text.removeprefix("[").removesuffix("]"))
    return None


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) is not None
