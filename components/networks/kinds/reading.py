"""What the program understands of a raw CNI configuration, and what of it nobody checks.

The parts that a typed network could say are read back into one, and so checked as if they had been
written that way. The rest is named, so that a person knows where to look when a pod does not start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from pydantic import TypeAdapter
from pydantic.alias_generators import to_snake

from components.faults import Fault, Path, attempt, unique
from components.ipam import AnyIpam, Ipam, Whereabouts
from components.model import Model, tuples
from components.networks.chained import Bandwidth, Sbr, Tuning
from components.networks.common import Capability, TypedNetwork
from components.networks.kinds.bridge import Bridge
from components.networks.kinds.devices import Bond, HostDevice, Sriov
from components.networks.kinds.masters import Ipvlan, Macvlan, Vlan
from components.networks.metadata import RESOURCE_NAME

AnyTyped = Macvlan | Ipvlan | Vlan | Bridge | HostDevice | Sriov | Bond
Json = Mapping[str, Any]

KINDS: Final[Mapping[str, type[AnyTyped]]] = {
    "macvlan": Macvlan,
    "ipvlan": Ipvlan,
    "vlan": Vlan,
    "bridge": Bridge,
    "host-device": HostDevice,
    "sriov": Sriov,
    "bond": Bond,
}
BEHIND: Final[Mapping[str, type[Model]]] = {"tuning": Tuning, "sbr": Sbr, "bandwidth": Bandwidth}
# Of these the program knows only that they cannot stand alone.
NEVER_FIRST: Final = (*BEHIND, "firewall", "portmap", "vrf")

# Names by which a plugin reads what the model calls otherwise.
RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "sriov": {"link_state": "linkState", "min_tx_rate": "minTxRate", "max_tx_rate": "maxTxRate"},
    "whereabouts": {
        to_snake(key): key
        for key in (
            *("networkName", "enableOverlappingRanges", "leaderLeaseDuration", "logLevel"),
            *("leaderRenewDeadline", "leaderRetryPeriod", "logFile", "rangeStart", "rangeEnd"),
        )
    },
}
ON_OFF: Final = {"on": True, "off": False}


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _switch(value: Any) -> bool | None:
    return bool(value) if _whole(value) and value in (0, 1) else None


def _on_off(value: Any) -> bool | None:
    return ON_OFF.get(value) if isinstance(value, str) else None


# Values that a plugin reads in another form than the model, and what to say of any other: another
# type ends the plugin before it looks at anything.
VALUES: Final[Mapping[tuple[str, str], tuple[Callable[[Any], Any], str]]] = {
    **{
        ("sriov", key): (_on_off, 'the plugin reads "on" or "off" here, in quotes')
        for key in ("spoofchk", "trust")
    },
    ("bond", "miimon"): (_number, 'the plugin reads milliseconds as a text. Write "100"'),
    **{
        ("bond", key): (_switch, "the plugin reads 0 or 1 here")
        for key in ("allSlavesActive", "tlbDynamicLb")
    },
}
# What a plugin takes for "not set".
ZEROS: Final = (
    *("mtu", "vlan", "vlanQoS", "ingressRate", "ingressBurst", "egressRate", "egressBurst"),
)


@dataclass
class Reading:
    """A raw configuration as far as it is understood."""

    network: AnyTyped | None = None
    """The typed network that says the same, None where its plugin is not modelled."""
    ipam: AnyIpam | None = None
    """Its IPAM, also where the network's plugin is not modelled."""
    faults: list[Fault] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    places: dict[str, Path] = field(default_factory=dict)
    """Where the plugins behind the first stand, by their type."""
    wishes: dict[str, Path] = field(default_factory=dict)
    """What a pod may choose, each with the capabilities that say so."""


def entries(config: Json) -> list[tuple[Path, Json]]:
    """The configuration's plugins, in their order, each with its path."""
    if "plugins" in config:
        return [(("plugins", index), one) for index, one in enumerate(config["plugins"])]
    return [((), config)]


