"""The chart `rke2-multus`: its versions, packages, Helm values and images."""
