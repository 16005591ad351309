{{/* What a ServiceMonitor and a PodMonitor have in common: dict "root" $ "monitor" {…} "kind" "…" "endpoints" "…" "components" (list "server") */}}
{{- define "cds.monitor" -}}
{{- $root := .root -}}
{{- $monitor := .monitor -}}
apiVersion: monitoring.coreos.com/v1
kind: {{ .kind }}
metadata:
  {{- include "cds.metadata" (dict "root" $root "suffix" .suffix "labels" $monitor.labels "namespace" $monitor.namespace) | nindent 2 }}
spec:
  {{- if and $monitor.namespace (ne $monitor.namespace $root.Release.Namespace) }}
  namespaceSelector:
    matchNames: [{{ $root.Release.Namespace }}]
  {{- end }}
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ include "cds.name" $root }}
      app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values: {{ toJson .components }}
  {{ .endpoints }}:
    - port: http
      path: /metrics
      interval: {{ $monitor.interval }}
      scrapeTimeout: {{ $monitor.scrapeTimeout }}
      {{- with $monitor.relabelings }}
      relabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $monitor.metricRelabelings }}
      metricRelabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
