{{/* One setting as text: `off` arrives from YAML as false, large numbers as floating ones, networks as a list. */}}
{{- define "cds.settingValue" -}}
{{- if kindIs "bool" . -}}{{ ternary "on" "off" . }}
{{- else if kindIs "float64" . -}}{{ int64 . }}
{{- else if kindIs "slice" . -}}{{ join "," . }}
{{- else -}}{{ . }}
{{- end -}}
{{- end -}}

{{/* The environment of servers and workers, without extraEnv. */}}
{{- define "cds.env" -}}
{{- range $name, $value := .Values.config }}
{{- if or $value (kindIs "bool" $value) }}
- name: CDS_{{ snakecase $name | upper }}
  value: {{ include "cds.settingValue" $value | quote }}
{{- end }}
{{- end }}
{{- with include "cds.catalogConfigMapName" . }}
- name: CDS_CATALOG
  value: /etc/cds/catalog/{{ $.Values.catalog.key }}
{{- end }}
{{- include "cds.storeEnv" . }}
- name: CDS_FILES_URL
  value: {{ .Values.files.url | default "file:/var/lib/cds/files" | quote }}
- name: CDS_SECRET_KEYS
  value: /etc/cds/keys/{{ .Values.secrets.keys.secretKeys }}
{{- with .Values.secrets.keys.signingKeys }}
- name: CDS_SIGNING_KEYS
  value: /etc/cds/keys/{{ . }}
{{- end }}
{{- with .Values.secrets.keys.operatorBootstrapKey }}
- name: CDS_OPERATOR_BOOTSTRAP_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "cds.keysSecretName" $ }}
      key: {{ . }}
{{- end }}
{{- range $name, $from := .Values.secrets.env }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.name }}
      key: {{ $from.key }}
{{- end }}
- name: CDS_WORKERS
  value: {{ int .Values.server.workers | quote }}
- name: CDS_WORKER
  value: {{ ternary "external" "internal" .Values.worker.enabled }}
{{- end -}}

{{- define "cds.extraEnv" -}}
{{- with .Values.extraEnv }}
{{- include "cds.tpl" (dict "value" . "root" $) }}
{{- end }}
{{- end -}}
