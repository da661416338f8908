# Leaves on the node what Whereabouts' installer leaves: a kubeconfig, the flat file that points to
# it, the node's name and the plugin. Paths on the node are those in the container without /host.
set -eu
account=/var/run/secrets/kubernetes.io/serviceaccount
folder="${CNI_CONF_DIR:-/host/etc/cni/net.d}/whereabouts.d"
on_node="${folder#/host}"
umask 077

write_kubeconfig() {
  cat > "$folder/whereabouts.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT
    certificate-authority-data: $(base64 -w0 < "$account/ca.crt")
users:
- name: whereabouts
  user: {token: "$(cat "$account/token")"}
contexts:
- name: whereabouts-context
  context: {cluster: local, user: whereabouts, namespace: $WHEREABOUTS_NAMESPACE}
current-context: whereabouts-context
END
}

mkdir -p "$folder"
write_kubeconfig
cat > "$folder/whereabouts.conf" <<END
{
  "datastore": "kubernetes",
  "configuration_path": "$on_node",
  "kubernetes": {"kubeconfig": "$on_node/whereabouts.kubeconfig"},
  "reconciler_cron_expression": "${WHEREABOUTS_RECONCILER_CRON:-30 4 * * *}"
}
END
[ -z "${NODENAME:-}" ] || printf '%s' "$NODENAME" > "$folder/nodename"
cp -f /whereabouts "${CNI_BIN_DIR:-/host/opt/cni/bin}/"
