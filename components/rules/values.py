"""Rules about raw Helm values (`multus:extraValues`), by what values.schema.json says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..chart.extra_values import Schema, places
from ..chart.values import at
from ..chart.versions import VERSIONS
from ..findings import MISSING, Path
from .configuration import Configuration
from .registry import Hit, rule

KEY: Final = "extraValues"


def conditions(config: Configuration) -> set[str]:
    """Which conditions hold of those under which a value has no effect (`x-idle`)."""
    found = {"always"}
    if config.ipams:
        found |= {f"without {ipam}" for ipam in {"dhcp", "whereabouts"} - {*config.ipams}}
    if not config.get("dynamic_networks_controller"):
        found.add("static")
    if "thick_plugin" not in config.faulty:
        found.add("thick" if config.get("thick_plugin") else "thin")
    versions = [*VERSIONS]
    ours = versions.index(config.chart.version)
    found |= {f"after {older}" for older in versions[:ours]}
    return found | {f"before {newer}" for newer in versions[ours + 1 :]}


def without_effect(idle: Mapping[str, str], config: Configuration) -> str:
    """Why something has no effect, by reasons for conditions; empty where it has one."""
    reasons = [idle[when] for when in idle if when in conditions(config)]
    return f"does nothing: {reasons[0]}" if reasons else ""


def _told_apart(config: Configuration) -> Iterator[tuple[Path, Any, Schema, str]]:
    """Each raw value with why it has no effect, if it has none; nothing below such a one."""
    done: Path = ("",)
    for path, value, schema in places(config.get("extra_values")):
        if path[: len(done)] != done:
            idle = without_effect(schema.get("x-idle", {}), config)
            if value is None:
                idle = "null changes nothing here: the chart's default stays. Remove it"
            done = path if idle else done
            yield path, value, schema, idle


@rule("value-without-effect")
def value_without_effect(config: Configuration) -> Iterator[Hit]:
    for path, value, _, idle in _told_apart(config):
        if idle:
            yield Hit((KEY, *path), idle, None if value is None else MISSING)


@rule("value-breaks-multus")
def value_breaks_multus(config: Configuration) -> Iterator[Hit]:
    for path, value, schema, idle in _told_apart(config):
        breaks = schema.get("x-breaks")
        if breaks and not idle and value not in breaks["unless"]:
            yield Hit((KEY, *path), breaks["message"], value)


@rule("skipped-plugin")
def skipped_plugin(config: Configuration) -> Iterator[Hit]:
    path = (KEY, "cniplugins", "skipcnis")
    value = at(config.get("extra_values"), "cniplugins.skipcnis")
    if value is None:
        return
    skipped = value.split(",")
    needed = {plugin for one in config.networks for plugin in one.network.plugins}
    for plugin in sorted((needed | {"dhcp"} & {*config.ipams}) & {*skipped}):
        message = f"the stack's networks need {plugin}, which then is not installed. Take it out"
        yield Hit(path, message, value)
    if "flannel" not in skipped:
        message = "the chart then replaces the cluster's own flannel plugin"
        yield Hit(path, message, value, 'Write "flannel" in front')


@rule("image-reference")
def image_reference(config: Configuration) -> Iterator[Hit]:
    extra, registry = config.get("extra_values"), config.get("registry")
    for path, value, _ in places(extra):
        if path[-1] != "repository" or value is None:
            continue
        tag = str(at(extra, ".".join([*map(str, path[:-1]), "tag"])))
        if value.endswith("@sha256") and not re.fullmatch("[0-9a-f]{64}", tag):
            yield Hit((KEY, *path), "the 64 digits of the digest are needed as the tag", value)
        elif registry and (value.startswith(f"{registry}/") or ":" in value.partition("/")[0]):
            message = "the chart puts multus:registry in front. Leave the registry out here"
            yield Hit((KEY, *path), message, value)


@rule("name-taken")
def name_taken(config: Configuration) -> Iterator[Hit]:
    seen: set[str] = set()
    for path, value, schema in places(config.get("extra_values")):
        if value is not None and (taken := schema.get("x-taken")):
            if value in taken or value in seen:
                yield Hit((KEY, *path), "another one has that name", value)
            seen.add(value)
