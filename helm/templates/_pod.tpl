{{/*
The template of a pod. Servers, workers and back-ups differ in a few words only, so they cannot drift apart in what matters.

dict "root" $ "component" "server"|"worker" "container" (YAML of what is special to its container) "resources" {…} "annotations" {…}

A Job has, besides, "isJob" true, and may have lists "environment", "mounts" and "volumes" of its own and an "fsGroup".
*/}}
{{- define "cds.podTemplate" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $extraVolumes := include "cds.tpl" (dict "value" $values.extraVolumes "root" $root) | fromYamlArray -}}
{{- $extraMounts := include "cds.tpl" (dict "value" $values.extraVolumeMounts "root" $root) | fromYamlArray -}}
metadata:
  labels:
    {{- include "cds.labels" (dict "root" $root "component" .component "more" $values.podLabels) | nindent 4 }}
  {{- with include "cds.podAnnotations" (dict "root" $root "annotations" .annotations) }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "cds.serviceAccountName" $root }}
  automountServiceAccountToken: {{ $values.serviceAccount.automount }}
  enableServiceLinks: false
  {{- with concat (default list $values.global.imagePullSecrets) $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- $group := empty .fsGroup | ternary dict (dict "fsGroup" .fsGroup "fsGroupChangePolicy" "OnRootMismatch") }}
    {{- toYaml (merge (deepCopy $values.podSecurityContext) $group) | nindent 4 }}
  {{- if .isJob }}
  restartPolicy: Never
  {{- else }}
  terminationGracePeriodSeconds: {{ int $values.terminationGracePeriodSeconds }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- include "cds.tpl" (dict "value" . "root" $root) | nindent 4 }}
  {{- end }}
  {{- if not .isJob }}
  topologySpreadConstraints:
    {{- include "cds.topologySpread" . | trim | nindent 4 }}
  {{- end }}
  {{- $credentials := include "cds.storeCredentials" $root }}
  {{- if or $values.initContainers $credentials }}
  initContainers:
    {{- with $values.initContainers }}
    {{- include "cds.tpl" (dict "value" . "root" $root) | nindent 4 }}
    {{- end }}
    {{- if $credentials }}
    - name: store-url
      image: {{ include "cds.image" $root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [python, -c]
      args:
        - |
          {{- $root.Files.Get "files/store_url.py" | trim | nindent 10 }}
      workingDir: /run/cds
      env:
        {{- include "cds.storeCredentialsEnv" $root | nindent 8 }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      resources:
        requests: {cpu: 10m, memory: 32Mi}
        limits: {memory: 64Mi}
      volumeMounts:
        - {name: run, mountPath: /run/cds}
        {{- with $extraMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "cds.image" $root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      {{- .container | nindent 6 }}
      workingDir: /run/cds
      env:
        {{- include "cds.env" $root | trim | nindent 8 }}
        {{- with .environment }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with include "cds.extraEnv" $root }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- if or $values.extraEnvFrom $values.files.existingSecret }}
      envFrom:
        {{- with $values.files.existingSecret }}
        - secretRef:
            name: {{ . }}
        {{- end }}
        {{- with $values.extraEnvFrom }}
        {{- include "cds.tpl" (dict "value" . "root" $root) | nindent 8 }}
        {{- end }}
      {{- end }}
      securityContext:
        {{- toYaml $values.securityContext | nindent 8 }}
      {{- with .resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: run, mountPath: /run/cds{{ if $credentials }}, readOnly: true{{ end }}}
        - {name: keys, mountPath: /etc/cds/keys, readOnly: true}
        {{- if include "cds.catalogConfigMapName" $root }}
        - {name: catalog, mountPath: /etc/cds/catalog, readOnly: true}
        {{- end }}
        {{- if include "cds.storeCertificates" $root }}
        - {name: store-tls, mountPath: /etc/cds/store-tls, readOnly: true}
        {{- end }}
        {{- if not $values.files.url }}
        - {name: files, mountPath: /var/lib/cds}
        {{- end }}
        {{- with concat (default list .mounts) $extraMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- if and $values.extraContainers (not .isJob) }}
    {{- include "cds.tpl" (dict "value" $values.extraContainers "root" $root) | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "cds.volumes" $root | nindent 4 }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* What belongs to rolling updates is among the defaults, and Kubernetes does not want it beside Recreate. */}}
{{- define "cds.strategy" -}}
{{- toYaml (eq .Values.strategy.type "Recreate" | ternary (omit .Values.strategy "rollingUpdate") .Values.strategy) -}}
{{- end -}}

{{/* Annotations of pods; the checksum replaces them when the catalog changes, which is only read at the start. */}}
{{- define "cds.podAnnotations" -}}
{{- $all := merge (deepCopy (default dict .annotations)) .root.Values.podAnnotations .root.Values.commonAnnotations -}}
{{- if .root.Values.catalog.existingConfigMap -}}
  {{- with lookup "v1" "ConfigMap" .root.Release.Namespace .root.Values.catalog.existingConfigMap -}}
    {{- $_ := set $all "checksum/catalog" (printf "%s%s" (toJson .data) (toJson .binaryData) | sha256sum) -}}
  {{- end -}}
{{- else if .root.Values.catalog.inline -}}
  {{- $_ := set $all "checksum/catalog" (include "cds.catalogData" .root | sha256sum) -}}
{{- end -}}
{{- with $all }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "cds.topologySpread" -}}
{{- if .root.Values.topologySpreadConstraints -}}
{{- include "cds.tpl" (dict "value" .root.Values.topologySpreadConstraints "root" .root) -}}
{{- else -}}
{{- $context := . -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "cds.selectorLabels" $context | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end -}}
{{- end -}}

{{/* "true" when a Secret with certificates is to be mounted. */}}
{{- define "cds.storeCertificates" -}}
{{- if and .Values.store.tls.enabled .Values.store.tls.existingSecret -}}true{{- end -}}
{{- end -}}

{{- define "cds.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
- name: run
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: keys
  secret:
    secretName: {{ include "cds.keysSecretName" . }}
    items:
      - {key: {{ .Values.secrets.keys.secretKeys }}, path: {{ .Values.secrets.keys.secretKeys }}}
      {{- with .Values.secrets.keys.signingKeys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- with include "cds.catalogConfigMapName" . }}
- name: catalog
  configMap:
    name: {{ . }}
    {{- if and (not $.Values.catalog.existingConfigMap) (or $.Values.catalog.files $.Values.catalog.binaryFiles) }}
    items:
      - {key: {{ $.Values.catalog.key }}, path: {{ $.Values.catalog.key }}}
      {{- range $path, $_ := merge (dict) $.Values.catalog.files $.Values.catalog.binaryFiles }}
      - {key: {{ $path | replace "/" "__" | quote }}, path: {{ $path | quote }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- if include "cds.storeCertificates" . }}
- name: store-tls
  secret:
    secretName: {{ .Values.store.tls.existingSecret }}
    items:
      {{- range compact (list .Values.store.tls.caKey .Values.store.tls.certKey .Values.store.tls.keyKey) }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- if not .Values.files.url }}
- name: files
  {{- if .Values.files.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .Values.files.existingClaim }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- end -}}
