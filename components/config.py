"""The config of the stack that runs, to MultusArgs: the only reader of pulumi.Config.

All of it is checked before anything is registered, and everything is said at once, in one error
that prints without a traceback. Keys of other namespaces are left alone, but for slips and those of
the default Kubernetes provider (`kubernetes:`), which nothing would read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi.runtime import config as pulumi_config

from .access import Access
from .args import MultusArgs
from .findings import Finding, listed
from .parse import ACCESS_KEYS, NAMESPACE, PREFIX
from .stack_file import decoded, examine, read_stack_file
from .yaml_file import UnreadableError


class StackFileError(pulumi.RunError):
    """A stack file that cannot be deployed; the message counts, then has a line for each."""

    def __init__(self, file: str, findings: Sequence[Finding]) -> None:
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
    listed_secrets = pulumi_config.get_config_secret_keys_env()
    secret = {
        key.removeprefix(PREFIX)
        for key in everything
        if key.startswith(PREFIX) and (key in listed_secrets or pulumi_config.is_config_secret(key))
    }
    kubeconfig, context = (everything.get(PREFIX + key) for key in ACCESS_KEYS)
    name = str(Path("stacks") / f"Pulumi.{pulumi.get_stack()}.yaml")  # as the user knows it
    try:
        file = read_stack_file(Path(name), name)
    except UnreadableError:
        file = None
    config = {key: decoded(value) for key, value in everything.items()}
    parsed = examine(config, secret, name, file)
    if parsed.args is None:
        raise StackFileError(name, parsed.findings)
    own = pulumi.Config(NAMESPACE).get_secret("kubeconfig") if kubeconfig is not None else None
    return Stack(parsed.args, Access(own, context), "extraValues" in secret)
