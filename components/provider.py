"""The component for programs in any of Pulumi's languages: a provider that constructs it.

Pulumi's own host for Python components infers types from annotations and knows no unions; the
kinds of networks and IPAM are such. `package.py` has the schema that says them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pulumi
from pulumi.errors import InputPropertiesError, InputPropertyErrorDetails
from pulumi.provider import ConstructResult, Provider
from pulumi.provider import main as serve
from pydantic.alias_generators import to_camel

from .access import Access
from .args import MultusArgs
from .findings import FindingsError, dotted
from .model import read
from .multus import OUTPUTS, TYPE, MultusComponent
from .package import ACCESS, schema


class MultusProvider(Provider):
    """Serves the package's schema, and makes the component in the caller's program."""

    def __init__(self) -> None:
        number = version("multus-k3s")
        super().__init__(number, json.dumps(schema(TYPE, number)))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Raises InputPropertiesError with what cannot be read, and as the component does."""
        if resource_type != TYPE:
            raise pulumi.RunError(f"there is no {resource_type} in this package, but {TYPE}")
        given = {key: _whole(value) for key, value in inputs.items() if value is not None}
        reach = {key: given.pop(key) for key in ACCESS if key in given}
        try:
            args = read(MultusArgs, given)
        except FindingsError as error:
            reasons: list[InputPropertyErrorDetails] = [
                {"property_path": dotted(one.path), "reason": one.sentence}
                for one in error.findings
            ]
            raise InputPropertiesError("Nothing was changed", reasons) from None
        made = MultusComponent(name, args, access=Access(**reach) if reach else None, opts=options)
        return ConstructResult(made.urn, {to_camel(one): getattr(made, one) for one in OUTPUTS})


def _whole(value: Any) -> Any:
    """With whole numbers as such: the engine's protocol has none but floats."""
    if isinstance(value, Mapping):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [*map(_whole, value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def main() -> None:
    """What Pulumi starts; it says the port on standard output."""
    serve(MultusProvider(), sys.argv[1:])
