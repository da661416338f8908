"""Rules about raw Helm values (`multus:extraValues`), by what values.schema.json says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..chart.extra_values import Place, places
from ..chart.values import at
from ..chart.versions import number_of
from ..findings import MISSING, Path
from .configuration import Configuration
from .registry import Hit, rule

KEY: Final = "extraValues"
TEMPLATES: Final = "templates of rke2-multus v4.2.414 to v4.3.017 and of its rke2-whereabouts"
ENTRYPOINT: Final = "multus-cni 4.3.0, cmd/thin_entrypoint/main.go"


def _idle(one: Place, config: Configuration) -> str | None:
    """Why a raw value has no effect, None if it has one."""
    if one.value is None:
        return "null changes nothing here: the chart's default stays. Remove it"
    if daemon := one.schema.get("x-daemon"):
        # The daemon's own switch is the program's, and no raw value.
        if not config.ipams or daemon["ipam"] in config.ipams:
            return None
        chosen = f"the stack deploys {' and '.join(config.ipams)}"
        return f"does nothing: {chosen}, so {daemon['name']} is not deployed. Remove it"
    version, since = number_of(config.chart.version), one.schema.get("x-since")
    if since and version < number_of(since):
        return f"does nothing: the chart reads it since {since} only. Remove it"
    if (until := one.schema.get("x-until")) and version > number_of(until):
        return f"does nothing: the chart reads it up to {until} only. Remove it"
    now = {
        "always": True,
        "thick": config.get("thick_plugin", False),
        "thin": not config.get("thick_plugin", "thick_plugin" in config.faulty),
        "static": not config.get("dynamic_networks_controller", False),
    }
    reasons = one.schema.get("x-idle", {}).items()
    return next((f"does nothing: {reason}" for when, reason in reasons if now[when]), None)


def _told_apart(config: Configuration) -> Iterator[tuple[Place, str | None]]:
    """Each raw value with the reason why it has no effect; nothing below such a one."""
    idle: Path | None = None
    for one in places(config.get("extra_values", {})):
        if idle is None or one.path[: len(idle)] != idle:
            reason = _idle(one, config)
            idle = one.path if reason else None
            yield one, reason


@rule("value-without-effect")
def value_without_effect(config: Configuration) -> Iterator[Hit]:
    for one, reason in _told_apart(config):
        if reason:
            yield Hit((KEY, *one.path), reason, None if one.value is None else MISSING)


@rule("value-breaks-multus")
def value_breaks_multus(config: Configuration) -> Iterator[Hit]:
    for one, reason in _told_apart(config):
        breaks = one.schema.get("x-breaks")
        if breaks and not reason and one.value not in breaks["unless"]:
            yield Hit((KEY, *one.path), breaks["message"], one.value)


@rule("skipped-plugin")
def skipped_plugin(config: Configuration) -> Iterator[Hit]:
    path = ("cniplugins", "skipcnis")
    value = at(config.get("extra_values", {}), *path)
    if not isinstance(value, str):
        return
    skipped = value.split(",")
    needed = {plugin for one in config.networks for plugin in one.network.plugins}
    needed |= {"dhcp"} & {*config.ipams}
    for plugin in sorted(needed & {*skipped}):
        message = f"the stack's networks need {plugin}, which then is not installed. Take it out"
        yield Hit((KEY, *path), message, value)
    if "flannel" not in skipped:
        message = "the chart then replaces the cluster's own flannel plugin"
        yield Hit((KEY, *path), message, value, 'Write "flannel" in front')


@rule("image-reference")
def image_reference(config: Configuration) -> Iterator[Hit]:
    extra, registry = config.get("extra_values", {}), config.get("registry")
    for path, repository in ((one.path, one.value) for one in places(extra)):
        if path[-1] != "repository" or not isinstance(repository, str):
            continue
        tag, host = str(at(extra, *path[:-1], "tag")), repository.partition("/")[0]
        if repository.endswith("@sha256") and not re.fullmatch(r"[0-9a-f]{64}", tag):
            message = "the 64 digits of the digest are needed as the tag"
            yield Hit((KEY, *path), message, repository)
        elif registry and (repository.startswith(f"{registry}/") or ":" in host):
            message = "the chart puts multus:registry in front. Leave the registry out here"
            yield Hit((KEY, *path), message, repository)


@rule("name-taken")
def name_taken(config: Configuration) -> Iterator[Hit]:
    seen: set[str] = set()
    for one in places(config.get("extra_values", {})):
        if "x-taken" in one.schema and isinstance(one.value, str):
            if one.value in one.schema["x-taken"] or one.value in seen:
                yield Hit((KEY, *one.path), "another one has that name", one.value)
            seen.add(one.value)
