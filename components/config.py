"""The config of the stack that runs, to MultusArgs: the only reader of pulumi.Config.

All of it is checked before anything is registered, and everything is said at once, in one error
that prints without a traceback. Keys of other namespaces (`kubernetes:`, `pulumi:`) are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import config as pulumi_config

from .access import Access, no_context
from .args import MultusArgs
from .findings import MISSING, Finding, Severity, listed
from .parse import ACCESS_KEYS, NAMESPACE, misspelt, parse
from .stack_file import (
    PREFIX,
    SECRET_KEYS,
    decoded,
    located,
    misplaced_secrets,
    read_stack_file,
)
from .yaml_file import UnreadableError


class StackFileError(pulumi.RunError):
    """A stack file that cannot be deployed; the message counts, then has a line for each."""

    def __init__(self, file: str, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(listed(f"{file} cannot be deployed; nothing was changed:", findings))


@dataclass(frozen=True)
class Stack:
    """What a stack says: what to deploy, and how to reach the cluster."""

    args: MultusArgs
    access: Access
    secret_values: bool
    """Whether the raw Helm values hold a secret, and so all of them are kept as one."""


def load_stack() -> Stack:
    """The stack that runs; raises StackFileError."""
    everything = pulumi_config.get_config_env() | pulumi_config.CONFIG.get()
    raw = {k.removeprefix(PREFIX): v for k, v in everything.items() if k.startswith(PREFIX)}
    listed_secrets = pulumi_config.get_config_secret_keys_env()
    secret = {
        key
        for key in raw
        if PREFIX + key in listed_secrets or pulumi_config.is_config_secret(PREFIX + key)
    }
    found = [*misspelt(everything), *misplaced_secrets(raw, secret), *_context(raw)]
    # With a secret among the rest nothing else is read: a message would have to leave it out.
    if not secret - {*SECRET_KEYS}:
        parsed = parse({key: decoded(raw[key]) for key in raw if key not in ACCESS_KEYS})
        found += [_redacted(one, secret) for one in parsed.findings]
        if parsed.args is not None and not _errors(found):
            parsed.args.__dict__["findings"] = tuple(_located(found))
            kubeconfig = pulumi.Config(NAMESPACE).get_secret("kubeconfig")
            access = Access(kubeconfig if "kubeconfig" in raw else None, raw.get("context"))
            return Stack(parsed.args, access, "extraValues" in secret)
    raise StackFileError(stack_file(), _located(found))


def _errors(found: list[Finding]) -> bool:
    return any(one.severity is Severity.ERROR for one in found)


def _context(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """A context that the stack's own kubeconfig does not have; an ambient one is read later."""
    if raw.get("context") and raw.get("kubeconfig"):
        message = no_context(raw["context"], [raw["kubeconfig"]], secret=True)
        if message:
            yield Finding((f"{PREFIX}context",), message, raw["context"])


def _redacted(finding: Finding, secret: set[str]) -> Finding:
    """A finding in a secret setting, without the value."""
    key = str(finding.path[0]).removeprefix(PREFIX) if finding.path else ""
    hidden = key in secret and finding.value is not MISSING
    return replace(finding, value="[secret]") if hidden else finding


def _located(found: list[Finding]) -> list[Finding]:
    """With the lines of the stack's file, where it is there."""
    file = stack_file()
    try:
        return located(found, read_stack_file(Path(file), file))
    except UnreadableError:
        return [replace(one, file=file) for one in found]


def stack_file() -> str:
    """The stack's file as the user knows it, relative to the project."""
    return str(Path("stacks") / f"Pulumi.{pulumi.get_stack()}.yaml")
