#!/bin/sh
# Writes Whereabouts' kubeconfig again when the token changes, once a second at most.
seen=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)
while sleep 1; do
  now=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)
  [ "$now" = "$seen" ] || (. /install-cni.sh)
  seen=$now
done
