"""Which programs the testbed runs, from which pinned module set, and why each is needed.

Data and pure functions only: nothing here looks at the machine (`tools.py` does) or runs Go
(`building.py` does). A version stands once, in the set's go.mod; this table reads it there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

Group = Literal["engine", "wire", "nodes", "lint"]
GROUPS: tuple[Group, ...] = ("engine", "wire", "nodes", "lint")
TOOLCHAIN = Path(__file__).with_name("toolchain")


@dataclass(frozen=True)
class Tool:
    """One executable of a set.

    `package` is what `go build` is given. `ask` makes the program print its version; a tool found
    on PATH must answer it (an empty `ask`: being there is enough). `minimum` is the oldest version
    that serves, with the reason beside it. `alone`: fit to come from PATH though its set is built.
    """

    name: str
    package: str
    ask: tuple[str, ...] = ("--version",)
    minimum: tuple[int, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Toolset:
    """Programs of one module, in one version, that are built together.

    `pins` is the directory of their go.mod, which sets share where they can: a library of one
    version is compiled once. `minutes` is what a set takes on two cores, after those before it
    and with nothing cached. `together` means that PATH must offer all of the set in one directory
    and one version, or none of it is used. `on_path` is false where a program of the same name on
    PATH would be another program.
    """

    name: str
    group: Group
    pins: str
    module: str
    tools: tuple[Tool, ...]
    minutes: float
    ldflags: tuple[str, ...] = ()
    together: bool = False
    on_path: bool = True
    pinned: str | None = None

    @property
    def folder(self) -> Path:
        return TOOLCHAIN / self.pins

    @cached_property
    def version(self) -> str:
        """The version that is built, without the leading v."""
        if self.pinned is not None:
            return self.pinned
        text = (self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'} does not require {self.module}")
        return found.group(1)

    @property
    def linker_flags(self) -> str:
        """Version stamps, which several programs refuse to do without, and no debug tables."""
        major, minor, *_ = self.version.split(".")
        stamps = (f.format(version=self.version, major=major, minor=minor) for f in self.ldflags)
        return " ".join(("-s -w", *(f"-X {stamp}" for stamp in stamps)))

    def tool(self, name: str) -> Tool:
        return next(tool for tool in self.tools if tool.name == name)


# Named by the libraries of Kubernetes in them. docs/adr/0020-module-sets-share-libraries.md says
# what holds the two apart.
K8S_34 = "k8s-0.34"
K8S_33 = "k8s-0.33"

# An API server and a kubelet name themselves as K3s's do: charts and checks read this version.
AS_K3S = (
    "k8s.io/component-base/version.gitVersion=v{version}+k3s1",
    "k8s.io/component-base/version.gitMajor={major}",
    "k8s.io/component-base/version.gitMinor={minor}",
    "k8s.io/client-go/pkg/version.gitVersion=v{version}+k3s1",
)

# Small sets come first: a machine on which Go or the network does not work shows it in a minute.
TOOLSETS: tuple[Toolset, ...] = (
    Toolset(
        "etcd",
        "engine",
        K8S_34,
        "go.etcd.io/etcd/server/v3",
        (Tool("etcd", "go.etcd.io/etcd/server/v3", minimum=(3, 5)),),
        minutes=0.5,
    ),
    Toolset(
        "helm",
        "engine",
        K8S_34,
        "helm.sh/helm/v3",
        # Packages the charts of the tests and renders them for comparison; 3.8 is the first with
        # the flags used. Pulumi's provider holds a Helm of its own and never calls this one.
        (Tool("helm", "helm.sh/helm/v3/cmd/helm", ("version", "--short"), (3, 8)),),
        minutes=1.2,
        ldflags=("helm.sh/helm/v3/internal/version.version=v{version}",),
    ),
    Toolset(
        "kwok",
        "engine",
        K8S_33,
        "sigs.k8s.io/kwok",
        # Simulated nodes; Stage objects with weights (how a test keeps pods from getting ready)
        # are proven with 0.7 only.
        (
            Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", minimum=(0, 7)),
            Tool("kwokctl", "sigs.k8s.io/kwok/cmd/kwokctl", minimum=(0, 7)),
        ),
        minutes=1.8,
        together=True,
    ),
    Toolset(
        "pulumi",
        "engine",
        K8S_34,
        "github.com/pulumi/pulumi/pkg/v3",
        # Typed configuration and the event log that the tests read are older than 3.200; it is
        # the oldest that has been thought about. The stamp: the Automation API refuses v0.0.0.
        (Tool("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",), (3, 200)),),
        minutes=3.5,
        ldflags=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version}",),
    ),
    Toolset(
        "kubernetes",
        "engine",
        K8S_34,
        "k8s.io/kubernetes",
        # Three parts of one control plane never come from two places: a controller manager that
        # is newer than its API server is outside of what Kubernetes supports.
        (
            Tool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            Tool("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            Tool("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            # A client may differ from its server.
            Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl", ("version", "--client"), alone=True),
        ),
        minutes=4.5,
        ldflags=AS_K3S,
        together=True,
    ),
    Toolset(
        "kubernetes-provider",
        "engine",
        K8S_33,
        "github.com/pulumi/pulumi-kubernetes/provider/v4",
        (Tool("pulumi-resource-kubernetes", "./pulumi-resource-kubernetes", ()),),
        minutes=7,
        ldflags=("main.version={version}",),
        # The module is required by commit; the commit is the one that is tagged v4.25.0.
        pinned="4.25.0",
    ),
    Toolset(
        "cni-plugins",
        "wire",
        K8S_34,
        "github.com/containernetworking/plugins",
        tuple(
            Tool(path.rpartition("/")[2], f"github.com/containernetworking/plugins/plugins/{path}")
            for path in (
                "ipam/dhcp",
                "ipam/host-local",
                "ipam/static",
                "main/bridge",
                "main/host-device",
                "main/loopback",
                "main/macvlan",
                "main/ptp",
                "meta/bandwidth",
                "meta/firewall",
                "meta/portmap",
                "meta/sbr",
                "meta/tuning",
                "meta/vrf",
            )
        ),
        minutes=0.5,
        on_path=False,  # `bridge` on PATH is iproute2's
    ),
    Toolset(
        "cni-parser",
        "wire",
        K8S_34,
        "github.com/containernetworking/cni",
        # Reads configurations with the libraries that Multus and host-local read them with:
        # asked for its version, a plugin reads no configuration.
        (Tool("cni-parser", "./cni-parser", ()),),
        minutes=0.2,
        on_path=False,  # ours
    ),
    Toolset(
        "multus",
        "wire",
        K8S_34,
        "gopkg.in/k8snetworkplumbingwg/multus-cni.v4",
        (
            Tool("multus", "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus"),
            *(
                Tool(name, f"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/{name}")
                for name in ("thin_entrypoint", "multus-daemon", "multus-shim", "install_multus")
            ),
            Tool("passthru", "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/passthru-cni"),
        ),
        minutes=1,
        on_path=False,  # what is proven on the wire is the version that the chart installs
    ),
    Toolset(
        "whereabouts",
        "wire",
        K8S_34,
        "github.com/k8snetworkplumbingwg/whereabouts",
        (
            Tool("whereabouts", "github.com/k8snetworkplumbingwg/whereabouts/cmd"),
            Tool("controlloop", "github.com/k8snetworkplumbingwg/whereabouts/cmd/controlloop"),
            Tool("reconciler", "github.com/k8snetworkplumbingwg/whereabouts/cmd/reconciler"),
            # For the benchmark of node slices; no chart that works on K3s brings it.
            Tool(
                "nodeslicecontroller",
                "github.com/k8snetworkplumbingwg/whereabouts/cmd/nodeslicecontroller",
            ),
        ),
        minutes=1.2,
        on_path=False,  # as for Multus
    ),
    Toolset(
        "kubelet",
        "nodes",
        K8S_34,
        "k8s.io/kubernetes",
        tuple(Tool(name, f"k8s.io/kubernetes/cmd/{name}") for name in ("kubelet", "kube-proxy")),
        minutes=0.9,
        ldflags=AS_K3S,
        together=True,
    ),
    Toolset(
        "containerd",
        "nodes",
        K8S_33,
        "github.com/containerd/containerd/v2",
        # 2.0 is the first that reads configurations of version 3.
        tuple(
            Tool(name, f"github.com/containerd/containerd/v2/cmd/{name}", (ask,), (2, 0))
            for name, ask in (
                ("containerd", "--version"),
                ("containerd-shim-runc-v2", "-v"),
                ("ctr", "--version"),
            )
        ),
        minutes=2.1,
        ldflags=("github.com/containerd/containerd/v2/version.Version=v{version}-k3s1",),
        together=True,
    ),
    Toolset(
        "flannel",
        "nodes",
        K8S_34,
        "github.com/flannel-io/flannel",
        (Tool("flanneld", "github.com/flannel-io/flannel", minimum=(0, 20)),),
        minutes=2.4,
        ldflags=("github.com/flannel-io/flannel/pkg/version.Version=v{version}",),
    ),
    Toolset(
        "actionlint",
        "lint",
        "actionlint",
        "github.com/rhysd/actionlint",
        (Tool("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),),
        minutes=0.2,
    ),
)


def in_groups(groups: tuple[Group, ...]) -> tuple[Toolset, ...]:
    return tuple(toolset for toolset in TOOLSETS if toolset.group in groups)


def parse_version(text: str) -> tuple[int, ...] | None:
    """The first dotted number in what a program printed about itself."""
    found = re.search(r"v?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else None
