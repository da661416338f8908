"""What the program understands of a raw CNI configuration, and what of it nobody looks at.

A plugin's JSON is read by the model of the typed kind, under the plugin's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from ..findings import Finding, FindingsError, Path
from ..ipam import IPAMS, Ipam
from ..model import PLUGIN, Model, PluginJson, read
from .base import KINDS, RESOURCE_NAME, Capability, Network, TypedNetwork
from .chained import CHAINED
from .known import KNOWN

if TYPE_CHECKING:
    from .raw import Raw

Json = Mapping[str, Any]
M = TypeVar("M", bound=Model)
_CNIS: Final = ("type", "ipam", "capabilities")
OURS: Final = tuple(Network.model_fields)


@dataclass
class Reading:
    """A raw configuration as far as it is understood."""

    network: TypedNetwork | None = None
    """The typed network that says the same; None where its plugin is not known or unreadable."""
    ipam: Ipam | None = None
    """Its IPAM, also where the network's plugin is not known."""
    invalid: list[Finding] = field(default_factory=list)
    """Values that a plugin cannot read, with paths below the network."""
    unread: list[tuple[Path, str, tuple[str, ...], str]] = field(default_factory=list)
    """Keys that their plugin does not read: path, key, the known keys, a hint."""
    unknown: list[str] = field(default_factory=list)
    """What nobody looked at, in words."""
    first: Path = ()
    """From `config` to the first plugin."""
    chained: dict[str, tuple[Path, Model]] = field(default_factory=dict)
    """Where the plugins behind the first stand, by their type, and how they were read."""

    def place(self, path: Path) -> Path:
        """A path in our names below the network, as the user wrote it."""
        if not path or path[0] in OURS or path[0] == "config":
            return path or ("config",)
        if path[0] == "resourceName":
            return ("annotations", RESOURCE_NAME)
        if path[0] in self.chained:
            where, model = self.chained[str(path[0])]
            return ("config", *where, *model.as_written(path[1:]))
        if path[0] == "capabilities":
            return ("config", *self.first, "capabilities")
        if path[0] == "ipam" and self.ipam is not None:
            return ("config", *self.first, "ipam", *self.ipam.as_written(path[1:]))
        inner = self.network.as_written(path) if self.network is not None else path
        return ("config", *self.first, *inner)


def entries(config: Json) -> list[tuple[Path, Json]]:
    """The configuration's plugins, in their order, each with its path."""
    if "plugins" in config:
        return [(("plugins", index), plain(one)) for index, one in enumerate(config["plugins"])]
    return [((), plain(config))]


def plain(plugin: Json) -> dict[str, Any]:
    """A plugin with the keys of CNI itself in lower case: Go reads them in any."""
    found = {key.lower() if key.lower() in _CNIS else key: one for key, one in plugin.items()}
    if isinstance(ipam := found.get("ipam"), Mapping):
        found["ipam"] = {"type" if key.lower() == "type" else key: ipam[key] for key in ipam}
    return found


def read_plugins(raw: Raw) -> Reading:
    """Read a configuration whose form is sound."""
    found = Reading()
    (found.first, first), *behind = entries(raw.config)
    ours: dict[str, Any] = {key: getattr(raw, key) for key in OURS}
    wishes = wished(first)
    ipam = first.get("ipam") or {}
    if ipam and not ipam.get("type"):
        where = ("config", *found.first, "ipam")
        found.unread.append((where, "ipam", (), "It needs a type"))
        ipam = {}
    if ipam:
        found.ipam = _ipam(ipam, found)
        ours["ipam"] = found.ipam
    for path, one in behind:
        name = one["type"]
        if name == "tuning" and "mac" in wished(one):
            wishes.append("mac")
        model = _chained(path, one, found)
        if model is not None and name in CHAINED and name not in found.chained:
            found.chained[name] = (path, model)
            ours[name] = model
    kind = KINDS.get(first["type"])
    if kind is None or not issubclass(kind, TypedNetwork):
        _chained(found.first, first, found)
    elif not ipam or found.ipam is not None:
        ours["capabilities"] = tuple(one for one in get_args(Capability) if one in wishes)
        if RESOURCE_NAME in raw.annotations:
            ours |= {"resourceName": raw.annotations[RESOURCE_NAME]}
            ours["annotations"] = {k: v for k, v in raw.annotations.items() if k != RESOURCE_NAME}
        if "resource_name" not in kind.model_fields:
            ours.pop("resourceName", None)
        found.network = _attempt(kind, PluginJson(first, ours), found, found.first)
    return found


def _ipam(given: Json, found: Reading) -> Ipam | None:
    name = given["type"]
    if name in IPAMS:
        return _attempt(IPAMS[name], dict(given), found, (*found.first, "ipam"))
    found.unknown.append(f"the ipam {name}")
    return Ipam(type=name)  # nothing is known of where its addresses come from


def _attempt(model: type[M], json: Json, found: Reading, path: Path) -> M | None:
    """The model, or None and what its plugin cannot read."""
    try:
        made = read(model, json, PLUGIN)
    except FindingsError as error:
        where = ("config", *path)
        for one in error.findings:
            named = ("annotations", RESOURCE_NAME) if one.path[:1] == ("resourceName",) else None
            found.invalid.append(Finding(named or (*where, *one.path), one.message, one.value))
        return None
    for below, part in made.walk():
        if below[:1] in (("ipam",), *((name,) for name in CHAINED)):
            continue  # told when it was read by itself
        kind = type(part)
        names = tuple(
            str(one.serialization_alias)
            for name, one in kind.model_fields.items()
            if name in {*kind.plugin_fields(), "type"}
        )
        for key in part.unread:
            where = ("config", *path, *made.as_written(below), key)
            found.unread.append((where, key, names, kind.hint(key)))
    return made


def _chained(path: Path, plugin: Json, found: Reading) -> Model | None:
    """A plugin that no type of network stands for."""
    model = CHAINED.get(plugin["type"]) or KNOWN.get(plugin["type"])
    if model is None:
        found.unknown.append(f"the plugin {plugin['type']}")
        return None
    own = {key: one for key, one in plugin.items() if key.lower() not in TypedNetwork.passed_on}
    return _attempt(model, own, found, path)


def wished(plugin: Json) -> list[str]:
    return [wish for wish, on in (plugin.get("capabilities") or {}).items() if on]
