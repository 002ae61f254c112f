{{- define "rekey.selector" -}}
app.kubernetes.io/name: rekey
{{- end }}

{{- define "rekey.labels" -}}
{{ include "rekey.selector" . }}
app.kubernetes.io/part-of: rekey
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "rekey.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "rekey.subject" -}}
- { kind: ServiceAccount, name: rekey, namespace: {{ .Release.Namespace | quote }} }
{{- end }}

{{/* The Leases of so many shards. */}}
{{- define "rekey.shardLeases" -}}
{{- range $shard := until . }}
- {{ printf "rekey-shard-%d-of-%d" $shard $ }}
{{- end }}
{{- end }}

{{/* The ConfigMap beside a Secret, as ledgerConfigMapName in the source has it: a name has 253 characters at most. */}}
{{- define "rekey.log" -}}
{{- if le (len .) 247 -}}
{{ . }}-rekey
{{- else -}}
{{ regexReplaceAllLiteral "[-.]+$" (trunc 238 .) "" }}-{{ sha256sum . | trunc 8 }}-rekey
{{- end -}}
{{- end }}

{{/* A manifest of deploy as it is, with the labels of the release. */}}
{{- define "rekey.file" -}}
{{- $labels := include "rekey.labels" .root | nindent 4 -}}
{{- $annotations := ternary "\n  annotations:\n    helm.sh/resource-policy: keep" "" .keep -}}
{{- regexReplaceAll "(?m)^metadata:$" (.root.Files.Get .path) (printf "metadata:%s\n  labels:%s" $annotations $labels) -}}
{{- end }}

{{/* The rules of deploy/monitoring, as deploy/runbooks links them to their pages if it is known where these are. */}}
{{- define "rekey.rules" -}}
{{- $rules := .Files.Get "files/monitoring-rules.yaml" -}}
{{- with .Values.monitoring.runbooks -}}
{{- $rules = regexReplaceAll "(?m)^( *)runbook: (.+)$" $rules (printf "${1}runbook: ${2}\n${1}runbook_url: %s/${2}" .) -}}
{{- end -}}
{{ $rules }}
{{- end }}
