"""What a preview changes about networks, in the stack file's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netaddr import IPSet

from ..adopting import network as in_stack_file
from ..cluster_tasks.attachments import Live, attached, given
from ..findings import FindingsError, dotted, shown
from ..ipam.base import Pool
from ..manifest import KIND, as_raw
from ..model import read
from ..networks import Raw
from .engine import Json, Step

ABSENT: Final = "-"
MOST_SPANS: Final = 3


@dataclass(frozen=True)
class Field:
    """A key of a network in the stack file, and its values as JSON; `-` where it is absent."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class NetworkChange:
    """What happens to one network. Addresses are in words, empty where none come or go."""

    key: str
    """`namespace/name`."""
    op: str
    fields: tuple[Field, ...] = ()
    gained: str = ""
    lost: str = ""
    pods: tuple[str, ...] = ()
    """`namespace/name` of those that have it."""
    outside: tuple[str, ...] = ()
    """Of these, with the address, those whose address the network no longer hands out."""


def is_network(step: Step) -> bool:
    return step.type.endswith(f":{KIND}")


def changed(step: Step, pods: Mapping[str, Live]) -> NetworkChange:
    """What a network's step changes. pods: as the cluster has them, by `namespace/name`."""
    meta = (step.new or step.old)["metadata"]
    key = f"{meta.get('namespace', 'default')}/{meta['name']}"
    before, after = _pools(step.old), _pools(step.new)
    had, has = _addresses(before), _addresses(after)
    have = tuple(name for name, pod in pods.items() if attached(pod)[key])
    held = [(name, ip) for name in have for network, ip in given(pods[name]) if network == key]
    outside = (f"{name} ({ip})" for name, ip in held if not any(one.hands_out(ip) for one in after))
    fields = _whole(step, len(has or had)) if not (step.old and step.new) else _fields(step)
    return NetworkChange(
        key,
        step.op,
        tuple(fields),
        _spans(has - had),
        _spans(had - has),
        have,
        tuple(outside) if after else (),
    )


def _whole(step: Step, size: int) -> Iterator[Field]:
    raw = _raw(step.new or step.old)
    kind = raw.typed.type if raw and raw.typed else "raw"
    text = f"{kind}, {size} addresses" if size else kind
    yield Field("", *((ABSENT, text) if step.new else (text, ABSENT)))


def _fields(step: Step) -> Iterator[Field]:
    pair: list[Mapping[str, Any]] = [in_stack_file(one) for one in (step.old, step.new)]
    if pair[0]["type"] != pair[1]["type"] and "raw" in (pair[0]["type"], pair[1]["type"]):
        pair = [as_raw(one) for one in (step.old, step.new)]
    old, new = (dict(_flat(one)) for one in pair)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Field(name, *(side.get(name, ABSENT) for side in (old, new)))


def _flat(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each value that stands by itself: by `ipam.ipRanges[0].range`."""
    if path == ("config",) and isinstance(value, str):
        raw = _raw({"metadata": {"name": "a"}, "spec": {"config": value}})
        value = value if raw is None else raw.config
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _flat(one, (*path, key))
    elif isinstance(value, Sequence) and any(isinstance(one, Mapping) for one in value):
        for index, one in enumerate(value):
            yield from _flat(one, (*path, index))
    else:
        yield dotted(path), shown(value)


def _raw(manifest: Json) -> Raw | None:
    try:
        return read(Raw, as_raw(manifest))
    except FindingsError:
        return None


def _pools(manifest: Json) -> tuple[Pool, ...]:
    found = _raw(manifest) if manifest else None
    return found.ipam.pools if found is not None and found.ipam is not None else ()


def _addresses(pools: Sequence[Pool]) -> IPSet:
    # In one go: a union for each pool goes through all of those before it.
    return IPSet(block for one in pools for block in one.addresses.iter_cidrs())


def _spans(addresses: IPSet) -> str:
    """`50 (192.168.20.100 to 192.168.20.149)`."""
    if not addresses:
        return ""
    spans = [(one[0], one[-1]) for one in addresses.iter_ipranges()]
    texts = [str(a) if a == b else f"{a} to {b}" for a, b in spans[:MOST_SPANS]]
    more = ", ..." if len(spans) > MOST_SPANS else ""
    return f"{addresses.size} ({', '.join(texts)}{more})"
