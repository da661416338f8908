"""Runs kubectl, `k3s kubectl` or RKE2's kubectl, and tells its errors in one readable line.

The environment says which cluster: MULTUS_KUBECONFIG is a kubeconfig's content or its path,
MULTUS_CONTEXT and MULTUS_CLUSTER are names inside it. Without MULTUS_KUBECONFIG kubectl's own
rules hold, and the file of K3s or RKE2 is used where kubectl would find none.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

K3S_KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
RKE2_KUBECONFIG = "/etc/rancher/rke2/rke2.yaml"
RKE2_KUBECTL = "/var/lib/rancher/rke2/bin/kubectl"
REQUEST_TIMEOUT_SECONDS = 20
LONGEST_TEXT = 500
# Of a terminal: ESC [ … letter, ESC ] … BEL or ESC \, and two-character ones.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_=>])")
NO_CLUSTER = (
    "the kubeconfig names no cluster: it is missing or empty, or has no current context. "
    "Set KUBECONFIG (or multus:kubeconfig) and multus:context"
)
NO_ANSWER = ("refused", "unable to connect", "i/o timeout", "no route to host", "deadline exceeded")


class TaskError(Exception):
    """What went wrong and what to do, in one line or a few."""


@dataclass
class Kubectl:
    """Runs kubectl, without a shell. `timeout` is of one request, in seconds."""

    command: Sequence[str]
    environment: Mapping[str, str]
    timeout: float = REQUEST_TIMEOUT_SECONDS

    def run(self, *arguments: str) -> str:
        """Standard output of `kubectl ARGUMENTS`; raises TaskError with kubectl's last line."""
        return self._run(arguments, "")

    def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Create an object at a path of the API server, without the discovery of its kind."""
        self._run(["create", "--raw", path, "--filename=-"], json.dumps(body))

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        """Replace the object at a path, unless it is newer than `body` is."""
        self._run(["replace", "--raw", path, "--filename=-"], json.dumps(body))

    def _run(self, arguments: Sequence[str], stdin: str) -> str:
        limit = 3 * self.timeout  # kubectl may ask several times until it gives up
        try:
            done = subprocess.run(
                [*self.command, f"--request-timeout={self.timeout}s", *arguments],
                input=stdin,
                env=self.environment,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TaskError(unreachable(f"no answer within {limit:g} s")) from None
        except OSError as error:
            raise TaskError(f"{self.command[0]} cannot be run: {error.strerror}") from None
        if done.returncode:
            raise TaskError(explained(done.stderr))
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return parsed(self.run(*arguments, "-o", "json"))

    def optional(self, *arguments: str) -> Any | None:
        """Like json; None where the object or its kind does not exist."""
        text = self.run(*arguments, "-o", "json", "--ignore-not-found")
        return parsed(text) if text.strip() else None


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        said = f"kubectl printed something else than JSON: {one_line(text)}"
        raise TaskError(f"{said}. Is the kubectl on PATH a script that prints more?") from None


def one_line(text: str) -> str:
    """Text of a cluster, fit for a terminal: one line of bounded length without escapes."""
    spaced = " ".join(ESCAPES.sub("", text[: 20 * LONGEST_TEXT]).split())
    # Marks that turn the direction of text are not printable either.
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in spaced)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"


def explained(stderr: str) -> str:
    """Kubectl's error as one line, with the fix where it is known."""
    lines = [line for line in map(one_line, stderr[-20 * LONGEST_TEXT :].splitlines()) if line]
    last = lines[-1] if lines else "kubectl failed and gave no reason"
    for line in reversed(lines):  # advice on how to install it may follow
        if (found := line.partition("getting credentials: exec: "))[1]:
            fix = ". Install it there" if found[2].endswith("not found") else ""
            return f"the kubeconfig's credential plugin fails where Pulumi runs: {found[2]}{fix}"
    if "localhost:8080 was refused" in last:  # kubectl's guess where nothing names a cluster
        return NO_CLUSTER
    if any(word in last.lower() for word in NO_ANSWER):
        return unreachable(last)
    if last == "error: EOF" or last.endswith("Username: error: EOF"):  # it asks, nobody answers
        return "the kubeconfig has no credentials for this cluster: its user is missing or empty"
    if "error loading config file" in last:  # not in kubectl's words, which may quote a password
        return "kubectl cannot read the kubeconfig. Look at it with: kubectl config view"
    if last.startswith(("error: unable to read c", "error: unable to load root cert")):
        return f"{last}. Put it into the kubeconfig, by: kubectl config view --raw --flatten"
    if "Unauthorized" in last or "must be logged in" in last:
        return f"the cluster does not accept the credentials of the kubeconfig: {last}"
    return last.removeprefix("error: ")


