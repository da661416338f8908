"""What a rendered chart amounts to: the facts that decide what runs on a node.

The same function distils what the published charts render (into `facts.json`) and what the
stand-ins render, so that the two can be compared whatever their templates look like. Left out, on
purpose: order of keys, documentation inside CRD schemas, the value of checksum annotations (it
hashes template text), and image tags, which have a table of their own (`image_tags`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Json = Any
"""Anything that JSON can hold."""

Facts = dict[str, Json]
"""One object's facts."""

NULL = "(null)"
"""A key that is rendered with no value, which is not the same as no key."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class UnknownKindError(ValueError):
    """A rendered object of a kind whose facts nobody has described yet."""


def distil(documents: Iterable[Mapping[str, Json]], chart_version: str) -> dict[str, Facts]:
    """Facts by object (`Kind namespace/name`); the chart's own version reads VERSION.

    The version is replaced because it is part of a ConfigMap's name, and facts of versions that
    differ in nothing else should be equal.
    """
    facts: dict[str, Facts] = {}
    for document in documents:
        general = _without_version(document, chart_version)
        metadata = general["metadata"]
        place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
        key = f"{general['kind']} {place}{metadata['name']}"
        facts[key] = _object(general)
    return facts


def image_tags(documents: Iterable[Mapping[str, Json]]) -> dict[str, str]:
    """Image tag by repository, over every container."""
    tags: dict[str, str] = {}
    for document in documents:
        pod = document.get("spec", {}).get("template", {}).get("spec", {})
        for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
            repository, _, tag = container["image"].rpartition(":")
            tags[repository] = tag
    return tags


def differences(expected: Json, actual: Json, where: str = "") -> list[str]:
    """One line for each difference, naming its place; empty when both are equal."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            line
            for key in sorted(expected.keys() | actual.keys())
            for line in differences(
                expected.get(key, "nothing"), actual.get(key, "nothing"), f"{where} > {key}"
            )
        ]
    if expected == actual:
        return []
    place = where.removeprefix(" > ")
    return [f"{place}: the published chart has {_show(expected)}, this one has {_show(actual)}"]


def _show(value: Json) -> str:
    return value if value == "nothing" else json.dumps(value, sort_keys=True)


def _without_version(value: Json, version: str) -> Json:
    if isinstance(value, dict):
        return {key: _without_version(item, version) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_version(item, version) for item in value]
    return value.replace(version, "VERSION") if isinstance(value, str) else value


def _object(document: Mapping[str, Json]) -> Facts:
    kind = document["kind"]
    if kind not in _KINDS:
        raise UnknownKindError(
            f"no facts are known of a {kind}: say in testbed/charts/facts.py which of its fields "
            "decide what runs"
        )
    metadata = document["metadata"]
    return _present(
        {
            "apiVersion": document["apiVersion"],
            "labels": metadata.get("labels"),
            "annotations": _annotations(metadata),
            **_KINDS[kind](document),
        }
    )


def _present(facts: Mapping[str, Json]) -> Facts:
    """Without what is absent or empty, so that `affinity: {}` and no affinity are the same."""
    return {key: value for key, value in facts.items() if value not in (None, {}, [], "")}


def _annotations(metadata: Mapping[str, Json]) -> Facts:
    return {
        key: "(sha256)" if _DIGEST.fullmatch(value) else value
        for key, value in (metadata.get("annotations") or {}).items()
        if key != "kubernetes.io/description"
    }


def _workload(document: Mapping[str, Json]) -> Facts:
    spec = document["spec"]
    template = spec["template"]
    pod = template["spec"]
    plain = (
        "hostNetwork",
        "hostPID",
        "priorityClassName",
        "serviceAccountName",
        "nodeSelector",
        "tolerations",
        "affinity",
        "imagePullSecrets",
        "securityContext",
    )
    return {
        "replicas": spec.get("replicas"),
        "selector": spec["selector"]["matchLabels"],
        "updateStrategy": spec.get("updateStrategy"),
        "podLabels": template["metadata"]["labels"],
        "podAnnotations": _annotations(template["metadata"]),
        **{name: pod.get(name) for name in plain},
        "initContainers": _containers(pod.get("initContainers", [])),
        "containers": _containers(pod["containers"]),
        "volumes": {
            volume["name"]: _present({key: volume.get(key) for key in ("hostPath", "configMap")})
            for volume in pod.get("volumes", [])
        },
    }


def _containers(containers: Sequence[Mapping[str, Json]]) -> Facts:
    return {container["name"]: _container(container) for container in containers}


def _container(container: Mapping[str, Json]) -> Facts:
    facts = {
        "image": container["image"].rpartition(":")[0],
        "imagePullPolicy": container.get("imagePullPolicy"),
        "command": container.get("command"),
        "args": [_trimmed(argument) for argument in container.get("args", [])],
        "env": {entry["name"]: _environment(entry) for entry in container.get("env", [])},
        "mounts": sorted(
            (dict(mount) for mount in container.get("volumeMounts", [])),
            key=lambda mount: str(mount["mountPath"]),
        ),
        "privileged": container.get("securityContext", {}).get("privileged"),
    }
    if "resources" in container:
        facts["resources"] = NULL if container["resources"] is None else container["resources"]
    return _present(facts)


def _trimmed(argument: str) -> str:
    """A script's lines without trailing blanks, which no shell sees."""
    return "\n".join(line.rstrip() for line in argument.splitlines())


def _environment(entry: Mapping[str, Json]) -> str:
    if "valueFrom" in entry:
        return f"field {entry['valueFrom']['fieldRef']['fieldPath']}"
    value = entry.get("value")
    return NULL if value is None else str(value)


def _custom_resource_definition(document: Mapping[str, Json]) -> Facts:
    spec = document["spec"]
    return {
        "group": spec["group"],
        "scope": spec["scope"],
        "names": spec["names"],
        "versions": {version["name"]: _undescribed(version) for version in spec["versions"]},
    }


def _undescribed(schema: Json) -> Json:
    """A schema's structure: what the API server prunes and requires, without the prose."""
    if isinstance(schema, dict):
        return {
            key: _undescribed(item)
            for key, item in schema.items()
            if not (key == "description" and isinstance(item, str))
        }
    return schema


def _config_map(document: Mapping[str, Json]) -> Facts:
    return {"data": {key: _parsed(value) for key, value in document["data"].items()}}


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _cluster_role(document: Mapping[str, Json]) -> Facts:
    parts = ("apiGroups", "resources", "verbs")
    return {"rules": sorted([sorted(rule[part]) for part in parts] for rule in document["rules"])}


def _cluster_role_binding(document: Mapping[str, Json]) -> Facts:
    return {"roleRef": document["roleRef"], "subjects": document["subjects"]}


_KINDS: Mapping[str, Callable[[Mapping[str, Json]], Facts]] = {
    "ClusterRole": _cluster_role,
    "ClusterRoleBinding": _cluster_role_binding,
    "ConfigMap": _config_map,
    "CustomResourceDefinition": _custom_resource_definition,
    "DaemonSet": _workload,
    "Deployment": _workload,
    "ServiceAccount": lambda _document: {},
}
