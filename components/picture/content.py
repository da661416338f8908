"""What is in the picture, before anybody draws it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..addresses import Address, contains
from ..ipam.base import Pool
from ..networks.base import Network

Used = Mapping[str, Iterable[Address]]
"""The addresses that pods have, by `namespace/name` of the network."""
NONE, OTHERS = "no addresses", "others give the addresses"
UNKNOWN = "devices that the program does not know"


@dataclass(frozen=True)
class Bar:
    """One range, to scale: all that lies in it as parts of its length, from 0 to 1."""

    label: str
    first: str
    last: str
    size: int
    """How many addresses a pod may get."""
    free: tuple[tuple[float, float], ...]
    """Unbroken runs of what pods may get, as start and end."""
    gateways: tuple[tuple[float, str], ...]
    used: tuple[tuple[float, str], ...]
    outside: tuple[str, ...]
    """What pods have and could not get there any more."""


@dataclass(frozen=True)
class Row:
    """One network."""

    key: str
    device: str
    silent: str
    """Why there are no bars, where there are none."""
    kind: str
    """Its plugins, as `macvlan · whereabouts`."""
    bars: tuple[Bar, ...]
    live: bool
    """Whether it is known which addresses pods have."""


def rows(networks: Iterable[Network], used: Used | None) -> list[Row]:
    """By device, in the order in which devices are named. used: None where nobody was asked."""
    by_device: dict[str, list[Row]] = {}
    for one in networks:
        found = _row(one, used)
        by_device.setdefault(found.device, []).append(found)
    return [row for group in by_device.values() for row in group]


def _row(network: Network, used: Used | None) -> Row:
    typed = network.typed
    ipam = typed.ipam if typed is not None else None
    pools = ipam.pools if ipam is not None else ()
    gateways = ipam.gateways if ipam is not None else ()
    mine = sorted({*(used or {}).get(network.key, ())}, key=lambda one: (one.version, int(one)))
    return Row(
        key=network.key,
        device=typed.segment if typed is not None else UNKNOWN,
        silent=NONE if typed is not None and ipam is None else OTHERS,
        kind=" · ".join(dict.fromkeys(network.plugins)),
        bars=tuple(_bar(pool, gateways, mine) for pool in pools),
        live=used is not None,
    )


def _bar(pool: Pool, gateways: Iterable[Address], used: Iterable[Address]) -> Bar:
    cidr = pool.cidr
    base, length = int(cidr.network_address), cidr.num_addresses

    def at(address: Address) -> tuple[float, str]:
        return (int(address) - base) / length, str(address)

    here = [one for one in used if contains(cidr, one)]
    runs = pool.addresses.iter_ipranges()
    return Bar(
        label=str(pool),
        first=str(cidr.network_address),
        last=str(cidr.broadcast_address),
        size=pool.addresses.size,
        free=tuple(((one.first - base) / length, (one.last + 1 - base) / length) for one in runs),
        gateways=tuple(at(one) for one in gateways if contains(cidr, one)),
        used=tuple(at(one) for one in here),
        outside=tuple(str(one) for one in here if not pool.hands_out(one)),
    )


def counted(bar: Bar, *, live: bool) -> str:
    """How many addresses there are, and how many are taken, in words."""
    size = f"{bar.size:,}" if bar.size < 10**9 else f"2^{bar.size.bit_length() - 1}"
    if not live:
        return f"{size} address{'es' * (bar.size != 1)}"
    taken = len(bar.used) - len(bar.outside)
    outside = f", {len(bar.outside)} outside" if bar.outside else ""
    return f"{taken:,} of {size} taken{outside}"
