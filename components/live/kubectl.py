"""kubectl, found as such, as `k3s kubectl` or where RKE2 has it; its errors as one readable line.

Data comes by environment: MULTUS_KUBECONFIG is a kubeconfig's content (a secret, kept in a file
that only this user can read, for as long as the task runs), MULTUS_CONTEXT a context. Without
them kubectl's own rules hold, and the file of K3s or RKE2 serves where neither KUBECONFIG nor a
default is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

K3S_KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
RKE2_KUBECONFIG = "/etc/rancher/rke2/rke2.yaml"
RKE2_KUBECTL = "/var/lib/rancher/rke2/bin/kubectl"
REQUEST_TIMEOUT_SECONDS = 20


class TaskError(Exception):
    """What went wrong and what to do, in one line or a few."""


class Kubectl:
    """Runs kubectl; every argument is its own, nothing goes through a shell."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment

    def run(self, *arguments: str, text: str | None = None) -> str:
        """Standard output of `kubectl ARGUMENTS`; TaskError with kubectl's last line."""
        try:
            done = subprocess.run(
                [*self._command, f"--request-timeout={REQUEST_TIMEOUT_SECONDS}s", *arguments],
                input=text,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=3 * REQUEST_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TaskError(unreachable("no answer in time")) from None
        if done.returncode:
            raise TaskError(explained(done.stderr))
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json"))

    def optional(self, *arguments: str) -> Any | None:
        """Like json, None where the object or its kind does not exist."""
        text = self.run(*arguments, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None


def explained(stderr: str) -> str:
    """Kubectl's complaint as one line, with the fix where it is known."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # klog repeats connection errors with a header such as E1123 before kubectl's own last line.
    last = lines[-1] if lines else "kubectl said nothing"
    lost = ("refused", "unable to connect", "i/o timeout", "no route to host", "deadline exceeded")
    if any(word in last.lower() for word in lost):
        return unreachable(last)
    if last == "error: EOF":  # kubectl asks for a user name, and nobody answers
        return "the kubeconfig has no credentials for this cluster: its user is missing or empty"
    if "Unauthorized" in last or "must be logged in" in last:
        return f"the cluster does not accept the credentials of the kubeconfig: {last}"
    return last


def unreachable(reason: str) -> str:
    end = "" if reason[-1:] in (".", "?", "!") else "."
    return (
        f"the cluster does not answer: {reason}{end} "
        "Check that it runs and that KUBECONFIG (or multus:kubeconfig) names it"
    )


@contextmanager
def connected(environment: Mapping[str, str]) -> Iterator[Kubectl]:
    """A Kubectl for this process's environment."""
    command = found(environment)
    plain = {key: value for key, value in environment.items() if not key.startswith("MULTUS_")}
    if context := environment.get("MULTUS_CONTEXT"):
        command = [*command, f"--context={context}"]
    content = environment.get("MULTUS_KUBECONFIG")
    if not content:
        default = Path.home() / ".kube" / "config"
        named = plain.get("KUBECONFIG") or plain.get("KUBERNETES_SERVICE_HOST")
        if not named and not default.exists():
            rke2 = not Path(K3S_KUBECONFIG).exists() and Path(RKE2_KUBECONFIG).exists()
            plain["KUBECONFIG"] = RKE2_KUBECONFIG if rke2 else K3S_KUBECONFIG
        yield Kubectl(command, plain)
        return
    with tempfile.NamedTemporaryFile("w", prefix="multus-", suffix=".yaml") as file:
        file.write(content)
        file.flush()
        yield Kubectl(command, {**plain, "KUBECONFIG": file.name})


def found(environment: Mapping[str, str]) -> list[str]:
    path = environment.get("PATH")
    if kubectl := shutil.which("kubectl", path=path):
        return [kubectl]
    if k3s := shutil.which("k3s", path=path):
        return [k3s, "kubectl"]
    if os.access(RKE2_KUBECTL, os.X_OK):  # RKE2 puts it on nobody's PATH
        return [RKE2_KUBECTL]
    raise TaskError("neither kubectl nor k3s is on PATH. Install kubectl where Pulumi runs")


def main(task: Callable[[Kubectl, Mapping[str, str]], str]) -> None:
    """Run `task(kubectl, environment)`; print its result, or its failure and exit 1."""
    try:
        with connected(os.environ) as kubectl:
            print(task(kubectl, os.environ))
    except TaskError as failure:
        sys.exit(str(failure))
