"""What a raw Helm value of each kind must look like, for the chart and for the API server.

The kinds are those of `known.json`. A check yields faults relative to the value; their
rules never quote a value, for raw values may be secret. Facts are of Kubernetes' validation of
pods (v1.34), of Multus 4.3.0's `thin_entrypoint` and of how the templates quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

import yaml

from components.faults import Fault, did_you_mean
from components.model import Model
from components.values import affinity, pods
from components.values.resources import (
    A_LABEL,
    A_MAPPING,
    LABEL,
    NAME,
    QUALIFIED,
    resources,
    unknown,
)

Check = Callable[[Any], Iterator[Fault]]

A_LIST: Final = 'the chart reads a list here, each entry on its own line after "- "'
A_BOOLEAN: Final = "this is either true or false, without quotes"

TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?"
_COMPONENT: Final = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
# `domain` in distribution's reference grammar. A first part without a dot or a port is no host but
# a folder of Docker Hub, except localhost (`splitDockerDomain` in normalize.go).
_PART: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = (
    r":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_HOST: Final = (
    rf"({_PART}(\.{_PART})+({_PORT})?|{_PART}{_PORT}|localhost|\[[0-9a-fA-F:]{{2,39}}\]({_PORT})?)"
)
# `…@sha256` with 64 digits as the tag is how a chart of `repository:tag` takes a digest.
REPOSITORY: Final = rf"({_HOST}/)?{_COMPONENT}(/{_COMPONENT})*(@sha256)?"
SOME_REGISTRY: Final = rf"(?=.{{1,180}}$){_HOST}(/{_COMPONENT})*"
REGISTRY: Final = rf"({SOME_REGISTRY})?"
REGISTRY_RULE: Final = (
    "a registry is a host with a dot or a port (a bare word is a folder of Docker Hub), without "
    'https:// and without / at its end, like "a.lan:5000"'
)
# Templates put these between double quotes, where a quote or backslash would end or change them.
PATH: Final = r"(/[^\"\\\s]*)?"


def no_text(value: Any) -> str | None:
    """Why that is no text, or None if it is one."""
    if isinstance(value, str):
        return None
    if isinstance(value, bool):
        return "YAML read it as true or false. Write it in quotes"
    if isinstance(value, int | float):
        return "YAML read it as a number. Write it in quotes"
    return "the chart reads a text here"


def _text(pattern: str, rule: str) -> Check:
    def check(value: Any) -> Iterator[Fault]:
        if reason := no_text(value):
            yield Fault((), reason, value)
        elif not re.fullmatch(pattern, value):
            yield Fault((), rule, value)

    return check


def _one_of(*words: str, empty: bool = False, fold: bool = False) -> Check:
    def check(value: Any) -> Iterator[Fault]:
        if reason := no_text(value):
            yield Fault((), reason, value)
        elif (value.lower() if fold else value) not in ((*words, "") if empty else words):
            hint = did_you_mean(value, words) if get_close_matches(value, words) else ""
            yield Fault((), f"it must be one of {', '.join(words)}. {hint}".strip(), value)

    return check


def _boolean(value: Any) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield Fault((), A_BOOLEAN, value)


def _name(value: Any) -> Iterator[Fault]:
    if reason := no_text(value):
        yield Fault((), reason, value)
    elif not re.fullmatch(NAME, value) or len(value) > 253:
        yield Fault((), "a name has lower case letters, digits, - and . only", value)
    elif not _yaml_text(value):
        yield Fault((), "the chart writes it without quotes, and it is no text then", value)


def _yaml_text(value: str) -> bool:
    """Whether YAML reads an unquoted name as a text; Helm's YAML knows y, n and 1e3 as well."""
    if re.fullmatch(r"[yn]|[0-9]+(\.[0-9]*)?(e[0-9]+)?|0[box][0-9a-f]+", value):
        return False
    try:
        return isinstance(yaml.safe_load(value), str)
    except (yaml.YAMLError, ValueError):  # the latter: 2024-13-45 is no date
        return False


def _texts(key: str, value: str, rule: str) -> Check:
    """A mapping whose keys are qualified names and whose values have a form."""

    def check(found: Any) -> Iterator[Fault]:
        if not isinstance(found, Mapping):
            yield Fault((), A_MAPPING, found)
            return
        for name, text in found.items():
            if (
                not isinstance(name, str)
                or not re.fullmatch(key, name)
                or len(name.rpartition("/")[0]) > 253
            ):
                unknown_name = "is no such name: it is like example.com/name, with 63 letters"
                yield Fault((str(name),), unknown_name)
            elif reason := no_text(text):
                yield Fault((name,), reason, text)
            elif not re.fullmatch(value, text):
                yield Fault((name,), rule, text)

    return check


