"""The pods of workloads, as the kubelet of one simulated machine runs them.

From a live DaemonSet or Deployment: its ConfigMaps and its service account's token are fetched
from the API server and laid out as the kubelet does, with the `..data` link that changes at once.
It schedules nothing and restarts nothing: a test says what runs when.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testbed.kubectl import Kubectl
from testbed.node.container import (
    IMAGES,
    PATH,
    PROPAGATION,
    Container,
    ContainerError,
    Mount,
    command,
    image_name,
)
from testbed.node.namespaces import Space

API: Final = ("127.0.0.1", 6443)
ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUMES: Final = "/var/lib/kubelet/volumes"
_numbers = itertools.count(1)


@dataclass
class Workload:
    """One pod of a workload on a machine."""

    space: Space
    node: str
    name: str
    containers: list[Container]
    initial: list[Container]
    account: Path

    def start(self) -> None:
        """Runs the init containers one after another, then begins the others."""
        for container in self.initial:
            container.run()
        for container in self.containers:
            container.start()

    def stop(self) -> None:
        for container in self.containers:
            container.stop()

    def kill(self) -> None:
        for container in self.containers:
            container.kill()

    @property
    def log(self) -> str:
        return "\n".join(container.log for container in self.containers)

    def set_token(self, token: str) -> None:
        """A new token of the service account, as the kubelet renews it."""
        files = {one: (self.account / one).read_text() for one in ("ca.crt", "namespace")}
        lay_out(self.account, {**files, "token": token})


def token(cluster: Kubectl, namespace: str, account: str) -> str:
    return cluster.kubectl("create", "token", "-n", namespace, account).strip()


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """Writes a volume's files so that all of them change in one moment."""
    fresh = folder / f"..{next(_numbers)}"
    fresh.mkdir(parents=True)
    for name, text in files.items():
        (fresh / name).write_text(text, encoding="utf-8")
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    link = folder / f"..data_{os.getpid()}"
    link.symlink_to(fresh.name)
    link.rename(folder / "..data")


def workload(cluster: Kubectl, space: Space, node: str, found: Mapping[str, Any]) -> Workload:
    """The pod that a live DaemonSet or Deployment asks for, on that machine."""
    meta, spec = found["metadata"], found["spec"]["template"]["spec"]
    name, namespace = meta["name"], meta["namespace"]
    if not spec.get("hostNetwork") and found["kind"] == "DaemonSet":
        raise ContainerError(f"DaemonSet {name} has no hostNetwork, which is all that is run here")
    folder = f"{VOLUMES}/{name}-{next(_numbers)}"
    account = f"{folder}/account"
    _account(cluster, space.path(account), namespace, spec.get("serviceAccountName", "default"))
    sources = {
        volume["name"]: _source(cluster, space, namespace, f"{folder}/{volume['name']}", volume)
        for volume in spec.get("volumes", ())
    }
    fields = {
        "spec.nodeName": node,
        "metadata.namespace": namespace,
        "metadata.name": f"{name}-{node}",
    }

    def made(container: Mapping[str, Any]) -> Container:
        image = image_name(container["image"])
        if image not in IMAGES:
            raise ContainerError(f"image {container['image']} is not known here")
        mounts = [_mount(one, sources) for one in container.get("volumeMounts", ())]
        mounts.append(Mount(account, ACCOUNT))
        environment = {
            "PATH": PATH,
            "HOSTNAME": node,
            "KUBERNETES_SERVICE_HOST": API[0],
            "KUBERNETES_SERVICE_PORT": str(API[1]),
            **dict(_environment(container, fields)),
        }
        run = command(container, image)
        return Container(space, container["name"], image, run, environment, mounts)

    return Workload(
        space,
        node,
        name,
        [made(one) for one in spec["containers"]],
        [made(one) for one in spec.get("initContainers", ())],
        space.path(account),
    )


def _account(cluster: Kubectl, folder: Path, namespace: str, account: str) -> None:
    authority = cluster.kubectl_json("get", "-n", namespace, "configmap", "kube-root-ca.crt")
    lay_out(
        folder,
        {
            "token": token(cluster, namespace, account),
            "ca.crt": authority["data"]["ca.crt"],
            "namespace": namespace,
        },
    )


def _source(
    cluster: Kubectl, space: Space, namespace: str, folder: str, volume: Mapping[str, Any]
) -> str:
    """The path on the machine that a volume stands for."""
    match volume:
        case {"hostPath": {"path": str(path)}}:
            return path
        case {"configMap": {"name": name, **rest}}:
            listed: Any = rest.get("items")
            data = cluster.kubectl_json("get", "-n", namespace, "configmap", name)["data"]
            items = listed or [{"key": key, "path": key} for key in data]
            lay_out(space.path(folder), {item["path"]: data[item["key"]] for item in items})
            return folder
    raise ContainerError(f"a volume of a kind that is not known here: {volume}")


def _mount(mount: Mapping[str, Any], sources: Mapping[str, str]) -> Mount:
    source = sources[mount["name"]]
    if "subPath" in mount:
        source = f"{source}/{mount['subPath']}"
    propagation = PROPAGATION[mount.get("mountPropagation")]
    return Mount(source, mount["mountPath"], propagation, bool(mount.get("readOnly")))


def _environment(
    container: Mapping[str, Any], fields: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for entry in container.get("env", ()):
        match entry:
            case {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} if path in fields:
                yield name, fields[path]
            case {"name": name, "valueFrom": _}:
                raise ContainerError(f"variable {name} is from a source not known here")
            case {"name": name, **rest}:
                yield name, str(rest.get("value", ""))
