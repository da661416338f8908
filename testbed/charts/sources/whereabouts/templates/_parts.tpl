{{- /* What more than one object of this subchart says. */}}

{{- define "whereabouts.shortName" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* An override wins; a release that already carries the name is not given it twice. */}}
{{- define "whereabouts.objectName" -}}
{{- $short := .Values.nameOverride | default .Chart.Name }}
{{- $long := contains $short .Release.Name | ternary .Release.Name (list .Release.Name $short | join "-") }}
{{- .Values.fullnameOverride | default $long | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "whereabouts.accountName" -}}
{{- $generated := .Values.serviceAccount.create | ternary (include "whereabouts.objectName" .) "default" }}
{{- .Values.serviceAccount.name | default $generated }}
{{- end }}

{{- define "whereabouts.homeNamespace" -}}
{{ .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "whereabouts.podSelector" -}}
app: {{ include "whereabouts.shortName" . }}
app.kubernetes.io/name: {{ include "whereabouts.shortName" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "whereabouts.metaLabels" -}}
{{ include "whereabouts.podSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "whereabouts.imageName" -}}
{{- with .Values.global.systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* Identity and credentials of both workloads. */}}
{{- define "whereabouts.identity" -}}
serviceAccountName: {{ include "whereabouts.accountName" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{- /* Both workloads read the reconciler's schedule from the same file. */}}
{{- define "whereabouts.scheduleVolume" -}}
name: cron-scheduler-configmap
configMap:
  name: {{ include "whereabouts.objectName" . }}-config
  defaultMode: 0744
  items:
    - {key: cron-expression, path: config}
{{- end }}
