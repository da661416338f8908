"""Parts of a pod in raw Helm values, typed as the Kubernetes API is (core/v1, v1.34).

Only the fields that make sense for a daemon in the host's network; what is left out is refused by
name. Field names are the API's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from components.faults import Fault, attempt
from components.model import FROM_YAML, Model

AS_ROOT: Final = "Whereabouts writes to the node's directories as root. Leave it out"
PRIVILEGED: Final = "the chart sets privileged: true, which includes it. Set privileged: false too"

Text = Annotated[str, Field(min_length=1)]
Id = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Capabilities(Model):
    """Linux capabilities, without CAP_ in front."""

    add: tuple[Text, ...] = ()
    drop: tuple[Text, ...] = ()


class SELinuxOptions(Model):
    """The SELinux label of the processes."""

    level: str | None = None
    role: str | None = None
    type: str | None = None
    user: str | None = None


class SeccompProfile(Model):
    """Which system calls are let through."""

    type: Literal["RuntimeDefault", "Unconfined"]


class _Security(Model):
    run_as_user: Id | None = None
    run_as_group: Id | None = None
    run_as_non_root: bool = False
    se_linux_options: SELinuxOptions | None = Field(default=None, alias="seLinuxOptions")
    seccomp_profile: SeccompProfile | None = None

    def faults(self) -> Iterator[Fault]:
        if self.run_as_non_root:
            yield Fault(("runAsNonRoot",), AS_ROOT, self.run_as_non_root)
        if self.run_as_user:
            yield Fault(("runAsUser",), AS_ROOT, self.run_as_user)


class SecurityContext(_Security):
    """A container's; the chart's default is `privileged: true`."""

    privileged: bool = True
    allow_privilege_escalation: bool = True
    read_only_root_filesystem: bool = False
    capabilities: Capabilities | None = None

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.privileged and not self.allow_privilege_escalation:
            yield Fault(("allowPrivilegeEscalation",), PRIVILEGED, value=False)


class PodSecurityContext(_Security):
    """A pod's, for all of its containers."""

    withheld: ClassVar[Mapping[str, str]] = {
        "sysctls": "Kubernetes takes none of the network's beside the host's network"
    }

    fs_group: Id | None = None
    supplemental_groups: tuple[Id, ...] = ()


def faults(model: type[Model], value: Any) -> list[Fault]:
    """What is wrong with a value that shall be of that type; rules quote none of it."""
    _, found = attempt(lambda raw: model.model_validate(raw, context=FROM_YAML), value)
    return found
