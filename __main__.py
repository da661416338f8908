"""Deploy what the stack's file declares: Multus, its IPAM plugin and the networks."""

from __future__ import annotations

import pulumi

from components import MultusComponent, config

stack = config.load_stack()
multus = MultusComponent(
    "multus", stack.args, access=stack.access, secret_values=stack.secret_values
)

pulumi.export("release", multus.release_name)
pulumi.export("chartVersion", multus.chart_version)
pulumi.export("networks", multus.networks)
pulumi.export("values", multus.values)
pulumi.export("images", multus.images)
