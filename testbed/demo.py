"""The demo: the program deploys a stack to a real API server on this machine, with one command.

    python -m testbed.demo up [--stack prod]    a fresh cluster, `pulumi up`, what to look at
    python -m testbed.demo preview              what an edit of the stack file would change
    python -m testbed.demo down                 nothing is left running

It works on a copy of the project: the CLI rewrites the stack files that it uses. The chart comes
from its repository where that answers, and is this project's stand-in otherwise; the summary says
which. Nodes are real where root and the kernel allow it. Otherwise they are simulated: pods say
that they are ready, and nothing runs in them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from components.args import MultusArgs
from components.chart.packages import ChartError, download_packages
from components.chart.versions import Chart
from components.config import StackFileError
from components.stack_file import StackFile, examine, read_stack_file
from components.yaml_file import UnreadableError
from testbed import demo_nodes, demo_pods
from testbed.building import ToolError, cache_root
from testbed.charts.package import package
from testbed.cluster import Cluster
from testbed.control_plane import ControlPlane
from testbed.engine import Engine, Workspace
from testbed.kubectl import ClusterError
from testbed.operations import OperationError
from testbed.results import Result
from testbed.tools import ROOT, Tools, find_tools

NAME = "demo"
ANSWER_SECONDS = 5

out = Console(highlight=False, soft_wrap=True)


def folder() -> Path:
    """State, chart packages and the copy of the project; removed by `down`."""
    return cache_root() / NAME


def control_plane() -> ControlPlane:
    """The demo's, whether it runs or not."""
    # Resolved: its programs are known again by the path that they were started with.
    return ControlPlane((cache_root() / "clusters" / NAME).resolve())


class DemoError(Exception):
    """The stack file cannot be used here; the text is for people."""


def read(stack: str) -> StackFile:
    """The stack file; raises DemoError, also for one with secrets, which need a passphrase."""
    folder = ROOT / "stacks"
    file, name = folder / f"Pulumi.{stack}.yaml", f"stacks/Pulumi.{stack}.yaml"
    if not file.is_file():
        there = sorted(one.stem.removeprefix("Pulumi.") for one in folder.glob("Pulumi.*.yaml"))
        raise DemoError(f"there is no {name}. There are: {', '.join(there)}")
    try:
        found = read_stack_file(file, name)
    except UnreadableError as error:
        raise DemoError(str(error)) from None
    for key in found.secret_keys:
        rule = "is a secret, which the demo cannot read. Leave it out"
        raise DemoError(f"{name}: multus:{key} {rule}")
    return found


def document(stack: str) -> dict[str, Any]:
    """The stack file without what only secrets need, such as a salt; raises DemoError."""
    return {"config": dict(read(stack).config)}


def settings(stack: str) -> MultusArgs:
    """What the stack file says; raises DemoError and StackFileError."""
    name, file = f"stacks/Pulumi.{stack}.yaml", read(stack)
    parsed = examine(file.config, (), name, file)
    if parsed.args is None:
        raise StackFileError(name, parsed.findings)
    return parsed.args


def chart_settings(chart: Chart) -> dict[str, str]:
    """The `multus:chart` to use: as the stack says, or the stand-in where no repository answers."""
    own = {"version": chart.version}
    if chart.path is not None:
        out.print(f"chart: {chart.version} from {chart.path}, as the stack file says")
        return own | {"path": str((ROOT / chart.path).resolve())}
    try:
        with urllib.request.urlopen(f"{chart.repository}/index.yaml", timeout=ANSWER_SECONDS):  # noqa: S310 (checked by Chart)
            pass
        download_packages(chart, folder() / "charts")
    except (OSError, ChartError) as error:
        return _stand_in(chart, getattr(error, "reason", None) or error)
    out.print(f"chart: the real {chart.version} from {chart.repository}")
    return own | {"repository": chart.repository}


def _stand_in(chart: Chart, reason: object) -> dict[str, str]:
    out.print(
        f"[yellow]chart: {chart.repository} does not answer ({reason}).[/] Falling back to this "
        f"project's stand-in for {chart.version}, which makes the same objects"
    )
    return package(chart.version, folder() / "charts").settings()


def workspace(tools: Tools, stack: str, kubeconfig: Path) -> Workspace:
    """A fresh copy of the project over the demo's own state."""
    checkout = Engine.create(tools, folder() / "engine").workspace(
        env={"KUBECONFIG": str(kubeconfig)}
    )
    chosen = json.loads((folder() / "chart.json").read_text(encoding="utf-8"))
    checkout.write_stack(stack, yaml.safe_dump(document(stack), sort_keys=False))
    checkout.configure(stack, {"chart": chosen})
    return checkout


