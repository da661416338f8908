#!/bin/sh
# The init container cni-plugins: every plugin but the named ones to the node, each at once.
set -eu
target=/host/opt/cni/bin
for plugin in /opt/cni/bin/*; do
  name=${plugin##*/}
  case ",${SKIP_CNI_BINARIES:-}," in *",$name,"*) continue ;; esac
  cp "$plugin" "$target/$name.tmp"
  mv -f "$target/$name.tmp" "$target/$name"
done
