"""Labels and annotations of a network, as the API server takes them.

Rules of Kubernetes' `ValidateLabels` and `ValidateAnnotations` (apimachinery v0.34): the keys are
qualified names, a label's value is short, and all annotations together hold 256 KiB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from components.faults import Fault, FaultsError, needs_quotes
from components.values.resources import A_LABEL, LABEL, QUALIFIED

RESOURCE_NAME: Final = "k8s.v1.cni.cncf.io/resourceName"
LONGEST_PREFIX: Final = 253
MOST_BYTES: Final = 256 * 1024

Check = Callable[[Any], Any]


def is_qualified(key: str) -> bool:
    return bool(re.fullmatch(QUALIFIED, key)) and len(key.rpartition("/")[0]) <= LONGEST_PREFIX


def _faults(found: Mapping[Any, Any], value: str, rule: str) -> Iterator[Fault]:
    for key, text in found.items():
        if not isinstance(key, str) or not is_qualified(key):
            yield Fault(
                (str(key),), "is no such name: it is like example.com/name, with 63 letters"
            )
        elif not isinstance(text, str):
            yield Fault((key,), needs_quotes(text), text)
        elif not re.fullmatch(value, text):
            yield Fault((key,), rule, text)
    size = sum(len(str(part).encode(errors="replace")) for pair in found.items() for part in pair)
    if size > MOST_BYTES:
        yield Fault((), f"hold {size} bytes together, and Kubernetes takes {MOST_BYTES}")


def _texts(value: str, rule: str) -> Check:
    def check(found: Any) -> Any:
        if isinstance(found, Mapping) and (faults := list(_faults(found, value, rule))):
            raise FaultsError(faults)
        return found

    return check


def _schema(value: Mapping[str, Any]) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{QUALIFIED}$"},
            "additionalProperties": {"type": "string", **value},
        }
    )


Labels = Annotated[
    dict[str, str],
    BeforeValidator(_texts(LABEL, A_LABEL)),
    _schema({"pattern": f"^{LABEL}$"}),
]
Annotations = Annotated[
    dict[str, str],
    BeforeValidator(_texts(r"[^\ud800-\udfff]*", "that is no text in Unicode")),
    _schema({}),
]
