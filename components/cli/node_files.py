"""`multus-k3s node-files`: what each node needs so that its pods wait while Multus is away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

from ..cluster import Cluster
from ..fail_closed import LABEL, content, mark, path

Form = Literal["plain", "cloud-init", "ansible"]
# K3s and RKE2 read every file there, and `+` adds to a list of another file (readConfigFileData
# and its callers in K3s's pkg/configfilearg/parser.go). They label the node at each start
# (updateMutableLabels in K3s's pkg/agent/run.go).
CONFIG: Final = "/etc/rancher/{distribution}/config.yaml.d/90-multus-fail-closed.yaml"
MODE: Final = "0644"


def node_files(cluster: Cluster) -> dict[str, str]:
    """The text of each file by its path; of a custom cluster a person labels the nodes."""
    conf_dir = cluster.paths.conf_dir
    files = {path(conf_dir): content()}
    if cluster.distribution != "custom":
        labels = f"node-label+:\n  - {LABEL}={mark(conf_dir)}\n"
        files[CONFIG.format(distribution=cluster.distribution)] = labels
    return files


def steps(cluster: Cluster) -> str:
    """What to do, in order, as comments; no step disturbs a pod."""
    return f"""\
# 1. Put the files on each node, in any order. Nothing is restarted: they matter only while Multus
#    is away. On a new node they come before its first start.
# 2. Tell of it, for each node that runs already:
#      kubectl label --overwrite node NAME {LABEL}={mark(cluster.paths.conf_dir)}
# 3. When all nodes have them: multus:cluster.failClosed: true, and pulumi up.
# To go back, and before pulumi destroy: remove the files from each node. Then:
#      kubectl label nodes --all {LABEL}-
"""


def written(cluster: Cluster, form: Form) -> str:
    """The files in a form, with the steps as comments."""
    said, files = steps(cluster), node_files(cluster)
    if form == "cloud-init":
        return f"#cloud-config\n{said}{_list('write_files', files)}"
    if form == "ansible":
        return said + "".join(_tasks(files))
    return said + "".join(f"\n# {place}\n{text}" for place, text in files.items())


def _list(key: str, files: Mapping[str, str]) -> str:
    entries = "".join(
        f"  - path: {place}\n    permissions: {json.dumps(MODE)}\n    content: |\n{_block(text, 6)}"
        for place, text in files.items()
    )
    return f"{key}:\n{entries}"


def _tasks(files: Mapping[str, str]) -> list[str]:
    return [
        f"- name: Create the directory of {place}\n  ansible.builtin.file:\n"
        f"    path: {place.rpartition('/')[0]}\n    state: directory\n"
        f"- name: Write {place}\n  ansible.builtin.copy:\n"
        f"    dest: {place}\n    mode: {json.dumps(MODE)}\n    content: |\n{_block(text, 6)}"
        for place, text in files.items()
    ]


def _block(text: str, indent: int) -> str:
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())
