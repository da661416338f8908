"""raw: a CNI configuration as it is, for plugins and fields that no other type offers.

It is parsed, held to the form that libcni 1.3 and Multus 4.3 read, and checked as far as its
plugins are modelled (`reading.py`). What is not checked is named in a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes
from components.ipam import AnyIpam
from components.networks.binaries import BINARY, INSTALLED
from components.networks.common import CNI_VERSION, NetworkBase
from components.networks.kinds.reading import (
    MODELS,
    NEVER_FIRST,
    AnyTyped,
    Reading,
    entries,
    place,
    read,
)
from components.values.forms import malformed

VERSIONS: Final = ("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
LONGEST: Final = 256 * 1024  # the API server takes an object of some 1.5 MiB
NO_IPAM: Final = tuple(sorted(INSTALLED - {*MODELS}))
THE_CLUSTERS: Final = ("flannel", "loopback", "multus")
INSIDE: Final = "it stands inside config"


def _config(value: Any) -> Any:
    """A mapping, or JSON text of one, whose form libcni and Multus can read."""
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        rule = "a CNI configuration is needed here, as a mapping or as JSON text of one"
        raise FaultsError([Fault((), rule, value)])
    faults = list(malformed(value)) or list(_form(value))
    if not faults and len(json.dumps(value)) > LONGEST:
        faults = [Fault((), "holds more than 256 KiB. No plugin needs that much")]
    if faults:
        raise FaultsError(faults)
    return dict(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        rule = f"that is no JSON: there is a mistake{where}. It can be a mapping instead"
        raise FaultsError([Fault((), rule, text)]) from error


def _form(config: Mapping[str, Any]) -> Iterator[Fault]:
    version = config.get("cniVersion", CNI_VERSION)
    if not isinstance(version, str):
        yield Fault(("cniVersion",), needs_quotes(version), version)
    elif version not in VERSIONS:
        known = ", ".join(VERSIONS)
        yield Fault(("cniVersion",), f"the plugins know {known}. Write 1.0.0", version)
    for key in ("disableCheck", "disableGC"):
        if not isinstance(config.get(key, False), bool):
            yield Fault((key,), "this is either true or false, without quotes", config[key])
    yield from _list_form(config) if "plugins" in config else _plugin_form(config, first=True)


def _list_form(config: Mapping[str, Any]) -> Iterator[Fault]:
    plugins = config["plugins"]
    for key in ("type", "ipam"):
        if key in config:
            yield Fault((key,), "stands beside plugins. Put it into the first of them")
    if not isinstance(plugins, list) or not plugins:
        rule = "a list of plugins is needed here, each a mapping with its type"
        yield Fault(("plugins",), rule, plugins)
        return
    for index, one in enumerate(plugins):
        if not isinstance(one, Mapping):
            yield Fault(("plugins", index), "a plugin is a mapping with its type", one)
            continue
        for fault in _plugin_form(one, first=index == 0):
            yield fault.under("plugins", index)
        for key in ("name", "cniVersion"):
            if key in one and one[key] != config.get(key):
                rule = f"the list's own {key} is what plugins get. Remove it here"
                yield Fault(("plugins", index, key), rule, one[key])


def _plugin_form(plugin: Mapping[str, Any], *, first: bool) -> Iterator[Fault]:
    yield from _type_form(plugin, "a CNI plugin")
    if first and plugin.get("type") in NEVER_FIRST:
        rule = "it works on the interface of a plugin before it. Write both into plugins"
        yield Fault(("type",), rule, plugin["type"])
    elif plugin.get("type") in (*MODELS,):
        rule = "that is an IPAM plugin. Write it into the ipam of one that makes an interface"
        yield Fault(("type",), rule, plugin["type"])
    elif plugin.get("type") in THE_CLUSTERS:
        rule = "that makes the pod's first interface or its lo, which the cluster does"
        yield Fault(("type",), rule, plugin["type"])
    ipam = plugin.get("ipam")
    if ipam is not None and not isinstance(ipam, Mapping):
        yield Fault(("ipam",), "a mapping of names to values is needed here", ipam)
    elif ipam:
        yield from (fault.under("ipam") for fault in _type_form(ipam, "an IPAM plugin"))
        if ipam.get("type") in NO_IPAM:
            rule = f"it gives no addresses. Those that do: {', '.join(sorted(MODELS))}"
            yield Fault(("ipam", "type"), rule, ipam["type"])
    wishes = plugin.get("capabilities")
    if wishes is not None and not (
        isinstance(wishes, Mapping) and all(isinstance(on, bool) for on in wishes.values())
    ):
        yield Fault(("capabilities",), "CNI reads a mapping here, such as {ips: true}", wishes)


def _type_form(plugin: Mapping[str, Any], what: str) -> Iterator[Fault]:
    name = plugin.get("type")
    if name is None:
        yield Fault(("type",), f"is missing: the name of {what}")
    elif not isinstance(name, str):
        yield Fault(("type",), needs_quotes(name), name)
    elif not re.fullmatch(BINARY, name):
        yield Fault(("type",), f"that is no name of {what}: it has no directory and no space", name)


Config = Annotated[
    dict[str, Any],
    BeforeValidator(_config),
    WithJsonSchema({"type": ["object", "string"]}),
]


class Raw(NetworkBase):
    """A CNI configuration as it is."""

    stand_ins: ClassVar[Mapping[str, Any]] = {"name": "x"}
    withheld: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("mtu", "ipam", "capabilities", "tuning", "sbr", "bandwidth", "master", "plugins"), INSIDE
    )

    type: Literal["raw"] = "raw"
    """raw."""
    config: Config
    """The CNI configuration, or list of plugins, as a mapping or as JSON text."""

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        name = self.config.get("name", self.cni_name)
        if name != self.cni_name:
            yield Fault(
                ("config", "name"),
                f"the program names it {self.cni_name}, so that no two networks share state on a "
                "node. Remove it",
                name,
            )
        for fault in self.reading.faults:
            yield Fault(
                place(self.reading, self.config, fault.path), fault.rule, fault.value, fault.absence
            )

    @cached_property
    def reading(self) -> Reading:
        """What the program understands of it."""
        return read(self.config, self.name, self.namespace, self.annotations)

    @property
    def ipam(self) -> AnyIpam | None:
        """Its IPAM, as far as it is understood."""
        return self.reading.ipam

    @property
    def network(self) -> AnyTyped | None:
        """The typed network that says the same, as far as it is understood."""
        return self.reading.network

    @property
    def plugins(self) -> tuple[str, ...]:
        """Every CNI plugin that is called for the network."""
        return tuple(name for _, name in self.types)

    @property
    def types(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The path below the network, and the name, of every plugin that is called."""
        for path, one in entries(self.config):
            yield ("config", *path, "type"), one["type"]
            if one.get("ipam"):
                yield ("config", *path, "ipam", "type"), one["ipam"]["type"]

    def body(self) -> dict[str, Any]:
        """The configuration with its version and name in front."""
        head = {"cniVersion": CNI_VERSION, "name": self.cni_name}
        return head | self.config
