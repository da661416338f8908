"""Real nodes on this machine: kubelet, containerd, runc, flannel and kube-proxy in namespaces."""
