"""The schema of the Pulumi package, from which other languages have their types.

It is made from the models that check a stack, as `cli/schema.py` makes that of stack files:
https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .args import MultusArgs

Json = dict[str, Any]
NAME: Final = "multus"
ANY: Final = {"$ref": "pulumi.json#/Any"}
# What says which of several models an object is.
TAGS: Final = ("type", "distribution")
LANGUAGES: Final = ("nodejs", "python", "go", "csharp")
ACCESS: Final[Mapping[str, Json]] = {
    "kubeconfig": {
        "type": "string",
        "secret": True,
        "description": "Content or path of a kubeconfig; kubectl's own where it is left out.",
    },
    "context": {
        "type": "string",
        "description": "Context of the kubeconfig; its current one where it is left out.",
    },
}
OUTPUTS: Final[Mapping[str, Json]] = {
    "releaseName": {"type": "string", "description": "Name of the main Helm release."},
    "chartVersion": {"type": "string", "description": "Version of rke2-multus."},
    "networks": {
        "type": "object",
        "additionalProperties": ANY,
        "description": "By namespace/name: annotation for pods, ipam, capacity in addresses.",
    },
    "values": {
        "type": "object",
        "additionalProperties": ANY,
        "description": "The Helm values of the main release.",
    },
    "images": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Every image that the nodes pull for it.",
    },
}


def schema(token: str, version: str) -> Json:
    """The package's schema; token: the type of the component."""
    model = MultusArgs.model_json_schema(mode="validation", by_alias=True)
    models = model["$defs"]
    made = {
        "isComponent": True,
        "description": "Multus, the IPAM plugin and the networks on a cluster.",
        "inputProperties": {**_properties(model, models), **ACCESS},
        "requiredInputs": model["required"],
        "properties": dict(OUTPUTS),
        "required": ["images", "networks", "values"],
    }
    return {
        "name": NAME,
        "displayName": "Multus on K3s",
        "version": version,
        "description": "Pods with several networks on K3s, checked before anything changes.",
        "keywords": ["category/infrastructure", "kind/component", "multus", "k3s"],
        "resources": {token: made},
        "types": {f"{NAME}:index:{name}": _object(one, models) for name, one in models.items()},
        "language": {name: {"respectSchemaVersion": True} for name in LANGUAGES},
    }


def _object(model: Json, models: Json) -> Json:
    described = {"description": model["description"]} if "description" in model else {}
    tags = [one for one in TAGS if "const" in model["properties"].get(one, {})]
    return {
        "type": "object",
        **described,
        "properties": _properties(model, models),
        "required": sorted({*model.get("required", ()), *tags}),
    }


def _properties(model: Json, models: Json) -> Json:
    """Plain, all of them: what a release is made from is known at preview."""
    found = {}
    for name, one in model.get("properties", {}).items():
        described = {"description": one["description"]} if "description" in one else {}
        found[name] = {**_type(one, models), **described, "plain": True}
        if name in TAGS and "const" in one:
            found[name]["const"] = one["const"]
    return found


def _type(node: Any, models: Json) -> Json:
    if not isinstance(node, dict):
        return ANY
    if "$ref" in node:
        return {"$ref": f"#/types/{NAME}:index:{node['$ref'].rpartition('/')[2]}", "plain": True}
    if several := node.get("oneOf") or node.get("anyOf"):
        return _one_of([one for one in several if one.get("type") != "null"], models)
    match node.get("type"):
        case "array":
            return {"type": "array", "items": _type(node.get("items"), models)}
        case "object":
            return {
                "type": "object",
                "additionalProperties": _type(node.get("additionalProperties"), models),
            }
        case "string" | "integer" | "number" | "boolean" as kind:
            return {"type": kind}
    return ANY


def _one_of(several: list[Json], models: Json) -> Json:
    kinds = list({str(one): one for one in (_type(one, models) for one in several)}.values())
    if len(kinds) == 1:
        return kinds[0]
    if not all(one.get("$ref", "").startswith("#/types/") for one in kinds):
        return ANY
    names = [one["$ref"].rpartition(":")[2] for one in kinds]
    tag = next(one for one in TAGS if "const" in models[names[0]]["properties"].get(one, {}))
    by_tag = {
        models[name]["properties"][tag]["const"]: f"#/types/{NAME}:index:{name}" for name in names
    }
    return {"oneOf": kinds, "discriminator": {"propertyName": tag, "mapping": by_tag}}