def unreachable(reason: str) -> str:
    end = "" if reason.endswith((".", "?", "!")) else "."
    fix = "Check that it runs and that KUBECONFIG (or multus:kubeconfig) names it"
    return f"the cluster does not answer: {reason}{end} {fix}"


@contextmanager
def connected(
    environment: Mapping[str, str], timeout: float = REQUEST_TIMEOUT_SECONDS
) -> Iterator[Kubectl]:
    """A Kubectl for the cluster that the environment names."""
    command = found(environment)
    for option in ("context", "cluster"):
        if name := environment.get(f"MULTUS_{option.upper()}"):
            command.append(f"--{option}={name}")
    plain = {key: value for key, value in environment.items() if not key.startswith("MULTUS_")}
    with kubeconfig(environment) as path:
        yield Kubectl(command, {**plain, "KUBECONFIG": path} if path else plain, timeout)


def found(environment: Mapping[str, str]) -> list[str]:
    path = environment.get("PATH")
    if kubectl := shutil.which("kubectl", path=path):
        return [kubectl]
    if k3s := shutil.which("k3s", path=path):
        return [k3s, "kubectl"]
    if os.access(RKE2_KUBECTL, os.X_OK):  # RKE2 does not put it on PATH
        return [RKE2_KUBECTL]
    raise TaskError("neither kubectl nor k3s is on PATH. Install kubectl where Pulumi runs")


def kubeconfig(environment: Mapping[str, str]) -> AbstractContextManager[str]:
    """The path of the kubeconfig; an empty one where kubectl finds its own."""
    given = environment.get("MULTUS_KUBECONFIG")
    if not given:
        # kubectl takes HOME from the environment alone, not from the list of users.
        own = Path(environment.get("HOME", ""), ".kube", "config")
        named = environment.get("KUBECONFIG") or environment.get("KUBERNETES_SERVICE_HOST")
        if named or os.access(own, os.F_OK):
            return nullcontext("")
        rke2 = not os.access(K3S_KUBECONFIG, os.F_OK) and os.access(RKE2_KUBECONFIG, os.F_OK)
        return nullcontext(RKE2_KUBECONFIG if rke2 else K3S_KUBECONFIG)
    path = given
    if given.startswith("~/"):
        try:
            path = str(Path(given).expanduser())
        except (KeyError, RuntimeError):  # Python 3.9 raises the first, later ones the second
            fix = "Set HOME, or write the whole path"
            raise TaskError(f"{one_line(path)}: this user has no home directory. {fix}") from None
    if os.access(path, os.F_OK):
        return nullcontext(path)
    if path.startswith("/") and "\n" not in path:
        raise TaskError(f"there is no kubeconfig {one_line(path)} where Pulumi runs")
    return in_memory(given)


@contextmanager
def in_memory(content: str) -> Iterator[str]:
    """A path under which kubectl finds `content`, in memory alone where the system has that.

    A cancelled run ends its commands by SIGKILL, after which no handler could remove a file. The
    path has this process's number, not `self`: credential plugins of kubectl may read it too.
    """
    descriptor = -1
    with suppress(AttributeError, OSError):  # another system, or a sandbox that forbids it
        descriptor = os.memfd_create("kubeconfig")
    path = f"/proc/{os.getpid()}/fd/{descriptor}"
    if not Path(path).exists():
        with on_disk(content) as path:
            yield path
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        yield path


@contextmanager
def on_disk(content: str) -> Iterator[str]:
    """The same as a private file. A shell removes it when its input ends, as this process does."""
    descriptor, path = tempfile.mkstemp(prefix="multus-", suffix=".yaml")
    command = ["/bin/sh", "-c", 'trap "" HUP INT TERM; read -r _; rm -f -- "$0"', path]
    remover = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)  # only once there is a process that removes it
        yield path
    finally:
        remover.communicate()


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
