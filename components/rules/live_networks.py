"""Rules of the networks that are there already: whose they are, and what pods of theirs hold.

An IPAM plugin knows of the addresses that it counted itself. Where its type, or the name under
which it counts, is another than before, it gives out again what pods hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from ..addresses import Address
from ..cluster_tasks.attachments import attached, given
from ..findings import FindingsError, some
from ..ipam import HostLocal, Whereabouts
from ..ipam.base import Ipam
from ..manifest import as_raw
from ..model import read
from ..networks import Network, Raw
from ..networks.base import Wire
from ..networks.ipvlan import Ipvlan
from ..networks.macvlan import Macvlan
from .configuration import Configuration, Declared
from .live_cluster import is_multus
from .live_objects import CRDS, Json, Live, applied_by, is_going, labels, name_of
from .registry import Hit, at, check

OURS: Final = "pulumi"  # what the provider calls itself begins so, whatever its version


def existing(live: Live, config: Configuration) -> Iterator[tuple[Declared, Json]]:
    """The declared networks that are in the cluster, each with its object."""
    there = {_key(one): one for one in _definitions(live)}
    for one in config.networks:
        if found := there.get(one.network.key):
            yield one, found


def differing(live: Live, config: Configuration) -> Iterator[tuple[Declared | None, Json, Raw]]:
    """The live networks that are not as the stack has them.

    Each as declared, if it is, then its object, and what Multus reads there.
    """
    declared = {one.network.key: one for one in config.networks}
    for found in _definitions(live):
        one = declared.get(_key(found))
        if one and found["spec"].get("config") == one.network.render():
            continue
        with suppress(FindingsError):  # what the stack cannot read Multus does not either
            named = {**found, "metadata": {"name": name_of(found)}}
            yield one, found, read(Raw, as_raw(named))


def _definitions(live: Live) -> list[Json]:
    named = ("name", "namespace")
    return [one for one in live.items("definitions") if one["metadata"].keys() >= {*named}]


def _key(found: Json) -> str:
    return f"{found['metadata']['namespace']}/{name_of(found)}"


# --- Whose they are ---


def by_others(live: Live, config: Configuration) -> Iterator[tuple[Declared, str]]:
    """The networks to be made that no Pulumi has written yet, each with who wrote it."""
    for one, found in () if config.get("adopt") else existing(live, config):
        managers = [str(by.get("manager")) for by in found["metadata"]["managedFields"]]
        if not any(name.startswith(OURS) for name in managers) and not is_going(found):
            yield one, some(dict.fromkeys(managers)) or "somebody"


@check()
def not_ours(live: Live, config: Configuration) -> Iterator[Hit]:
    if (own := live.own) is None:
        return
    for one, who in by_others(live, config):
        if one.network.key not in own:
            yield at("network-exists", "name", of=one, who=who, key=one.network.key)


@check()
def appliers(live: Live, config: Configuration) -> Iterator[Hit]:
    things = [(f"network {one.network.key}", found) for one, found in existing(live, config)]
    if config.deploys == "all":
        daemons = live.items("daemonsets")
        things += [(f"DaemonSet {name_of(one)}", one) for one in daemons if is_multus(one)]
        things += [(f"CRD {name}", found) for name in CRDS if (found := live.found.get(name))]
    of: dict[str, list[str]] = {}
    for what, thing in things:
        if who := applied_by(thing):
            of.setdefault(who, []).append(what)
    for who, names in of.items():
        yield at("applied-by-another", who=who, names=some(names))


# --- Who holds addresses ---


def changed(live: Live, config: Configuration) -> Iterator[tuple[Declared, Raw, Ipam]]:
    """The networks whose addresses will be counted otherwise: as declared, and as they are."""
    for one, _, was in differing(live, config):
        if one is None or one.ipam is None or (before := was.ipam) is None:
            continue
        if _counting(one.network, one.ipam) != _counting(was, before):
            yield one, was, before


def _counting(network: Network, ipam: Ipam) -> tuple[Any, ...]:
    return (*_book(network, ipam), {(one.first, one.last, one.holes) for one in ipam.pools})


def _book(network: Network, ipam: Ipam) -> tuple[Any, ...]:
    """Where the plugin counts.

    host-local in a directory of the network's name (`New` in backend/disk/backend.go), Whereabouts
    in reservations of the pool's name (`GetOverlappingRangeStore` in pkg/storage/kubernetes).
    """
    if isinstance(ipam, HostLocal):
        return ipam.type, network.cni_name, ipam.data_dir
    return ipam.type, ipam.network_name if isinstance(ipam, Whereabouts) else None


@check()
def held(live: Live, config: Configuration) -> Iterator[Hit]:
    for one, network, was in changed(live, config):
        ipam = one.ipam
        if ipam is None:
            continue
        anew = _book(one.network, ipam) != _book(network, was)
        again, outside = [], []
        for address, pod in _holders(live, one.network.key):
            text = f"{address} of {pod}"
            if not ipam.pools or any(pool.hands_out(address) for pool in ipam.pools):
                again += [text] if anew else []
            elif anew or any(pool.hands_out(address) for pool in was.pools):
                outside.append(text)
        if again:
            facts = {"was": was.type, "held": some(again)}
            yield at("addresses-counted-anew", "ipam", "type", of=one, **facts)
        if outside:
            yield at("addresses-left-outside", "ipam", of=one, held=some(outside))


def _holders(live: Live, key: str) -> Iterator[tuple[Address, str]]:
    """Each address of a network that a pod has, and the pod."""
    for pod in live.items("pods"):
        meta = pod["metadata"]
        for network, address in given({**pod}):
            if network == key:
                yield address, f"{meta.get('namespace')}/{meta.get('name')}"


# --- Which masters are taken ---


def leaving(live: Live, config: Configuration) -> Iterator[tuple[str, Macvlan | Ipvlan]]:
    """`namespace/name` of live networks that leave a master, and what they are.

    Of networks that are not declared those in the stack's state go; others are not looked at.
    """
    for one, found, raw in differing(live, config):
        was = raw.typed
        if not isinstance(was, Macvlan | Ipvlan):
            continue
        if one is None:
            goes = _key(found) in (live.own or ())
        else:
            goes = one.typed is None or (one.typed.type, one.wires) != (was.type, was.wires)
        if goes:
            yield _key(found), was


@check()
def masters(live: Live, config: Configuration) -> Iterator[Hit]:
    holders: dict[tuple[Wire, str], set[str]] = {}
    for key, was in leaving(live, config):
        for wire in was.wires:
            holders.setdefault((wire, was.type), set()).add(key)
    pods = [(pod, attached({**pod})) for pod in live.items("pods")]
    labels_of = {name_of(node): labels(node) for node in live.items("nodes")}
    for one, network in config.typed:
        if not isinstance(network, Macvlan | Ipvlan):
            continue
        [other] = {"macvlan", "ipvlan"} - {network.type}
        keys = {key for wire in network.wires for key in holders.get((wire, other), ())}
        here = [
            f"{pod['metadata']['namespace']}/{name_of(pod)}"
            for pod, has in pods
            if keys & has.keys()
            and network.nodes.items() <= labels_of.get(pod["spec"].get("nodeName"), {}).items()
        ]
        if here:
            yield at("master-kept-by-pods", "type", of=one, was=other, names=some(here))
