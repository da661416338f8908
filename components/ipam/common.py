"""What the IPAM plugins share: routes, DNS, pools of addresses and the checks on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Any, Final

from components.addresses import (
    Address,
    AddressField,
    Cidr,
    CidrField,
    Interface,
    Span,
    contains,
)
from components.faults import Fault, repeated
from components.model import Model

# A pool may have more addresses than a Pulumi number (a double) can hold exactly.
MOST_COUNTED: Final = 2**53 - 1


class Route(Model):
    """A route that the pod gets (CNI `types.Route`)."""

    dst: CidrField
    """Destination as a CIDR."""
    gw: AddressField | None = None
    """Next hop; the IPAM's gateway where it is left out."""

    def render(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


class Dns(Model):
    """DNS data in the plugin's result. Kubernetes does not write it to the pod's resolv.conf."""

    nameservers: tuple[AddressField, ...] = ()
    """Addresses of name servers."""
    domain: str | None = None
    """The local domain."""
    search: tuple[str, ...] = ()
    """Search domains."""
    options: tuple[str, ...] = ()
    """Resolver options."""

    def render(self) -> dict[str, Any]:
        return {key: value for key, value in self.model_dump(mode="json").items() if value}


@dataclass(frozen=True)
class Pool:
    """Addresses that a plugin hands out, of one range.

    `cidr` is the range that gives the prefix; `spans` are what is left of it after the limits,
    the gateway and the exclusions. `path` leads to the range in the IPAM's settings, where it is
    `written` in another form.
    """

    path: tuple[str | int, ...]
    cidr: Cidr
    spans: tuple[Span, ...]
    written: str = ""

    def __str__(self) -> str:
        return self.written or str(self.cidr)

    @property
    def size(self) -> int:
        return sum(span.size for span in self.spans)


def usable(cidr: Cidr, *, last_of_v6: bool) -> Span | None:
    """The addresses that a pod can have, None for a prefix with no room (/31, /32, /127, /128).

    host-local hands out the last address of an IPv6 range, Whereabouts does not
    (host-local `lastIP` in range.go, Whereabouts `LastUsableIP` in iphelpers.go).
    """
    if cidr.max_prefixlen - cidr.prefixlen < 2:
        return None
    last = cidr.broadcast_address
    return Span(cidr.network_address + 1, last if cidr.version == 6 and last_of_v6 else last - 1)


# RFC 6890 and 4291: no host on a wire has such an address.
SPECIAL: Final[tuple[tuple[str, Cidr], ...]] = tuple(
    (use, ip_network(cidr))
    for use, cidr in (
        ("this-network", "0.0.0.0/8"),
        ("loopback", "127.0.0.0/8"),
        ("multicast", "224.0.0.0/4"),
        ("broadcast", "255.255.255.255/32"),
        ("loopback", "::/127"),
        ("link-local", "fe80::/10"),
        ("multicast", "ff00::/8"),
    )
)


def special_faults(
    key: str, cidr: Cidr, written: object = None, *, multicast: bool = False
) -> Iterator[Fault]:
    """A range, address or destination that no pod can use, whatever the wire.

    `multicast` is one that a route may have.
    """
    for use, special in SPECIAL:
        if multicast and use == "multicast":
            continue
        if special.version == cidr.version and special.overlaps(cidr):
            yield Fault((key,), f"{special} is {use}: no pod can use it", str(written or cidr))
            return


def no_room(key: str, cidr: Cidr) -> Fault:
    return Fault(
        (key,),
        f"a /{cidr.prefixlen} has no room for pods. The longest prefix with room is "
        f"/{cidr.max_prefixlen - 2}",
        str(cidr),
    )


def limit_faults(
    key: str, span: Span, start: Address | None, end: Address | None, cidr: Cidr
) -> Iterator[Fault]:
    """`rangeStart` and `rangeEnd` against the range named by `key`."""
    outside = False
    for name, limit in (("rangeStart", start), ("rangeEnd", end)):
        if limit is not None and limit not in span:
            outside = True
            yield Fault(
                (name,), f"{key} {cidr} hands out {span}. Choose an address of these", str(limit)
            )
    if start is not None and end is not None and not outside and int(start) > int(end):
        yield Fault(
            ("rangeStart",), f"rangeEnd is {end}, which comes before it. Exchange them", str(start)
        )


def is_host(address: Address, cidr: Cidr) -> bool:
    """Whether a host of the network can have the address.

    In a /31, /32, /127 or /128 every address is a host's (RFC 3021, RFC 6164).
    """
    if cidr.max_prefixlen - cidr.prefixlen < 2:
        return True
    return address != cidr.network_address and (
        cidr.version == 6 or address != cidr.broadcast_address
    )


def first_address(cidr: Cidr) -> Interface:
    """What plugins take for the gateway of a network that names none, with its prefix."""
    return ip_interface(f"{cidr.network_address + 1}/{cidr.prefixlen}")


def gateway_faults(
    gateway: Address, cidrs: Sequence[Cidr], path: tuple[str | int, ...] = ("gateway",)
) -> Iterator[Fault]:
    """A gateway must be an ordinary address of every range whose pods shall use it."""
    for cidr in cidrs:
        if not contains(cidr, gateway):
            yield Fault(
                path,
                f"a pod with an address of {cidr} cannot reach it. The gateway must be inside "
                f"{cidr}",
                str(gateway),
            )
        elif not is_host(gateway, cidr):
            yield Fault(path, f"that is not a host's address in {cidr}", str(gateway))


def route_faults(
    routes: Sequence[Route], onlink: Sequence[Sequence[Cidr]], own: Sequence[Address] = ()
) -> Iterator[Fault]:
    """Routes that the plugin would refuse at pod start, or that would do nothing.

    Of each inner list of `onlink` one network is that of an address of the pod; `own` are
    addresses that it has for certain.
    """
    families = {cidr.version for one in onlink for cidr in one}
    for index, first in repeated(routes):
        rule = f"routes[{first}] is the same. Remove one"
        yield Fault(("routes", index, "dst"), rule, str(routes[index].dst))
    for index, route in enumerate(routes):
        if route.dst.prefixlen > 1:
            yield from (
                fault.under("routes", index)
                for fault in special_faults("dst", route.dst, multicast=True)
            )
        if route.dst.prefixlen <= 1:  # 0.0.0.0/1 and 128.0.0.0/1 are the known way around it
            yield Fault(
                ("routes", index, "dst"),
                "a default route here competes with the pod's own. Give routes to what pods are to "
                "reach by this network, or sbr to let them answer by it",
                str(route.dst),
            )
        if families and route.dst.version not in families:
            yield Fault(
                ("routes", index, "dst"),
                f"the network gives no IPv{route.dst.version} address to send from",
                str(route.dst),
            )
        if route.gw is None:
            continue
        if route.gw.version != route.dst.version:
            yield Fault(
                ("routes", index, "gw"), f"dst {route.dst} is of the other family", str(route.gw)
            )
        elif route.gw in own:
            yield Fault(("routes", index, "gw"), "that is the pod's own address", str(route.gw))
        elif onlink:
            yield from (
                Fault(("routes", index, "gw"), rule, str(route.gw))
                for rule in _unreachable(route.gw, onlink)
            )


def _unreachable(gateway: Address, onlink: Sequence[Sequence[Cidr]]) -> Iterator[str]:
    """Why not every pod can use a next hop."""
    around = [one for one in onlink if all(contains(cidr, gateway) for cidr in one)]
    if not around:
        known = ", ".join(str(cidr) for one in onlink for cidr in one)
        some = any(contains(cidr, gateway) for one in onlink for cidr in one)
        yield (
            f"only pods with an address of its own subnet can reach it, of {known}. Make a network "
            "of each subnet"
            if some
            else f"the pod cannot reach it: it is inside none of {known}"
        )
    elif not any(is_host(gateway, cidr) for one in around for cidr in one):
        yield "that is not a host's address"


def capacity(sizes: Iterable[int]) -> int:
    """How many pods can have addresses: each takes one of every so many."""
    return min(min(sizes, default=0), MOST_COUNTED)
