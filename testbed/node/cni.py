"""Calls one CNI plugin after another, as a container runtime does. It runs no container."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from testbed.node.namespaces import Space

Command = Literal["ADD", "CHECK", "DEL"]
LIMIT: Final = 240.0  # seconds that the kubelet gives a sandbox
Result = dict[str, Any]


class CniError(Exception):
    """A plugin refused; the text is its own."""


@dataclass(frozen=True)
class Attachment:
    """What a plugin is told of a pod."""

    container: str
    netns: str
    interface: str = "eth0"
    arguments: str = ""


@dataclass
class Runtime:
    """What calls the plugins of one machine, which are looked for in one directory."""

    space: Space
    bin_dir: str

    def call(
        self,
        what: Command,
        network: Mapping[str, Any],
        plugin: Mapping[str, Any],
        attachment: Attachment,
        previous: Result | None = None,
    ) -> Result:
        """What the plugin answers; CniError with its words if it refuses."""
        program = f"{self.bin_dir}/{plugin['type']}"
        if not self.space.path(program).exists():
            raise CniError(f'failed to find plugin "{plugin["type"]}" in path [{self.bin_dir}]')
        body = {**plugin, "cniVersion": network["cniVersion"], "name": network["name"]}
        if previous is not None:
            body["prevResult"] = previous
        answer = self.space.run(
            program,
            input=json.dumps(body),
            env={
                "CNI_COMMAND": what,
                "CNI_CONTAINERID": attachment.container,
                "CNI_NETNS": attachment.netns,
                "CNI_IFNAME": attachment.interface,
                "CNI_ARGS": attachment.arguments,
                "CNI_PATH": self.bin_dir,
            },
            timeout=LIMIT,
        )
        return _read(answer.returncode, answer.stdout, answer.stderr)


def _read(code: int, stdout: str, stderr: str) -> Result:
    try:
        printed: Result = json.loads(stdout) if stdout.strip() else {}
    except ValueError:
        printed = {}
    if code == 0:
        return printed
    said = ": ".join(str(printed[key]) for key in ("msg", "details") if printed.get(key))
    raise CniError(said or stderr.strip() or stdout.strip() or f"exit code {code}")
