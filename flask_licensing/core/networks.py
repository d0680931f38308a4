"""IP addresses and networks: how lists of them are read, how callers' addresses are, and who is in which."""

from __future__ import annotations

import ipaddress
import logging
import re
from typing import TYPE_CHECKING, TypeAlias

from flask_licensing.core.log_text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_IPV4_MAPPED_PREFIX_LENGTH = 96

_WITH_PORT = re.compile(r"\[(?P<bracketed>[^]]*)\](?::\d*)?|(?P<ipv4>[0-9.]+):\d*", re.ASCII)

IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_logger = logging.getLogger(__name__)


def parse_networks(addresses: object) -> tuple[IpNetwork, ...]:
    """Return IP addresses and networks (CIDR, IPv4 and IPv6), given as texts, as networks.

    Raises:
        ValueError: it is not a list of texts, or one of them is neither an address nor a network.

    """
    if isinstance(addresses, str) or not isinstance(addresses, list | tuple | set | frozenset):
        raise ValueError("must be a list of IP addresses and networks")
    return tuple(_network(address) for address in addresses)


def read_address(written: str | None) -> IpAddress | None:
    """Return a caller's address, as web servers and proxies write it; ``None`` where it is no IP address.

    A port, brackets and white space around it do not count. IPv4 in IPv6 (``::ffff:192.0.2.1``), which is how a
    dual-stack socket reports IPv4 callers, is the IPv4 address (RFC 4291 section 2.5.5.2).
    """
    text = (written or "").strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found["bracketed"] or found["ipv4"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_in_networks(address: IpAddress, networks: Iterable[IpNetwork]) -> bool:
    """Whether an address is in one of the networks."""
    return any(address in network for network in networks)


class CallerAddresses:
    """Reads the addresses of one app's callers; the log shows the first that is no IP address, and no other."""

    def __init__(self) -> None:
        self._is_noted = False

    def read(self, written: str | None) -> IpAddress | None:
        """As :func:`read_address`."""
        address = read_address(written)
        if address is None and not self._is_noted:
            self._is_noted = True
            _logger.warning(
                "a caller's address %s is no IP address: such callers are refused where a list of addresses is set;"
                " behind a proxy, set up ProxyFix",
                printable(repr(written)),
            )
        return address


def _network(address: object) -> IpNetwork:
    if not isinstance(address, str):
        raise ValueError("must be a list of texts, each an IP address or a network")
    network = ipaddress.ip_network(address, strict=False)
    # ::ffff:192.0.2.0/120 is 192.0.2.0/24, which is how callers from there are compared (RFC 4291 section 2.5.5.2).
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - _IPV4_MAPPED_PREFIX_LENGTH))