def up(stack: str) -> int:
    args = settings(stack)  # before the demo that runs is ended
    down()
    reason = demo_nodes.obstacle(args)
    tools = find_tools("engine") if reason else find_tools("engine", "wire", "nodes")
    out.rule("What is real here")
    for line in tools.summary():
        out.print(f"  {line}")
    folder().mkdir(parents=True)
    chosen = chart_settings(args.chart)
    (folder() / "chart.json").write_text(json.dumps(chosen), encoding="utf-8")
    (folder() / "stack").write_text(stack, encoding="utf-8")
    cluster = demo_nodes.start(out, control_plane().directory, args, tools, reason)
    out.rule(f"pulumi up --stack {stack}")
    result = workspace(tools, stack, cluster.kubeconfig).up(stack)
    _report(result)
    if not result.ok:
        return 1
    _show(result)
    _show_live(cluster)
    if not reason and (network := demo_pods.usable(args)):
        out.rule("What a pod gets")
        demo_pods.show(out, cluster, *network)
        out.print(
            f"  {cluster.program} exec deployment/{demo_pods.NAME} -- ip address", markup=False
        )
    _hint(cluster, stack)
    return 0


def preview() -> int:
    """What an edited stack file would change in the running demo."""
    plane = control_plane()
    if not plane.running:
        out.print("error: the demo does not run. Start it with: make demo", style="red")
        return 1
    stack = (folder() / "stack").read_text(encoding="utf-8")
    result = workspace(find_tools("engine"), stack, plane.kubeconfig).preview(stack, diff=True)
    out.print(result.stdout.strip(), markup=False)
    _report(result)
    return 0 if result.ok else 1


def down() -> int:
    plane = control_plane()
    if plane.directory.is_dir():
        plane.stop()
        out.print(f"ended {plane.directory}")
    shutil.rmtree(folder(), ignore_errors=True)
    return 0


def _report(result: Result) -> None:
    for step in result.changes if result.operation == "up" else ():
        out.print(f"  {step.op:8} {step.type.rpartition(':')[2]:32} {step.name}", markup=False)
    for warning in result.warnings:
        out.print(f"warning: {warning}", style="yellow", markup=False)
    # What the CLI says before the program runs is no diagnostic of the engine.
    errors = result.errors or (() if result.ok else result.stderr.strip().splitlines())
    for error in errors:
        text = error.removeprefix("error: ")
        out.print(f"error: {text}", style="red", markup=False)
    if result.ok:
        out.print(f"done in {result.seconds:.1f} s")


def _show(result: Result) -> None:
    table = Table("network", "ipam", "addresses", "annotation for a pod", title="Outputs")
    for key, network in result.outputs["networks"].items():
        capacity = network["capacity"]
        table.add_row(
            key,
            network["ipam"] or "none (layer 2)",
            "the DHCP server's" if network["ipam"] == "dhcp" else str(capacity or "-"),
            "\n".join(f"{name}: {value}" for name, value in _annotation(network).items()),
        )
    out.print(table)
    release, version = result.outputs["release"], result.outputs["chartVersion"]
    out.print(f"release {release}, chart rke2-multus {version}")


def _annotation(network: Mapping[str, Any]) -> Mapping[str, str]:
    """The plain one, or an example where a pod must choose an address."""
    return network.get("annotation") or network.get("example") or {}


def _show_live(cluster: Cluster) -> None:
    out.rule("What the API server has")
    out.print(cluster.kubectl("get", "daemonsets,deployments", "-n", "kube-system"), markup=False)
    out.print(cluster.kubectl("get", "network-attachment-definitions", "-A"), markup=False)


def _hint(cluster: Cluster, stack: str) -> None:
    other = "prod" if stack != "prod" else "staging"
    out.rule("What to look at")
    out.print(
        f"""  export KUBECONFIG={cluster.kubeconfig}
  {cluster.program} get net-attach-def -A -o yaml      the networks, as Multus reads them
  {cluster.program} get daemonset multus -n kube-system -o yaml
  edit stacks/Pulumi.{stack}.yaml, then: make demo-preview    what your edit would change
  make demo STACK={other:32}   another stack, on a fresh cluster
  make demo-down                                  ends everything""",
        markup=False,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m testbed.demo", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", choices=("up", "preview", "down"))
    parser.add_argument("--stack", default="prod", help="as in stacks/Pulumi.NAME.yaml")
    arguments = parser.parse_args()
    try:
        match arguments.what:
            case "up":
                return up(arguments.stack)
            case "preview":
                return preview()
            case _:
                return down()
    except StackFileError as error:
        out.print(str(error), style="red", markup=False)
        return 1
    except (DemoError, ToolError, ClusterError, OperationError) as error:
        out.print(f"error: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        if arguments.what == "preview":
            out.print("interrupted; the demo goes on")
        else:
            out.print("interrupted; ending what was started")
            down()
        return 130


if __name__ == "__main__":
    sys.exit(main())
