"""What a cluster has already, as a stack's settings: the other way round from what is deployed.

Pure: from objects as the API server has them, and the values of Helm's release.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .args import MultusArgs
from .chart.extra_values import shape
from .chart.values import merged
from .chart.versions import DEFAULT, VERSIONS
from .cluster import STANDARD_CONF
from .fail_closed import LABEL
from .findings import FindingsError, Path, dotted
from .manifest import as_raw
from .model import Model, read
from .networks import Raw
from .parse import parse
from .plain import at
from .rules.live_objects import made_by

Json = Mapping[str, Any]
IPAMS: Final = ("host-local", "whereabouts", "dhcp")
# What the API server does not say, and a custom cluster cannot be read without. No Helm value is
# made from it.
_STAND_INS: Final = {"clusterCidr": ["10.42.0.0/16"], "serviceCidr": ["10.43.0.0/16"]}
_K3S_DIRECTORY: Final = re.compile(r"(?P<data>/.+)/agent/etc/cni/net\.d/?")


@dataclass(frozen=True)
class Adopted:
    """A stack's settings by key, without namespace, and what they leave out, in words."""

    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def adopted(nodes: Iterable[Json], networks: Iterable[Json], release: Json | None) -> Adopted:
    """What is there, as settings that change no network.

    nodes, networks: objects of the API server. release: what Helm keeps of the release, with
    `chart` and `config`; None where there is none, and only networks are deployed.
    """
    values = (release or {}).get("config") or {}
    settings: dict[str, Any] = {"cluster": _cluster([*nodes], at(values, "config.cni_conf") or {})}
    notes: list[str] = []
    if release is None:
        settings["deploy"] = "networks"
    else:
        settings |= _settings(values)
        version = str(release["chart"]["metadata"]["version"])
        settings |= {"chart": {"version": version}} if version in VERSIONS else {}
        if version not in VERSIONS:
            notes.append(f"the chart {version} is not known here: the stack has {DEFAULT}")
    taken = []
    for one in networks:
        owner = made_by(one)
        why = f"{owner} makes it" if owner else "Multus reads its configuration on the node"
        if owner or not (one.get("spec") or {}).get("config"):
            name = "{namespace}/{name}".format_map(one["metadata"])
            notes.append(f"network {name} is left out: {why}")
        else:
            taken.append(network(one))
    if release is not None:
        config = parse({**settings, "networks": taken}).configuration
        called = {"dhcp"} if at(values, "manifests.dhcpDaemonSet") is True else set()
        called |= {name for one in config.networks for name in one.network.plugins}
        settings["additionalIpam"] = [
            name for name in IPAMS if name in called and name != settings["ipam"]
        ]
        extra, differing = _rest(values, settings)
        settings |= {"extraValues": extra}
        notes += differing
    whole = {**settings, "networks": taken}
    return Adopted({key: one for key, one in whole.items() if one not in ([], {})}, notes)


def network(manifest: Json) -> dict[str, Any]:
    """A NetworkAttachmentDefinition as a network of a stack, which renders the same text.

    Typed where that is so, which is what the program made itself; raw otherwise.
    """
    raw = as_raw(manifest)
    try:
        made = read(Raw, raw)
    except FindingsError:
        return raw  # which `check` says
    typed = made.typed
    if typed is not None and typed.render() == made.written:
        return written(typed)
    return raw


def written(model: Model) -> dict[str, Any]:
    """A model as it stands in a stack file: without what is left out."""
    found = {}
    for name, about in type(model).model_fields.items():
        value = getattr(model, name)
        default = about.get_default(call_default_factory=True)
        if about.is_required() or name == "type" or value != default:
            found[str(about.validation_alias)] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return written(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _cluster(nodes: list[Json], conf: Json) -> dict[str, Any]:
    """The cluster, by its nodes' versions and the directory that Multus was told."""
    versions = (str(one["status"]["nodeInfo"]["kubeletVersion"]) for one in nodes)
    version = min(versions, default="", key=_by_number)
    many: dict[str, Any] = {"nodes": "multi" if len(nodes) > 1 else "single"}
    if nodes and all(LABEL in (one["metadata"].get("labels") or {}) for one in nodes):
        many["failClosed"] = True
    directory = str(conf.get("confDir", ""))
    if "+k3s" in version:
        found = {"distribution": "k3s", "version": version, **many}
        if directory.rstrip("/") == STANDARD_CONF:
            return {**found, "flannel": False}
        place = _K3S_DIRECTORY.fullmatch(directory)
        own = place is not None and place["data"] != "/var/lib/rancher/k3s"
        return {**found, "dataDir": place["data"]} if place is not None and own else found
    if "+rke2" in version:
        return {"distribution": "rke2", "version": version, **many}
    paths = {"confDir": directory or STANDARD_CONF, "binDir": conf.get("binDir", "/opt/cni/bin")}
    return {"distribution": "custom", **many, **paths}


def _by_number(version: str) -> list[int]:
    return [int(part) for part in re.findall("[0-9]+", version)]


def _settings(values: Json) -> dict[str, Any]:
    """The typed settings that Helm values stand for."""
    on = {
        "whereabouts": at(values, "rke2-whereabouts.enabled") is True,
        "dhcp": at(values, "manifests.dhcpDaemonSet") is True,
    }
    deployed = [name for name, there in on.items() if there] or ["host-local"]
    shared = str(at(values, "config.cni_conf.globalNamespaces") or "")
    found = {
        "ipam": deployed[0],
        "namespaceIsolation": at(values, "config.cni_conf.namespaceIsolation") is True,
        "globalNamespaces": [one for one in shared.split(",") if one],
        "registry": at(values, "global.systemDefaultRegistry"),
        "imagePullSecrets": [one["name"] for one in values.get("imagePullSecrets") or ()],
        "tolerations": values.get("tolerations"),
        "nodeSelector": at(values, "labels.nodeSelector"),
        "thickPlugin": at(values, "thickPlugin.enabled") is True,
        "dynamicNetworksController": at(values, "dynamicNetworksController.enabled") is True,
    }
    defaults = {str(one.validation_alias): one.default for one in MultusArgs.model_fields.values()}
    return {
        key: value
        for key, value in found.items()
        if value not in (None, [], {}) and value != defaults[key]
    }


def _rest(values: Json, settings: Json) -> tuple[dict[str, Any], list[str]]:
    """Values that the settings do not stand for: those that can be raw, and a line for others."""
    cluster = {**_STAND_INS, **settings["cluster"]}
    found = parse({**settings, "cluster": cluster}).configuration  # as far as it can be read
    ours = MultusArgs.of_stack(found, ()).values if found.cluster else None
    extra: dict[str, Any] = {}
    notes = []
    for path, value in _leaves(values):
        mine = at(ours, path)
        nested = value
        for step in reversed(path):
            nested = {step: nested}
        if mine == value or _same_path(mine, value):
            continue
        if mine is None and not shape(nested):
            extra = merged(extra, nested)
        else:
            what = "the program leaves out" if mine is None else f"the program sets to {mine}"
            if ours is None:
                what = "nobody compared, for the cluster cannot be read"
            notes.append(f"value {dotted(path)} is {value}, which {what}")
    return extra, notes


def _leaves(values: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(values, Mapping) and values:
        for key, one in values.items():
            yield from _leaves(one, (*path, key))
    elif path and values is not None:
        yield path, values


def _same_path(mine: Any, value: Any) -> bool:
    return isinstance(mine, str) and isinstance(value, str) and mine == value.rstrip("/")
