"""What Pulumi runs for `pulumi package add`: the component, for any language."""

from multus_k3s.provider import main

main()
