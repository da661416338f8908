"""Deploy Multus, the IPAM plugin and the networks that the stack's file declares."""

from __future__ import annotations

import pulumi

from components import MultusComponent, fetch, inspect, load, provider

settings = load()
inspect(settings.args, settings.access)
multus = MultusComponent(
    "multus",
    settings.args,
    packages=fetch(settings.args.chart),
    access=settings.access,
    secret_values=settings.secret_values,
    opts=pulumi.ResourceOptions(provider=provider(settings.access)),
)

pulumi.export("release", multus.release_name)
pulumi.export("chartVersion", multus.chart_version)
pulumi.export("networks", multus.networks)
pulumi.export("values", multus.values)
pulumi.export("images", multus.images)
