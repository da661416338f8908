"""raw: a CNI configuration as it is, for plugins and fields that no other type offers.

It is held to the form that libcni 1.3 and Multus 4.3 read. JSON text is passed on to the letter; a
mapping is written as JSON, with its version and name in front. What the program knows of its
plugins it reads with the models of the typed kinds, so that the same rules look at both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import SkipValidation

from ..fields import Checked
from ..findings import Finding, Path, invalid, needs_quotes, refuse, repeated, shown
from ..ipam import Ipam
from ..plain import malformed
from .base import CNI_VERSION, OF_RANGES, Network, TypedNetwork
from .reading import Reading, entries, plain, read_plugins

VERSIONS: Final = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
LONGEST: Final = 256 * 1024  # the API server takes an object of some 1.5 MiB
INSIDE: Final = "it stands inside config"


class _Parsed(dict[str, Any]):
    """A JSON object, with the keys that stand in it twice. As in Go the last one counts."""

    text = ""
    """What it was read from; of the outermost object alone."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.doubled = [keys[index] for index, _ in repeated(keys)]


def doubled(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where keys stand that JSON text has twice."""
    yield from ((*path, key) for key in getattr(value, "doubled", ()))
    inner = value.items() if isinstance(value, Mapping) else enumerate(value)
    for step, one in inner:
        if isinstance(one, Mapping | list):
            yield from doubled(one, (*path, step))


def _config(value: Any) -> Any:
    """A mapping, or JSON text of one, whose form libcni and Multus can read."""
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        raise invalid("a CNI configuration is a mapping, with a type or plugins", value)
    refuse(malformed(value))
    text = json.dumps(value, default=dict)
    if len(text) > LONGEST:
        raise invalid("holds more than 256 KiB. No plugin needs that much")
    # Tuples and other mappings, which Python has, are as lists and dicts.
    found = value if isinstance(value, _Parsed) else json.loads(text)
    refuse(_form(found))
    return found


def _parsed(text: str) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=_Parsed)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deep"
        if isinstance(error, json.JSONDecodeError):
            rest = text[error.pos :].strip()[:20]
            why = f"{error.msg[:1].lower()}{error.msg[1:]} at {shown(rest) if rest else 'its end'}"
        raise invalid(f"that is no JSON: {why}", text) from error
    if isinstance(found, _Parsed):
        found.text = text
    return found


def _form(config: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _head(config)
    if "plugins" not in config:
        yield from _plugin_form(config)
        return
    plugins = config["plugins"]
    for key in ("type", "ipam"):
        if key in config:
            yield Finding((key,), "stands beside plugins. Put it into the first of them")
    if not isinstance(plugins, list) or not plugins:
        message = "a list of plugins is needed here, each a mapping with its type"
        yield Finding(("plugins",), message, plugins)
        return
    for index, one in enumerate(plugins):
        found = [Finding((), "a plugin is a mapping with its type", one)]
        for fault in _plugin_form(one) if isinstance(one, Mapping) else found:
            yield fault.under("plugins", index)


def _head(config: Mapping[str, Any]) -> Iterator[Finding]:
    version = config.get("cniVersion", CNI_VERSION)
    if not isinstance(version, str):
        yield Finding(("cniVersion",), needs_quotes(version), version)
    elif version not in VERSIONS:
        message = f"the plugins know {', '.join(VERSIONS)}. Write 1.0.0"
        yield Finding(("cniVersion",), message, version)
    name = config.get("name", "")
    if not isinstance(name, str):
        yield Finding(("name",), needs_quotes(name), name)
    elif name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):  # ValidateNetworkName
        message = "CNI takes letters and digits, and after the first also -, _ and ."
        yield Finding(("name",), message, name)
    for key in ("disableCheck", "disableGC"):
        if not isinstance(config.get(key, False), bool):
            yield Finding((key,), "this is either true or false, without quotes", config[key])


def _plugin_form(written: Mapping[str, Any]) -> Iterator[Finding]:
    plugin = plain(written)
    yield from _type_form(plugin, "a CNI plugin")
    ipam, wishes = plugin.get("ipam"), plugin.get("capabilities")
    if ipam is not None and not isinstance(ipam, Mapping):
        yield Finding(("ipam",), "CNI reads a mapping here", ipam)
    elif ipam and ipam.get("type"):
        yield from (one.under("ipam") for one in _type_form(ipam, "an IPAM plugin"))
    if wishes is not None and (
        not isinstance(wishes, Mapping) or not all(isinstance(on, bool) for on in wishes.values())
    ):
        message = "CNI reads a mapping here, such as {ips: true}"
        yield Finding(("capabilities",), message, wishes)


def _type_form(plugin: Mapping[str, Any], what: str) -> Iterator[Finding]:
    name = plugin.get("type")
    if name is None:
        yield Finding(("type",), f"is missing: the name of {what}")
    elif not isinstance(name, str):
        yield Finding(("type",), needs_quotes(name), name)
    elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        message = f"that is no name of {what}: it has no directory and no space"
        yield Finding(("type",), message, name)


class Raw(Network):
    """A CNI configuration as it is."""

    example: ClassVar[Mapping[str, Any]] = {
        "name": "cable",
        "type": "raw",
        "config": {"type": "ptp", "ipam": {"type": "whereabouts", "range": "192.168.90.0/24"}},
    }
    hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            *("mtu", "ipam", "capabilities", "tuning", "sbr", "bandwidth", "master", "plugins"),
            *OF_RANGES,
        ),
        INSIDE,
    )
    type: Literal["raw"] = "raw"
    """Which kind it is."""
    config: Annotated[
        dict[str, Any], SkipValidation, Checked(_config, {"type": ["object", "string"]})
    ]
    """The CNI configuration, or list of plugins, as a mapping or as JSON text."""

    @property
    def cni_name(self) -> str:
        """The owner's own where he gave one.

        To text without one Multus gives the network's name (`GetCNIConfigFromSpec` in pkg/utils of
        network-attachment-definition-client).
        """
        return str(self.config.get("name") or (self.name if self.written else super().cni_name))

    @property
    def written(self) -> str:
        """The JSON text that it was read from, which is passed on; empty for a mapping."""
        found: str = getattr(self.config, "text", "")
        return found

    @cached_property
    def reading(self) -> Reading:
        """What the program understands of it."""
        return read_plugins(self)

    @property
    def typed(self) -> TypedNetwork | None:
        """The typed network that says the same, as far as it is understood."""
        return self.reading.network

    @property
    def ipam(self) -> Ipam | None:
        """Its IPAM, as far as it is understood."""
        return self.reading.ipam

    @property
    def calls(self) -> Iterator[tuple[Path, str]]:
        for path, one in entries(self.config):
            yield ("config", *path, "type"), one["type"]
            if (one.get("ipam") or {}).get("type"):
                yield ("config", *path, "ipam", "type"), one["ipam"]["type"]

    def place(self, path: Path) -> Path:
        """Where in the configuration stands what a path in our names is about."""
        return self.reading.place(path)

    def body(self) -> dict[str, Any]:
        """The configuration with its version and name in front."""
        return {"cniVersion": CNI_VERSION, "name": self.cni_name} | self.config

    def render(self) -> str:
        return self.written or super().render()
