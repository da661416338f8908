{{- /* What more than one object of this chart says. */}}

{{- define "multus.labels" -}}
{app: {{ .Chart.Name }}, tier: node}
{{- end }}

{{- define "multus.configName" -}}
{{ .Release.Name }}-{{ .Chart.Version }}-config
{{- end }}

{{- /* Takes (list root image), so that each image honours the private registry. */}}
{{- define "multus.image" -}}
{{- $root := index . 0 }}{{ $image := index . 1 }}
{{- with $root.Values.global.systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ $image.repository }}:{{ $image.tag }}
{{- end }}

{{- /* Which nodes, and with whose registry credentials: alike for both DaemonSets. */}}
{{- define "multus.placement" -}}
hostNetwork: true
nodeSelector: {{ toJson .Values.labels.nodeSelector }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{- /* One pod at a time: a node without Multus starts pods without their networks. */}}
{{- define "multus.rollout" -}}
selector:
  matchLabels: {app: {{ .Chart.Name }}}
updateStrategy:
  type: RollingUpdate
  rollingUpdate: {maxUnavailable: 1}
{{- end }}

{{- /* The node's directories, as lines "volume path"; the third only where it is another one. */}}
{{- define "multus.hostDirectories" -}}
{{- $conf := .Values.config.cni_conf -}}
cni {{ $conf.confDir }}
cnibin {{ $conf.binDir }}
{{- if and $conf.multusAutoconfigDir (ne $conf.multusAutoconfigDir $conf.confDir) }}
multusautoconfig {{ $conf.multusAutoconfigDir }}
{{- end }}
{{- end }}

{{- /* Installs the plugins of CNI: the first of Multus's init containers. */}}
{{- define "multus.plugins" -}}
- name: cni-plugins
  image: {{ include "multus.image" (list . .Values.cniplugins.image) }}
  securityContext: {privileged: true}
  env:
    - name: SKIP_CNI_BINARIES
      value: {{ .Values.cniplugins.skipcnis }}
  volumeMounts:
    - {name: cnibin, mountPath: /host/opt/cni/bin}
{{- end }}
