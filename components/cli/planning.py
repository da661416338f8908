"""`multus-k3s plan`: runs the preview, asks the cluster, renders the charts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from ..args import MultusArgs
from ..chart.packages import FOLDER, ChartError, download_packages
from ..chart.versions import CHART, CRD_CHART, CRD_RELEASE, NAMESPACE, RELEASE, RELEASE_TYPE, Chart
from ..cluster_tasks.attachments import Live
from ..cluster_tasks.kubectl import TaskError, one_line
from ..findings import FindingsError, shown
from ..model import read
from ..plan import Plan, engine, failed, planned
from ..plan.engine import Preview
from ..plan.objects import Objects, objects
from ..preflight import ROLE
from . import doctor

INSTALL: Final = "https://www.pulumi.com/docs/install/"
HIDDEN: Final = "[secret]"
SAYS_WHY: Final = ('"summaryEvent"', '"severity":"error"')  # an event log without either ends early
FLAGS: Final = ("--include-crds", "--values=-")


class NoPreviewError(Exception):
    """Pulumi could not begin; one line."""


def preview(stack: str, plan_file: Path | None) -> str:
    """The event log of `pulumi preview`, with a plan for `pulumi up --plan`, if asked for.

    Raises NoPreviewError where that does not say why it failed: no engine, no login, no such stack,
    no language host.
    """
    if (program := shutil.which("pulumi")) is None:
        raise NoPreviewError(f"pulumi is not on PATH. Install it: {INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "events"
        save = [f"--save-plan={plan_file}"] if plan_file else []
        done = subprocess.run(
            [
                *(program, "preview", f"--stack={stack}", f"--event-log={log}", *save),
                *("--non-interactive", "--color=never", "--suppress-progress"),
            ],
            # Without it the CLI does not know --event-log.
            env={**os.environ, "PULUMI_DEBUG_COMMANDS": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        text = log.read_text(encoding="utf-8") if log.exists() else ""
    if not text.strip() or (done.returncode and not any(one in text for one in SAYS_WHY)):
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = [one for one in lines if one.startswith("error: ")] or lines[-1:] or ["it ended"]
        fix = f". Make it: pulumi stack init {stack}" if "no stack named" in said[0] else ""
        raise NoPreviewError(f"pulumi preview: {one_line(said[0].removeprefix('error: '))}{fix}")
    return text


def made(stack: str, text: str, args: MultusArgs | None, access: Mapping[str, str]) -> Plan:
    """The plan of a preview; raises ValueError where `text` is none.

    args: of the stack file, None where it is faulty. access: as the tasks get it in their
    environment.
    """
    found = engine.read(text)
    if found.errors or args is None:
        return failed(stack, found.errors or ["the stack file has errors: multus-k3s check"])
    unseen: list[str] = []
    pods = _pods(access, unseen)
    gated = bool(unseen) and args.preflight != "off"
    return planned(
        stack,
        found,
        pods=pods,
        rendered=_rendered(found, args, unseen),
        unseen=unseen,
        gated=gated,
    )


def _pods(access: Mapping[str, str], unseen: list[str]) -> Mapping[str, Live]:
    try:
        seen = doctor.pods(access)
    except TaskError as error:
        unseen.append(f"Pods were not looked at, for {one_line(str(error))}")
        return {}
    if seen.forbidden:
        why = "the kubeconfig's user may not read them"
        unseen.append(f"Pods were not looked at, for {why}. {ROLE} has what is needed")
    return seen.pods


def _rendered(
    preview: Preview, args: MultusArgs, unseen: list[str]
) -> tuple[Objects, Objects] | None:
    """The objects of the releases that change, before and after."""
    steps = [one for one in preview.steps if one.type == RELEASE_TYPE]
    if not steps:
        return {}, {}
    if (helm := shutil.which("helm")) is None:
        unseen.append("The charts' manifests were not compared, for helm is not on PATH")
        return None
    try:
        old = _objects(helm, [one.old for one in steps], args)
        new = _objects(helm, [one.new for one in steps], args)
    except (ChartError, FindingsError, OSError, yaml.YAMLError) as error:
        unseen.append(f"The charts' manifests were not compared: {one_line(str(error))}")
        return None
    return old, new


def _objects(helm: str, releases: Sequence[Mapping[str, Any]], args: MultusArgs) -> Objects:
    """What the releases' inputs render; raises ChartError and FindingsError."""
    found: dict[str, Any] = {}
    version = next((one.get("version") for one in releases if one.get("name") == RELEASE), None)
    for one in releases:
        if not one:
            continue
        if one.get("name") not in (RELEASE, CRD_RELEASE):  # an argument of helm's
            raise ChartError(f"{shown(one.get('name'))} is no release of the program")
        if one.get("values") == HIDDEN:
            raise ChartError("the values are a secret")
        package = str(one.get("chart"))
        if Path(package).parent != FOLDER or not Path(package).is_file():
            package = _package(one["name"], version, args)
        done = subprocess.run(
            [helm, "template", f"--namespace={NAMESPACE}", *FLAGS, "--", one["name"], package],
            input=yaml.safe_dump(one.get("values") or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["helm failed and gave no reason"]
            raise ChartError(one_line(said[-1]))
        found |= objects(done.stdout, NAMESPACE)
    return found


def _package(release: str, version: str | None, args: MultusArgs) -> str:
    """The chart's package of another version, from where the stack takes its own."""
    own = args.chart
    where = {"path": own.path} if own.path else {"repository": own.repository}
    chart = own if version in (None, own.version) else read(Chart, {"version": version, **where})
    packages = download_packages(chart)
    return packages[CRD_CHART if release == CRD_RELEASE else CHART]
