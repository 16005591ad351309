{{/* Names and labels. Labels of selectors may never change: Kubernetes refuses to update a Deployment's. */}}

{{- define "cds.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cds.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "cds.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cds.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of one component: dict "root" $ "component" "server" */}}
{{- define "cds.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cds.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Of every object; the component is left out for what belongs to all of them. */}}
{{- define "cds.labels" -}}
{{- $root := .root -}}
{{- $own := dict
    "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
    "app.kubernetes.io/name" (include "cds.name" $root)
    "app.kubernetes.io/instance" $root.Release.Name
    "app.kubernetes.io/version" $root.Chart.AppVersion
    "app.kubernetes.io/part-of" "cds-registration-server"
    "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- if .component -}}{{- $_ := set $own "app.kubernetes.io/component" .component -}}{{- end -}}
{{- toYaml (merge $own (default dict .more) $root.Values.commonLabels) -}}
{{- end -}}

{{/* metadata of an object: dict "root" $ "suffix" "-worker" "component" "worker" "annotations" {…} "labels" {…} "namespace" "…" */}}
{{- define "cds.metadata" -}}
name: {{ include "cds.fullname" .root }}{{ default "" .suffix }}
namespace: {{ default .root.Release.Namespace .namespace }}
labels:
  {{- include "cds.labels" (dict "root" .root "component" .component "more" .labels) | nindent 2 }}
{{- with merge (deepCopy (default dict .annotations)) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cds.image" -}}
{{- $image := .Values.image -}}
{{- $registry := default $image.registry .Values.global.imageRegistry -}}
{{- with $registry -}}{{ . }}/{{- end -}}
{{- $image.repository -}}
{{- if $image.digest -}}@{{ $image.digest }}{{- else -}}:{{ default .Chart.AppVersion $image.tag }}{{- end -}}
{{- end -}}

{{- define "cds.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cds.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "cds.keysSecretName" -}}
{{- default (printf "%s-keys" (include "cds.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{- define "cds.catalogConfigMapName" -}}
{{- if .Values.catalog.existingConfigMap -}}
{{- .Values.catalog.existingConfigMap -}}
{{- else if .Values.catalog.inline -}}
{{- include "cds.fullname" . }}-catalog
{{- end -}}
{{- end -}}

{{/* Host and path of the public URL, for what leads there. */}}
{{- define "cds.publicHost" -}}
{{- (urlParse .Values.config.publicUrl).host | splitList ":" | first | lower -}}
{{- end -}}

{{- define "cds.publicPath" -}}
{{- default "/" ((urlParse .Values.config.publicUrl).path | trimSuffix "/") -}}
{{- end -}}

{{- define "cds.autoscaled" -}}
{{- if or .Values.autoscaling.hpa.enabled .Values.autoscaling.keda.enabled -}}true{{- end -}}
{{- end -}}

{{/* A value that may be a template: a text that is one, or a structure with texts that are. */}}
{{- define "cds.tpl" -}}
{{- if kindIs "string" .value -}}{{ tpl .value .root }}{{- else -}}{{ tpl (toYaml .value) .root }}{{- end -}}
{{- end -}}
