"""kubectl, found as such, as `k3s kubectl` or where RKE2 has it; its errors as one readable line.

Data comes by environment: MULTUS_KUBECONFIG is a kubeconfig's content (a secret, which leaves
memory only where the system has no other way), MULTUS_CONTEXT a context. Without them kubectl's
own rules hold, and the file of K3s or RKE2 serves where neither KUBECONFIG nor a default is.
"""

from __future__ import annotations

import json
import os
import re
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
LONGEST_TEXT = 500
# Of a terminal: ESC [ … letter, ESC ] … BEL or ESC \, and two-character ones.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_=>])")


class TaskError(Exception):
    """What went wrong and what to do, in one line or a few."""


class Kubectl:
    """Runs kubectl; every argument is its own, nothing goes through a shell."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        patience: int | None = None,
    ) -> None:
        self._command = command
        self._environment = environment
        self._patience = patience

    def within(self, seconds: int) -> Kubectl:
        """The same, with another limit for each request."""
        return Kubectl(self._command, self._environment, seconds)

    def run(self, *arguments: str) -> str:
        """Standard output of `kubectl ARGUMENTS`; TaskError with kubectl's last line."""
        # kubectl asks several times over, each within its own limit; the second one ends it all.
        patience = self._patience or REQUEST_TIMEOUT_SECONDS
        limit = 3 * patience
        try:
            done = subprocess.run(
                [*self._command, f"--request-timeout={patience}s", *arguments],
                stdin=subprocess.DEVNULL,
                env=self._environment,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TaskError(unreachable(f"no answer within {limit} s")) from None
        except OSError as error:
            raise TaskError(f"{self._command[0]} cannot be run: {error.strerror}") from None
        if done.returncode:
            raise TaskError(explained(done.stderr))
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return parsed(self.run(*arguments, "-o", "json"))

    def optional(self, *arguments: str) -> Any | None:
        """Like json, None where the object or its kind does not exist."""
        text = self.run(*arguments, "-o", "json", "--ignore-not-found")
        return parsed(text) if text.strip() else None


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise TaskError(
            f"kubectl printed something else than JSON: {one_line(text)}. "
            "Is the kubectl on PATH a script that prints more?"
        ) from None


def one_line(text: str) -> str:
    """What a cluster says, fit for a terminal: one line of bounded length without escapes."""
    spaced = " ".join(ESCAPES.sub("", text[: 20 * LONGEST_TEXT]).split())
    # Not only control characters: marks that turn the direction of text are not printable either.
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in spaced)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"


def explained(stderr: str) -> str:
    """Kubectl's complaint as one line, with the fix where it is known."""
    lines = [line for line in map(one_line, stderr[-20 * LONGEST_TEXT :].splitlines()) if line]
    # klog repeats connection errors with a header such as E1123 before kubectl's own last line.
    last = lines[-1] if lines else "kubectl said nothing"
    lost = ("refused", "unable to connect", "i/o timeout", "no route to host", "deadline exceeded")
    if any(word in last.lower() for word in lost):
        return unreachable(last)
    if last == "error: EOF" or last.endswith("Username: error: EOF"):  # nobody answers it
        return "the kubeconfig has no credentials for this cluster: its user is missing or empty"
    if "error loading config file" in last:
        # Not in kubectl's words, which may quote the file: `password: *x` is an "anchor 'x'".
        return "kubectl cannot read the kubeconfig. Look at it with: kubectl config view"
    if last.startswith(("error: unable to read c", "error: unable to load root cert")):
        return f"{last}. Put it into the kubeconfig, by: kubectl config view --raw --flatten"
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
    with in_memory(content) as path:
        yield Kubectl(command, {**plain, "KUBECONFIG": path})


@contextmanager
def in_memory(content: str) -> Iterator[str]:
    """A path under which kubectl finds `content`, and nobody when this process has ended.

    A run that is cancelled ends its commands by SIGKILL, which no handler sees. So on Linux the
    file is in memory alone. Its path has this process's number, not `self`: programs that kubectl
    starts for credentials find it too.
    """
    try:
        descriptor = os.memfd_create("kubeconfig")
    except (AttributeError, OSError):  # another system, or a sandbox that forbids it
        with on_disk(content) as path:
            yield path
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        path = f"/proc/{os.getpid()}/fd/{descriptor}"
        if not Path(path).exists():  # no /proc here
            with on_disk(content) as other:
                yield other
            return
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        yield path


@contextmanager
def on_disk(content: str) -> Iterator[str]:
    """The same as a private file, which a shell that outlives this process removes in any case.

    The shell waits for the end of its standard input, which is when nobody has the pipe any more.
    """
    descriptor, path = tempfile.mkstemp(prefix="multus-", suffix=".yaml")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        remover = subprocess.Popen(
            ["/bin/sh", "-c", 'trap "" HUP INT TERM; read -r _; rm -f -- "$0"', path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            file.write(content)  # not before there is who removes it
            file.flush()
            yield path
        finally:
            Path(path).unlink()
            remover.communicate()


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
    for stream in (sys.stdout, sys.stderr):
        # Pulumi reads UTF-8, whatever the locale of the machine says.
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        with connected(os.environ) as kubectl:
            print(task(kubectl, os.environ))
    except TaskError as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("interrupted. Run pulumi up again: it goes on where this ended")
