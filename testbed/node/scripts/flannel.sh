#!/bin/sh
# flannel's own plugin is in no registry of modules. This does what it does: it hands the node's
# subnet to `bridge`.
set -eu
subnet=/run/flannel/subnet.env
previous=$(sed -n 's/.*"prevResult":\(.*\),"type":"flannel".*/"prevResult": \1,/p')
if [ ! -e "$subnet" ]; then
  missing="loadFlannelSubnetEnv failed: open $subnet: no such file or directory"
  echo "{\"code\": 999, \"msg\": \"$missing\"}"
  exit 1
fi
. "$subnet"
exec "${0%/*}/bridge" <<END
{"cniVersion": "1.0.0", "name": "cbr0", "type": "bridge", "bridge": "cni0", "mtu": $FLANNEL_MTU,
 $previous "hairpinMode": true, "forceAddress": true, "isDefaultGateway": true, "ipMasq": false,
 "ipam": {"type": "host-local", "dataDir": "/var/lib/cni/networks",
  "ranges": [[{"subnet": "$(echo "$FLANNEL_SUBNET" | sed 's|\.[0-9]*/|.0/|')"}]],
  "routes": [{"dst": "$FLANNEL_NETWORK"}]}}
END