def _entries(check: Callable[[Mapping[str, Any]], Iterator[Fault]], example: str) -> Check:
    def checked(value: Any) -> Iterator[Fault]:
        if not isinstance(value, list | tuple):
            yield Fault((), A_LIST, value)
            return
        for index, entry in enumerate(value):
            if isinstance(entry, Mapping):
                yield from (fault.under(index) for fault in check(entry))
            else:
                yield Fault((index,), f"an entry is a mapping, like {example}", entry)

    return checked


def _pull_secret(entry: Mapping[str, Any]) -> Iterator[Fault]:
    yield from unknown(entry, ("name",), "a pull secret")
    if "name" not in entry:
        yield Fault(("name",), "is missing: the name of a Secret")
    else:
        yield from (fault.under("name") for fault in _secret_name(entry["name"]))


_secret_name: Final = _text(NAME, "a name has lower case letters, digits, - and . only")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _toleration(entry: Mapping[str, Any]) -> Iterator[Fault]:
    known = ("key", "operator", "value", "effect", "tolerationSeconds")
    yield from unknown(entry, known, "a toleration")
    operator, effect = entry.get("operator", "Equal"), entry.get("effect", "")
    for key, check in _TOLERATION.items():
        if key in entry:
            yield from (fault.under(key) for fault in check(entry[key]))
    if operator == "Exists" and entry.get("value"):
        yield Fault(("value",), "does nothing beside operator Exists, and Kubernetes refuses it")
    if operator in ("Equal", "") and not entry.get("key"):
        yield Fault((), "without a key the operator must be Exists", entry)
    seconds = entry.get("tolerationSeconds")
    if seconds is not None and (not isinstance(seconds, int) or isinstance(seconds, bool)):
        yield Fault(("tolerationSeconds",), "a whole number is needed here", seconds)
    elif seconds is not None and effect != "NoExecute":
        yield Fault(("tolerationSeconds",), "Kubernetes takes it beside NoExecute only", seconds)


_TOLERATION: Final[Mapping[str, Check]] = {
    "key": _text(f"({QUALIFIED})?", "a taint's key is like example.com/name"),
    "operator": _one_of("Exists", "Equal", empty=True),
    "value": _text(LABEL, "a taint's value has at most 63 letters, digits, -, _ and ."),
    "effect": _one_of(*_EFFECTS, empty=True),
}


def _typed(model: type[Model]) -> Check:
    return lambda value: iter(pods.faults(model, value))


def _update_strategy(value: Any) -> Iterator[Fault]:
    if value == "OnDelete":
        rule = "pods of the old version would stay, and the wait for new ones fails. Leave it out"
        yield Fault((), rule, value)
    else:
        yield from _one_of("RollingUpdate")(value)


KINDS: Final[Mapping[str, Check]] = {
    "affinity": _typed(affinity.Affinity),
    "annotations": _texts(QUALIFIED, r"(?s).*", ""),
    "boolean": _boolean,
    "fileName": _text(
        r"((?!00-multus\.conf)[A-Za-z0-9_][A-Za-z0-9._-]*)?",
        "the name of a file in the cluster's confDir is needed, like 10-flannel.conflist, "
        "and not Multus's own",
    ),
    "labels": _texts(QUALIFIED, LABEL, A_LABEL),
    "logLevel": _one_of("debug", "verbose", "error", "panic", empty=True, fold=True),
    "name": _name,
    "names": _text(
        r"[a-z][a-z0-9-]*(,[a-z][a-z0-9-]*)*",
        'plugins are listed with commas and without spaces, like "flannel,vlan"',
    ),
    "path": _text(PATH, 'an absolute path without blanks and quotes is needed, like "/run/a.log"'),
    "podSecurityContext": _typed(pods.PodSecurityContext),
    "pullPolicy": _one_of("Always", "IfNotPresent", "Never"),
    "pullSecrets": _entries(_pull_secret, "name: my-registry"),
    "registry": _text(REGISTRY, REGISTRY_RULE),
    "repository": _text(
        REPOSITORY,
        'an image is written in lower case without https:// and tag, like "a.lan/rancher/multus". '
        "The tag has a value of its own",
    ),
    "resources": resources,
    "securityContext": _typed(pods.SecurityContext),
    "tag": _text(TAG, "a tag has at most 128 letters, digits, -, _ and ."),
    "text": _text(r"[^\"\\\n]*", "quotes and backslashes cannot stand here"),
    "tolerations": _entries(_toleration, "operator: Exists"),
    "updateStrategy": _update_strategy,
}