def read(config: Json, name: str, namespace: str, annotations: Mapping[str, str]) -> Reading:
    """Read a configuration whose form is sound (see `forms.py`)."""
    found = Reading()
    (prefix, first), *others = entries(config)
    if prefix:
        found.unchecked += [key for key in config if key not in _LIST_KEYS]
    kind = KINDS.get(first["type"])
    given, ipam_known = _ipam(first.get("ipam"), found)
    _wishes(prefix, first, kind, found)
    behind = dict(_behind(others, kind, found))
    if kind is None:
        found.unchecked.append(f"the plugin {first['type']}")
        found.unchecked += [f"how {plugin} works behind it" for plugin in behind]
        for plugin, settings in behind.items():
            _, faults = attempt(BEHIND[plugin].model_validate, settings)
            found.faults += [fault.under(plugin) for fault in faults]
        return found
    body: dict[str, Any] = {"name": name, "namespace": namespace, "type": first["type"]}
    body |= _known(first["type"], first, kind, found) | behind
    if given is not None:
        body["ipam"] = given
    if found.wishes:
        body["capabilities"] = tuple(found.wishes)
    if kind is Bond:
        body.setdefault("linksInContainer", False)  # the plugin's default is not ours
        if "miimon" not in first:
            rule = 'is missing: milliseconds between looks at the links, as a text. Write "100"'
            found.faults.append(Fault(("miimon",), rule))
    if kind in (Sriov, HostDevice) and RESOURCE_NAME in annotations:
        body["resourceName"] = annotations[RESOURCE_NAME]
    if ipam_known:
        found.network, faults = attempt(kind.model_validate, body)
        found.faults = unique([*found.faults, *faults])
    else:  # what a kind allows depends on its IPAM
        found.unchecked.append(f"the plugin {first['type']} with it")
    return found


_LIST_KEYS: Final = ("cniVersion", "name", "plugins", "disableCheck", "disableGC")


SHARED: Final = ("type", "ipam", "capabilities", "name", "cniVersion")


def _known(plugin: str, given: Json, model: type[Model], found: Reading) -> dict[str, Any]:
    """What the model has fields for, under their names; the rest is noted as unchecked."""
    names = {spec.alias or key for key, spec in model.model_fields.items()}
    if plugin in KINDS:
        names -= {spec.alias or key for key, spec in TypedNetwork.model_fields.items()} - {"mtu"}
        names -= {"resourceName"}
    renamed = RENAMED.get(plugin, {})
    body: dict[str, Any] = {}
    for key, value in given.items():
        if key in SHARED or value is None:
            continue
        ours = renamed.get(key, key)
        if ours not in names or (key in renamed.values() and key not in renamed):
            found.unchecked.append(f"{plugin}.{key}")
        elif not (key in ZEROS and value == 0 and value is not False):
            convert, rule = VALUES.get((plugin, key), (tuples, ""))
            body[ours] = convert(value)
            if rule and body[ours] is None:
                del body[ours]
                found.faults.append(Fault((key,), rule, value))
    return body


def _ipam(given: Any, found: Reading) -> tuple[Json | None, bool]:
    """The IPAM's settings under our names; and whether there is none, or one that is modelled."""
    if not given:
        return None, True
    plugin = given["type"]
    if plugin not in MODELS:
        found.unchecked.append(f"the ipam {plugin}")
        return None, False
    body = {"type": plugin} | _known(plugin, given, MODELS[plugin], found)
    if plugin == "whereabouts":
        found.unchecked = [
            one for one in found.unchecked if not one.endswith(".configuration_path")
        ]
        _ranges(body)
    found.ipam, faults = attempt(_IPAM.validate_python, body)
    found.faults += [fault.under("ipam") for fault in faults]
    if isinstance(found.ipam, Whereabouts):
        found.faults += [fault.under("ipam") for fault in _handed_out(found.ipam, given)]
    return body, True


