"""A machine of a K3s cluster in namespaces: the real CNI binaries, run as on a node."""
