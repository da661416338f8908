"""A cluster, our program and an empty one on it, and the same deployment by Helm and kubectl."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.local import SDKS
from benchmarks.measures import CHART, STACK
from testbed.charts.package import ChartPackages, package
from testbed.cluster import Cluster
from testbed.engine import Engine, Workspace
from testbed.tools import Tools

SPACE: Final = "kube-system"
KINDS: Final = "network-attachment-definitions"
EMPTY: Final = f'{SDKS}\npulumi.export("nothing", None)\n'
CRDS: Final = ("k8s.cni.cncf.io", "whereabouts.cni.cncf.io")
T = TypeVar("T")


def timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


class Bench:
    """A cluster with nodes, our program, an empty one, and the peers' commands."""

    def __init__(self, tools: Tools, cluster: Cluster, folder: Path) -> None:
        self.tools, self.cluster, self.folder = tools, cluster, folder
        self.packages: ChartPackages = package(CHART, folder / "charts")
        # As on a user's machine, where Python keeps its bytecode.
        env = {"KUBECONFIG": str(cluster.kubeconfig), "PYTHONDONTWRITEBYTECODE": ""}
        engine = Engine.create(tools, folder / "engine")
        self.ours: Workspace = engine.workspace(env=env)
        source = folder / "empty"
        source.mkdir()
        (source / "__main__.py").write_text(EMPTY, encoding="utf-8")
        (source / "Pulumi.yaml").write_text("name: empty\nruntime: python\n", encoding="utf-8")
        self.empty: Workspace = engine.workspace(source, env=env)

    def crd_chart(self) -> tuple[str, ...]:
        """What Helm is to install first."""
        return ("multus-crd", str(self.packages.crd), "--set=rke2-whereabouts.enabled=true")

    def pulumi(self, operation: Any, *, empty: bool = False, **options: Any) -> float:
        """Seconds of an operation; it has to succeed."""
        result = (self.empty if empty else self.ours).run(
            operation, STACK, timeout=1200.0, **options
        )
        result.check()
        return result.seconds

    def helm(self, *arguments: str) -> None:
        command = [str(self.tools.path("helm")), "--kubeconfig", str(self.cluster.kubeconfig)]
        subprocess.run([*command, *arguments, "-n", SPACE], check=True, capture_output=True)

    def kubectl(self, *arguments: str, body: object = None) -> None:
        text = None if body is None else json.dumps(body)
        self.cluster.kubectl(*arguments, input=text, timeout=600.0)

    def clear(self) -> None:
        """So that the next arm begins without pods that end, and its CRDs are new."""
        pods = ("pods", "-n", SPACE)
        self.cluster.wait_for(lambda: not self.cluster.items(*pods), "the pods' end", 600)
        found = [one["metadata"]["name"] for one in self.cluster.items("crds")]
        ours = [name for name in found if name.endswith(CRDS)]
        if ours:
            self.kubectl("delete", "crd", *ours)

    def requests(self, since: Counter[str] | None = None) -> Counter[str]:
        """How many the API server has answered to the clients of either arm, by verb."""
        return self.cluster.plane.requests() - (since or Counter())


@contextmanager
def opened(tools: Tools | None, **cluster: Any) -> Iterator[Bench]:
    """On a cluster of its own, without nodes; gone with the block."""
    assert tools is not None
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="multus-benchmark-")))
        yield Bench(tools, held.enter_context(Cluster.start(tools, **cluster)), folder)


def in_turn(number: int, ours: Callable[[], T], peer: Callable[[], T]) -> tuple[T, T]:
    """What both give; which is asked first changes from round to round."""
    if number % 2:
        first = ours()
        return first, peer()
    first = peer()
    return ours(), first


class ByHand:
    """What the program deploys, by Helm twice and kubectl: the same charts, values and networks."""

    def __init__(self, bench: Bench, settings: Mapping[str, Any]) -> None:
        """Deploys the stack once, and takes over what it is made of."""
        self.bench = bench
        bench.ours.configure(
            STACK, {**settings, "chart": bench.packages.settings(), "timeout": 600}
        )
        first = bench.ours.up(STACK, timeout=1200.0).check()
        values = bench.folder / "values.json"
        values.write_text(json.dumps(first.outputs["values"]), encoding="utf-8")
        self._definitions = definitions(bench)
        bench.pulumi("destroy")
        bench.clear()
        main = ("multus", str(bench.packages.main), f"--values={values}")
        self._charts = (bench.crd_chart(), main)

    def install(self) -> None:
        """Returns when all pods are ready, as `up` does."""
        for chart in self._charts:
            self.bench.helm("install", *chart, "--wait", "--timeout=10m")
        self.bench.kubectl("apply", "--server-side", "-f", "-", body=self._definitions)
        for one in self.bench.cluster.items("daemonsets", "-n", SPACE):
            name = f"daemonset/{one['metadata']['name']}"
            self.bench.kubectl("rollout", "status", name, "-n", SPACE, "--timeout=600s")

    def again(self) -> None:
        for chart in self._charts:
            self.bench.helm("upgrade", *chart)

    def remove(self) -> None:
        self.bench.kubectl("delete", "-f", "-", body=self._definitions)
        for name, *_ in reversed(self._charts):
            self.bench.helm("uninstall", name)


def definitions(bench: Bench) -> dict[str, Any]:
    """The live networks, as somebody would write them."""
    items = [
        {
            "apiVersion": one["apiVersion"],
            "kind": one["kind"],
            "metadata": {key: one["metadata"][key] for key in ("name", "namespace")},
            "spec": one["spec"],
        }
        for one in bench.cluster.items(KINDS, "-A")
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}
