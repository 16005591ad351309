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
{{- if .Values.otel.endpoint }}
{{- include "cds.otelEnv" . }}
{{- end }}
{{- end -}}

{{- define "cds.otelEnv" }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.otel.endpoint | quote }}
- name: OTEL_SERVICE_NAME
  value: {{ include "cds.fullname" . }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(POD_NAME){{ range $name, $value := .Values.otel.resourceAttributes }},{{ $name }}={{ $value }}{{ end }}
{{- with .Values.otel.sampler }}
- name: OTEL_TRACES_SAMPLER
  value: {{ . | quote }}
{{- end }}
{{- with .Values.otel.samplerArgument }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ . | quote }}
{{- end }}
{{- with .Values.otel.headers.existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.otel.headers.key }}
{{- end }}
{{- end }}

{{- define "cds.extraEnv" -}}
{{- with .Values.extraEnv }}
{{- include "cds.tpl" (dict "value" . "root" $) }}
{{- end }}
{{- end -}}