def _ranges(body: dict[str, Any]) -> None:
    """The entries of Whereabouts's ipRanges under our names."""
    inner = body.get("ipRanges")
    if isinstance(inner, list):
        renamed = RENAMED["whereabouts"]
        body["ipRanges"] = [
            {renamed.get(key, key): value for key, value in one.items()}
            if isinstance(one, Mapping)
            else one
            for one in inner
        ]


def _handed_out(ipam: Whereabouts, given: Json) -> Iterator[Fault]:
    """Whereabouts never keeps its gateway back; a typed network excludes it by itself."""
    rendered = ipam.render("")
    pairs = [(("exclude",), rendered, given)]
    if ipam.ip_ranges:
        pairs = [
            (("ipRanges", index, "exclude"), *both)  # type: ignore[misc]
            for index, both in enumerate(zip(rendered["ipRanges"], given["ipRanges"], strict=True))
        ]
    for path, wanted, written in pairs:
        lacking = wanted.get("exclude", [])[len(written.get("exclude") or []) :]
        if lacking:
            yield Fault(
                path, f"lacks {', '.join(lacking)}: a pod would get a router's address. Add it"
            )


def _wishes(where: Path, first: Json, kind: type[AnyTyped] | None, found: Reading) -> None:
    """What a pod may choose of what the first plugin makes; it hands the wish to its IPAM too."""
    for wish in _wished(first):
        if wish == "mac" and kind is not None and kind.mac_by == "tuning":
            rule = (
                f"{first['type']} sets none, so a pod's wish is lost. Write plugins, and the "
                "capability into one of type tuning behind it"
            )
            found.faults.append(Fault(("capabilities",), rule, wish))
        elif wish in get_args(Capability):
            found.wishes[wish] = where
        else:
            found.unchecked.append(f"the capability {wish}")


def _wished(plugin: Json) -> list[str]:
    return [wish for wish, on in (plugin.get("capabilities") or {}).items() if on]


def _behind(
    others: Sequence[tuple[Path, Json]], kind: type[AnyTyped] | None, found: Reading
) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, one in others:
        plugin = one["type"]
        if plugin not in BEHIND or plugin in found.places:
            found.unchecked.append(f"the plugin {plugin}")
            continue
        found.places[plugin] = path
        body = _known(plugin, one, BEHIND[plugin], found)
        if one.get("ipam"):
            found.unchecked.append(f"{plugin}.ipam")
        for wish in _wished(one):
            if (plugin, wish) == ("tuning", "mac"):
                found.wishes.setdefault(wish, path)
            else:
                found.unchecked.append(f"{plugin}.capabilities.{wish}")
        if kind is not None and kind.sets_mtu and _whole(body.get("mtu")):
            body.pop("mtu", None)  # it does work, twice
        if body or plugin == "sbr":
            yield plugin, body


MODELS: Final[Mapping[str, type[Model]]] = {
    str(get_args(member.model_fields["type"].annotation)[0]): member for member in get_args(AnyIpam)
}
_IPAM: Final[TypeAdapter[AnyIpam]] = TypeAdapter(Ipam)


def place(found: Reading, config: Json, path: Path) -> Path:
    """Where in the raw network stands what a fault of the typed network is about."""
    if not path or path[0] in ("name", "namespace", "labels", "annotations"):
        return path or ("config",)
    if path[0] == "resourceName":
        return ("annotations", RESOURCE_NAME)
    if path[0] in BEHIND:
        return ("config", *found.places[str(path[0])], *path[1:])
    prefix, first = entries(config)[0]
    if path[0] == "capabilities":
        named = list(found.wishes)[int(path[1])] if path[1:] else None
        return ("config", *found.wishes.get(str(named), prefix), "capabilities")
    inside = path[0] == "ipam"
    plugin = (first.get("ipam") or {}).get("type") if inside else first["type"]
    back = {ours: theirs for theirs, ours in RENAMED.get(str(plugin), {}).items()}
    return (
        "config",
        *prefix,
        *(back.get(step, step) if isinstance(step, str) else step for step in path),
    )
