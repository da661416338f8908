"""Runs one stack in a workflow, with the environment's secrets or without any.

    python -m ci.runs plan STACK FILE [--save-plan=FILE]    for branches of this repository
    python -m ci.runs fork STACK FILE                       as a first deployment, without secrets
    python -m ci.runs drift STACK FILE
    python -m ci.runs up STACK FILE                         what FILE, of --save-plan, has

But for `up` FILE gets JSON, in every case. A secret that is missing is named in it, and a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from components.cli.plan_forms import markdown
from components.cluster_tasks.kubectl import one_line
from components.plan import failed
from components.plan.report import from_json, written
from components.stack_file import read_stack_file
from components.yaml_file import UnreadableError

NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "plan": ("PULUMI_ACCESS_TOKEN", "KUBECONFIG"),
    "up": ("PULUMI_ACCESS_TOKEN", "KUBECONFIG"),
    "drift": ("KUBECONFIG",),
    "fork": (),
}
"""The secrets of each; they come as SECRET_…, for an empty KUBECONFIG means another to kubectl.

A state elsewhere than in Pulumi Cloud takes no token, but others; those that are set are passed on.
"""
REFUSED: Final = 2
DRIFTED: Final = 2
NOWHERE: Final = "https://127.0.0.1:9"


def lacking(what: str, environment: Mapping[str, str]) -> str:
    """A sentence that names the secrets which are missing; empty where none is."""
    cloud = (environment.get("PULUMI_BACKEND_URL") or "https:").startswith("https:")
    needed = [one for one in NEEDED[what] if cloud or one != "PULUMI_ACCESS_TOKEN"]
    gone = [one for one in needed if not environment.get(f"SECRET_{one}", "").strip()]
    where = environment.get("SECRETS_OF", "the repository")
    these = f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'}"
    return f"{these} missing among the secrets of {where}. Set them there" if gone else ""


def nowhere(stack: str) -> str:
    """A kubeconfig that leads nowhere, with the context that the stack asks for.

    A provider without any kubeconfig is an error, one that leads nowhere is not.
    """
    try:
        path = Path(f"stacks/Pulumi.{stack}.yaml")
        context = read_stack_file(path, str(path)).config.get("multus:context")
    except UnreadableError:  # which the preview says
        context = None
    name = str(context or "nowhere")
    found: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": "nowhere", "cluster": {"server": NOWHERE}}],
        "users": [{"name": "nobody", "user": {"token": "none"}}],
        "contexts": [{"name": name, "context": {"cluster": "nowhere", "user": "nobody"}}],
    }
    return yaml.safe_dump(found)


def environment(what: str, stack: str) -> dict[str, str]:
    """Of the command, with a kubeconfig that nobody else on the machine can read."""
    temp = Path(os.environ["RUNNER_TEMP"])
    found = {key: one for key, one in os.environ.items() if not key.startswith("SECRET_")}
    given = {key: one for key, one in os.environ.items() if key.startswith("SECRET_")}
    if what != "fork":
        found |= {key.removeprefix("SECRET_"): one for key, one in given.items() if one.strip()}
    file = temp / "kubeconfig"
    file.touch(0o600)
    file.write_text(nowhere(stack) if what == "fork" else found["KUBECONFIG"], "utf-8")
    found["KUBECONFIG"] = str(file)
    if what == "fork":  # a state that is gone with the runner and holds no secret
        found |= {"PULUMI_BACKEND_URL": f"file://{temp}", "PULUMI_CONFIG_PASSPHRASE": "none"}
    return found


def up(stack: str, plan: str) -> int:
    if why := lacking("up", os.environ):
        print(f"error: {why}", file=sys.stderr)
        return REFUSED
    command = ["pulumi", "up", f"--stack={stack}", f"--plan={plan}", "--yes", "--skip-preview"]
    more = ["--non-interactive", "--color=never"]
    return subprocess.run([*command, *more], env=environment("up", stack), check=False).returncode


def report(what: str, stack: str, file: Path, *more: str) -> int:
    """Run `multus-k3s`, its JSON to the file; its exit status, but that drift is no failure."""
    said, why, status = "", lacking(what, os.environ), REFUSED
    if not why:
        env = environment(what, stack)
        name = "drift" if what == "drift" else "plan"
        options = ["--json", *more, *(["--gate"] if what == "plan" else [])]
        commands = [[sys.executable, "-m", "components.cli", name, stack, *options]]
        if what == "fork":
            commands.insert(0, ["pulumi", "stack", "init", stack, "--non-interactive"])
        for command in commands:
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            said, why, status = done.stdout, one_line(done.stderr), done.returncode
            if status:
                break
        said = said if said.startswith("{") else ""
    if what == "drift":
        file.write_text(said or json.dumps({"findings": [], "error": why}), encoding="utf-8")
        return 0 if said and status == DRIFTED else status
    file.write_text(said or written(failed(stack, [why])), encoding="utf-8")
    text = markdown(from_json(file.read_text(encoding="utf-8")))
    print(text)
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as page:
        page.write(text)
    return status


def main(arguments: Sequence[str]) -> int:
    what, stack, file, *more = arguments
    return up(stack, file) if what == "up" else report(what, stack, Path(file), *more)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
