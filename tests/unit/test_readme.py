"""What the README shows is what the tests hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from components.findings import listed
from components.parse import placed
from components.rules.registry import run_on
from tests.unit.test_preflight import configuration, live

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
FAULTY: Final = ROOT / "tests" / "stacks" / "faulty" / "three-kinds-at-once.yaml"


def test_the_table_at_the_top_is_what_was_seen_on_the_wire() -> None:
    table = (ROOT / "tests" / "wire" / "recipe.md").read_text(encoding="utf-8")
    assert table in README
    assert README.index(table) < README.index("\n## ")


def test_the_findings_that_it_shows_are_of_the_stack_that_it_names() -> None:
    command = ("check", str(FAULTY.relative_to(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "components.cli", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"```text\n{done.stdout}```" in README


def test_the_preflight_that_it_shows() -> None:
    """A stack of one node with host-local, on a cluster of three with another Multus."""
    ipam = {"type": "host-local", "subnet": "192.168.10.0/24"}
    lan = {"name": "lan", "type": "macvlan", "master": "eth1", "ipam": ipam}
    stack = {"cluster": {"nodes": "single"}, "ipam": "host-local", "networks": [lan]}
    nodes = [{"name": f"node-{number}"} for number in (1, 2, 3)]
    cluster = live({"nodes": nodes, "daemonsets": [{"name": "kube-multus-ds"}]})
    found = [placed(one, {}) for one in run_on(cluster, configuration(stack))]
    assert f"```text\n{listed('nothing was changed, because preflight has', found)}\n```" in README
