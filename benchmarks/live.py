"""What needs a cluster and the engine: wall seconds of whole operations, each in turn with a peer.

Both arms do the same to one API server, on the same simulated nodes, with the same chart and
networks. Which begins changes from round to round.
"""

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
from typing import Any, Final

import yaml

from benchmarks.local import CLUSTER, SDKS, networks
from benchmarks.measures import Pairs, Round
from testbed.charts.package import ChartPackages, package
from testbed.cluster import Cluster
from testbed.engine import Engine, Workspace
from testbed.tools import Tools

CHART: Final = "v4.3.017"
STACK: Final = "benchmark"
SPACE: Final = "kube-system"
KINDS: Final = "network-attachment-definitions"
WORKLOADS: Final = ("daemonset/multus", "daemonset/whereabouts")
FEW: Final = 3  # nodes, with which all of a life is measured
EMPTY: Final = f'{SDKS}\npulumi.export("nothing", None)\n'
UNSAFE: Final = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
READS: Final = ("get", "list", "watch")
CRDS: Final = ("k8s.cni.cncf.io", "whereabouts.cni.cncf.io")


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
def _bench(tools: Tools | None, nodes: int) -> Iterator[Bench]:
    assert tools is not None
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="multus-benchmark-")))
        cluster = held.enter_context(Cluster.start(tools, audited=True))
        if nodes:
            cluster.add_nodes(nodes, timeout=300.0)
        yield Bench(tools, cluster, folder)


def _list(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _definitions(bench: Bench) -> dict[str, Any]:
    """The live networks, as somebody would write them."""
    return _list(
        [
            {
                "apiVersion": one["apiVersion"],
                "kind": one["kind"],
                "metadata": {key: one["metadata"][key] for key in ("name", "namespace")},
                "spec": one["spec"],
            }
            for one in bench.cluster.items(KINDS, "-A")
        ]
    )


def _by_verb(found: Counter[str]) -> dict[str, float]:
    """All, those that read, and those that write."""
    reads = sum(found[verb] for verb in READS)
    return {"requests": found.total(), "reads": reads, "writes": found.total() - reads}


class Lifecycle:
    """From nothing to nothing on some nodes, by the program and by Helm and kubectl."""

    def __init__(self, bench: Bench, nodes: int) -> None:
        self.bench, self.whole = bench, nodes == FEW
        settings = {"cluster": CLUSTER, "ipam": "whereabouts", "networks": networks(3)}
        bench.ours.configure(
            STACK, {**settings, "chart": bench.packages.settings(), "timeout": 600}
        )
        bench.pulumi("up", empty=True)
        first = bench.ours.up(STACK, timeout=1200.0).check()
        self.values = bench.folder / "values.json"
        self.values.write_text(json.dumps(first.outputs["values"]), encoding="utf-8")
        self.definitions = _definitions(bench)
        bench.pulumi("destroy")
        bench.clear()
        main = ("multus", str(bench.packages.main), f"--values={self.values}")
        self.charts = (bench.crd_chart(), main)

    def ours(self) -> dict[str, float]:
        bench, before = self.bench, self.bench.requests()
        found = {"up": bench.pulumi("up"), **_by_verb(bench.requests(before))}
        if self.whole:
            found |= {"preview": bench.pulumi("preview"), "up-again": bench.pulumi("up")}
        found["destroy"] = bench.pulumi("destroy")
        bench.clear()
        return found

    def peer(self) -> dict[str, float]:
        bench, before = self.bench, self.bench.requests()
        found = {"up": timed(self._install), **_by_verb(bench.requests(before))}
        if self.whole:
            found |= {
                "preview": bench.pulumi("preview", empty=True),
                "up-again": timed(self._again),
            }
        found["destroy"] = timed(self._remove)
        bench.clear()
        return found

    def _install(self) -> None:
        for chart in self.charts:
            self.bench.helm("install", *chart, "--wait", "--timeout=10m")
        self.bench.kubectl("apply", "--server-side", "-f", "-", body=self.definitions)
        for one in WORKLOADS:
            self.bench.kubectl("rollout", "status", one, "-n", SPACE, "--timeout=600s")

    def _again(self) -> None:
        for chart in self.charts:
            self.bench.helm("upgrade", *chart)

    def _remove(self) -> None:
        self.bench.kubectl("delete", "-f", "-", body=self.definitions)
        for name, *_ in reversed(self.charts):
            self.bench.helm("uninstall", name)


def lifecycle(nodes: int) -> Callable[[Tools | None], contextlib.AbstractContextManager[Round]]:
    @contextmanager
    def opened(tools: Tools | None) -> Iterator[Round]:
        with _bench(tools, nodes) as bench:
            life = Lifecycle(bench, nodes)

            def run(number: int) -> Pairs:
                peer_first = {} if number % 2 else life.peer()
                ours = life.ours()
                peer = peer_first or life.peer()
                for name, took in ours.items() if life.whole else [(f"nodes-{nodes}", ours["up"])]:
                    yield name, took, peer[name if life.whole else "up"]

            yield run

    return opened


def many(count: int) -> Callable[[Tools | None], contextlib.AbstractContextManager[Round]]:
    """So many networks on a cluster that has Multus's CRDs, by the program and by kubectl."""

    @contextmanager
    def opened(tools: Tools | None) -> Iterator[Round]:
        with _bench(tools, 0) as bench:
            bench.helm("install", *bench.crd_chart(), "--wait")
            settings: Mapping[str, Any] = {"deploy": "networks", "networkFiles": ["networks.yaml"]}
            bench.ours.configure(STACK, {"cluster": CLUSTER, **settings, "preflight": "off"})
            file = bench.ours.path / "networks.yaml"
            declared = networks(count)

            def write(*, changed: bool) -> None:
                mtu = {"mtu": 1400} if changed else {}
                file.write_text(yaml.safe_dump([{**declared[0], **mtu}, *declared[1:]]))

            write(changed=False)
            bench.pulumi("up", empty=True)
            bench.pulumi("up")
            definitions = _definitions(bench)
            bench.pulumi("destroy")

            def run(number: int) -> Pairs:
                del number
                empty_up = bench.pulumi("up", empty=True)
                empty = bench.pulumi("preview", empty=True)
                apply = ("apply", "--server-side", "-f", "-")
                peer = empty_up + timed(lambda: bench.kubectl(*apply, body=definitions))
                gone = timed(lambda: bench.kubectl("delete", "-f", "-", body=definitions))
                yield (
                    f"networks-{count}-up-without-checkpoints",
                    bench.pulumi("up", env=UNSAFE),
                    peer,
                )
                bench.pulumi("destroy")
                yield f"networks-{count}-up", bench.pulumi("up"), peer
                yield f"networks-{count}-preview", bench.pulumi("preview"), empty
                write(changed=True)
                yield f"networks-{count}-one-changed", bench.pulumi("preview"), empty
                write(changed=False)
                yield f"networks-{count}-destroy", bench.pulumi("destroy"), gone

            yield run

    return opened
