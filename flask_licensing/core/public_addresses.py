"""Where a webhook may lead: to public addresses, and to those of the site's own network that a setting names.

The networks are those of the IANA registries of special-purpose addresses (RFC 6890) that are not for everyone; they
stand here because those of Python's ``ipaddress`` differ from version to version.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

from flask_licensing.core.networks import is_in_networks
from flask_licensing.errors import WebhookRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.core.networks import IpAddress, IpNetwork

_NOT_PUBLIC_IPV4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
]
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_IPV6 = [
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
"""What is left out of the public ones: among others Teredo and 6to4, in which an IPv4 address is hidden."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_MOST_IPV4 = 2**32


def may_be_reached(address: IpAddress, allowed: Sequence[IpNetwork]) -> bool:
    """Whether a webhook may lead to an address; ``allowed`` are networks that are not public and may be reached."""
    address = _meant(address)
    if is_in_networks(address, allowed):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not is_in_networks(address, _NOT_PUBLIC_IPV4)
    return address in _PUBLIC_IPV6 and not is_in_networks(address, _NOT_PUBLIC_IPV6)


def refuse_what_a_host_tells(host: str, allowed: Sequence[IpNetwork]) -> None:
    """Raise :class:`WebhookRefused` where a host, as it is written, can be nowhere but in the site's own network.

    Addresses are read in all forms that resolvers read: ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` are 127.0.0.1.
    """
    addresses = _LOOPBACK if _is_this_machine(host) else _written_addresses(host.rstrip("."))
    if addresses and not any(may_be_reached(address, allowed) for address in addresses):
        raise WebhookRefused(f"{host} is in the site's own network")


def resolve(host: str, port: int, allowed: Sequence[IpNetwork]) -> Sequence[tuple[socket.AddressFamily, Any]]:
    """Return the addresses of a host, all checked, as sockets connect to them: the name is not resolved again.

    Of the names of this machine, which have an IPv4 and an IPv6 address, those that may be reached are enough.

    Raises:
        WebhookRefused: one of the addresses is none that may be reached.
        OSError: the name does not resolve.

    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    reachable = []
    for family, _, _, _, where in found:
        if may_be_reached(ipaddress.ip_address(where[0]), allowed):
            reachable.append((family, where))
        elif not _is_this_machine(host):
            raise WebhookRefused(f"{host} resolves to {where[0]}, which is in the site's own network")
    if not reachable:
        raise WebhookRefused(f"{host} is in the site's own network")
    return reachable


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _meant(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 one stands for, mapped (RFC 4291) or for NAT64 (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) % _MOST_IPV4)
    return address.ipv4_mapped or address


def _written_addresses(name: str) -> Sequence[IpAddress]:
    """Return the address that a name is, in any form; none where it is to be resolved."""
    try:
        return [ipaddress.ip_address(name)]
    except ValueError:
        pass
    try:
        return [ipaddress.IPv4Address(socket.inet_aton(name))]
    except OSError:
        return []
