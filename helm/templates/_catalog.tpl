{{/* data and binaryData of the catalog's ConfigMap; directories of paths become double underscores in its keys. */}}
{{- define "cds.catalogData" -}}
data:
  {{ .Values.catalog.key }}: |
    {{- .Values.catalog.inline | nindent 4 }}
  {{- range $path, $text := .Values.catalog.files }}
  {{ $path | replace "/" "__" | quote }}: |
    {{- $text | nindent 4 }}
  {{- end }}
{{- with .Values.catalog.binaryFiles }}
binaryData:
  {{- range $path, $base64 := . }}
  {{ $path | replace "/" "__" | quote }}: {{ $base64 | nospace | quote }}
  {{- end }}
{{- end }}
{{- end -}}
