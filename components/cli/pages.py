"""Pages of the documentation that are made from the code: docs/rules.md and docs/networks.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ..model import Model, read
from ..networks import KINDS, Network, TypedNetwork
from ..rules.registry import Rule, catalog
from ..wording import descriptions

LINKS: Final[tuple[Mapping[str, Any], ...]] = (
    {"name": "left", "type": "macvlan", "master": "eth6"},
    {"name": "right", "type": "macvlan", "master": "eth7"},
)


def rules_page() -> str:
    """docs/rules.md."""
    return _page(
        "rules.md",
        rules=("\n".join(rule_entry(catalog()[name])) + "\n" for name in sorted(catalog())),
    )


def rule_entry(rule: Rule) -> Iterator[str]:
    """The lines about a rule."""
    of = "the live cluster" if rule.needs else f"the {rule.scope}"
    if rule.deploys == "networks":
        of += ", with multus:deploy: networks"
    yield f"## {rule.name}\n"
    yield f"{str(rule.severity).capitalize()}, about {of}. {rule.summary}\n"
    if rule.remedy:
        yield f"- What to do: {rule.remedy.rstrip('.')}."
    yield f"- Evidence: {rule.evidence.rstrip('.')}."


def kinds_page() -> str:
    """docs/networks.md."""
    return _page(
        "networks.md",
        table=_table(),
        examples=(_entry(one) for one in _examples()),
    )


def kind_entry(name: str) -> str:
    """What `multus-k3s kinds NAME` says: the kind, its fields and an example."""
    kind = KINDS[name]
    return f"{name}: {kinds()[name]}\n\n{_fields(kind)}\n\n{_entry(_example(kind))}"


def _page(template: str, **parts: Iterable[str]) -> str:
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    for name, lines in parts.items():
        text = text.replace(f"{{{name}}}", "\n".join(lines))
    return text.rstrip() + "\n"


def kinds() -> dict[str, str]:
    """What each kind is, in a sentence or two."""
    return {name: " ".join((inspect.getdoc(kind) or "").split()) for name, kind in KINDS.items()}


def _table() -> Iterator[str]:
    yield "| type | what it is | pods on a node | without addresses |"
    yield "| --- | --- | --- | --- |"
    for name, about in kinds().items():
        kind = KINDS[name]
        made = read(kind, _example(kind))
        room = "one" if isinstance(made, TypedNetwork) and made.one_per_node else "any number"
        bare = "no" if getattr(kind, "needs_ipam", False) else "yes"
        yield f"| `{name}` | {about} | {room} | {bare} |"


def _example(kind: type[Network]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(kind, "example", {})
    return found


def _examples() -> Iterator[Mapping[str, Any]]:
    """An example of each kind; those of a bond's links stand before it."""
    for name in KINDS:
        yield from LINKS if name == "bond" else ()
        yield _example(KINDS[name])


def _entry(network: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(dict(network), sort_keys=False, default_flow_style=None, width=90)
    return "    - " + text.rstrip().replace("\n", "\n      ")


def _fields(model: type[Model]) -> str:
    texts = descriptions(model)
    return "\n".join(
        f"- `{field.validation_alias}`{' (required)' * field.is_required()}: {texts[name]}"
        for name, field in model.model_fields.items()
    )
