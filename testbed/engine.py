"""Drives the real Pulumi CLI on copies of the project, with a state in a temporary directory.

Nothing of the user's takes part: no stack file of the repository is touched (the CLI rewrites the
stack files that it uses), no login, no home directory, no kubeconfig unless a test gives one. It
starts no cluster: `cluster.py` does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from testbed.operations import OperationError, Running
from testbed.processes import program
from testbed.results import Result
from testbed.tools import ROOT, Tools

Operation = Literal["up", "preview", "destroy"]

# Not part of what a user runs; a program that needed them would fail here.
LEFT_OUT = ("tests", "benchmarks", "testbed", "docs", "examples", ".github", ".venv")
# A user's own settings for these must not change what a test sees.
DROPPED = ("PULUMI_", "HELM_", "KUBE", "PYTHONPATH", "VIRTUAL_ENV", "MULTUS_")


@dataclass(frozen=True)
class Engine:
    """One engine with one state backend."""

    tools: Tools
    root: Path

    @classmethod
    def create(cls, tools: Tools, root: Path) -> Engine:
        """In `root`, which is the caller's to remove."""
        for name in ("state", "home", "pulumi-home", "work"):
            (root / name).mkdir(parents=True, exist_ok=True)
        tools.link(root / "bin")
        return cls(tools, root)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the CLI, the program and the plugins see."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED)}
        python = str(Path(sys.executable).parent)
        return {
            **kept,
            "PATH": os.pathsep.join((str(self.root / "bin"), python, kept.get("PATH", ""))),
            "HOME": str(self.root / "home"),
            "XDG_CACHE_HOME": str(self.root / "home" / ".cache"),
            "XDG_CONFIG_HOME": str(self.root / "home" / ".config"),
            # Without this an unset KUBECONFIG means ~/.kube/config, or K3s' own: a real cluster.
            "KUBECONFIG": str(self.root / "no-cluster.yaml"),
            "PULUMI_HOME": str(self.root / "pulumi-home"),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "testbed",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
            **(extra or {}),
        }

    def workspace(self, source: Path = ROOT, *, env: Mapping[str, str] | None = None) -> Workspace:
        """A copy of the project at `source`.

        `env` is added to the environment of every operation; KUBECONFIG belongs there.
        """
        target = Path(tempfile.mkdtemp(prefix="project-", dir=self.root / "work"))
        copy_project(source, target)
        return Workspace(self, target, dict(env or {}))


def copy_project(source: Path, target: Path) -> None:
    """The files that git has or would take, without those no program may need.

    A directory that is no repository is copied as it is.
    """
    listed = subprocess.run(
        [program("git"), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.split("\0") if name]
    else:
        names = [path.relative_to(source) for path in source.rglob("*")]
    for name in names:
        if name.parts[0] in LEFT_OUT or not (source / name).is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)


@dataclass(frozen=True)
class Workspace:
    """One project directory that the engine works in."""

    engine: Engine
    path: Path
    env: Mapping[str, str]

    @property
    def project(self) -> dict[str, Any]:
        """Pulumi.yaml as it is now."""
        loaded = yaml.safe_load((self.path / "Pulumi.yaml").read_text(encoding="utf-8"))
        assert isinstance(loaded, dict)
        return loaded

    def stack_file(self, stack: str) -> Path:
        return self.path / str(self.project.get("stackConfigDir", ".")) / f"Pulumi.{stack}.yaml"

    def write_stack(self, stack: str, text: str) -> None:
        """Replaces the copy's stack file."""
        self.stack_file(stack).parent.mkdir(parents=True, exist_ok=True)
        self.stack_file(stack).write_text(text, encoding="utf-8")

    def configure(self, stack: str, settings: Mapping[str, Any], namespace: str = "multus") -> None:
        """Sets keys of a stack file (`{"chart": {...}}`) and keeps the others; None removes one."""
        file = self.stack_file(stack)
        held = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
        document: dict[str, Any] = held or {}
        config: dict[str, Any] = document.setdefault("config", {})
        for key, value in settings.items():
            if value is None:
                config.pop(f"{namespace}:{key}", None)
            else:
                config[f"{namespace}:{key}"] = value
        self.write_stack(stack, yaml.safe_dump(document, sort_keys=False))

    def start(
        self,
        operation: Operation,
        stack: str,
        *,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Running:
        """Begins an operation and returns at once; `options` are the Automation API's."""
        self._give_virtualenv()
        request = {
            "operation": operation,
            "stack": stack,
            "project": self.project["name"],
            "inline": not self.engine.tools.has_language_host,
            "options": options,
        }
        return Running.begin(
            operation, request, self.path, self.engine.environment({**self.env, **(env or {})})
        )

    def run(
        self,
        operation: Operation,
        stack: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 300.0,
        **options: Any,
    ) -> Result:
        """Runs an operation to its end; OperationError after `timeout` seconds."""
        return self.start(operation, stack, env=env, **options).wait(timeout)

    def up(self, stack: str, **options: Any) -> Result:
        return self.run("up", stack, **options)

    def preview(self, stack: str, **options: Any) -> Result:
        return self.run("preview", stack, **options)

    def destroy(self, stack: str, **options: Any) -> Result:
        return self.run("destroy", stack, **options)

    def cli(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """The CLI itself, for what runs no program: `cancel`, `config`, `stack export`."""
        return subprocess.run(
            [
                str(self.engine.tools.path("pulumi")),
                *arguments,
                "--non-interactive",
                "--color",
                "never",
            ],
            cwd=self.path,
            env=self.engine.environment({**self.env, **(env or {})}),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def state_file(self, stack: str) -> Path:
        """Where the backend keeps the stack's state."""
        folder = self.engine.root / "state" / ".pulumi" / "stacks" / str(self.project["name"])
        return folder / f"{stack}.json"

    def state(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's exported deployment; its resources are at `["deployment"]["resources"]`."""
        secrets = ("--show-secrets",) if show_secrets else ()
        answer = self.cli("stack", "export", "--stack", stack, *secrets)
        if answer.returncode != 0:
            raise OperationError(f"cannot export {stack}: {answer.stderr.strip()}")
        exported = json.loads(answer.stdout)
        assert isinstance(exported, dict)
        return exported

    def _give_virtualenv(self) -> None:
        """Ours, where the language host looks for what Pulumi.yaml names and the copy lacks."""
        runtime = self.project.get("runtime")
        options = runtime.get("options") if isinstance(runtime, dict) else None
        name = (options or {}).get("virtualenv")
        if name and not (self.path / name).exists() and self.engine.tools.has_language_host:
            (self.path / name).symlink_to(sys.prefix, target_is_directory=True)
