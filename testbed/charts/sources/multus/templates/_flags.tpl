{{- /*
The entry point's arguments. Each row says how a value becomes a flag:
  value   flag=value when the value is set
  host    flag=/host + value when the value is set, because the node is mounted under /host
  switch  the bare flag when the value is the boolean true; any other type fails the render, as
          it does in the published chart
The one row with a single dash is the published chart's and stops the binary; it is kept so that
whoever sets logToStderr meets the same here.
*/}}
{{- define "multus.flags" -}}
{{- $conf := .Values.config.cni_conf }}
{{- $rows := list
  "value  --multus-conf-file multusConfFile"
  "value  --cni-version cniVersion"
  "host   --cni-conf-dir confDir"
  "host   --cni-bin-dir binDir"
  "host   --multus-autoconfig-dir multusAutoconfigDir"
  "value  --multus-cni-conf-dir multusCniConfDir"
  "value  --multus-bin-file multusBinFile"
  "value  --multus-kubeconfig-file-host kubeconfig"
  "value  --multus-master-cni-file-name masterCniFilename"
  "value  --additional-bin-dir additionalBinDir"
  "switch --skip-config-watch skipConfigWatch"
  "switch --skip-multus-binary-copy skipMultusBinaryCopy"
  "value  --readiness-indicator-file readinessIndicatorFile"
  "switch --rename-conf-file renameConfFile"
  "switch --namespace-isolation namespaceIsolation"
  "value  --global-namespaces globalNamespaces"
  "switch --override-network-name overrideNetworkName"
  "value  --multus-log-level logLevel"
  "value  --multus-log-file logFile"
  "switch -multus-log-to-stderr logToStderr"
  "value  --cleanup-config-on-exit cleanupConfigOnExit"
}}
{{- range $rows }}
{{- $row := regexSplit " +" . -1 }}
{{- $kind := index $row 0 }}{{ $flag := index $row 1 }}{{ $value := index $conf (index $row 2) }}
{{- if eq $kind "switch" }}
{{- if eq $value true }}
- {{ $flag }}
{{- end }}
{{- else if $value }}
- {{ printf "%s=%s%v" $flag (eq $kind "host" | ternary "/host" "") $value | quote }}
{{- end }}
{{- end }}
{{- end }}
