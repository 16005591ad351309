{{/*
From values to CDS_STORE_URL. Three ways: the URL as it is, when nothing secret is in it; the URL from a Secret, as a
whole; or, when user or password come from somewhere, a file .env that an init container writes (files/store_url.py). A
password in a file is read by the server itself, again and again.
*/}}

{{- define "cds.storeUrl" -}}
{{- $store := .Values.store -}}
{{- $url := $store.url -}}
{{- if and (not $url) $store.nodes -}}
  {{- $scheme := ternary "rediss" "redis" $store.tls.enabled -}}
  {{- $hosts := join "," $store.nodes -}}
  {{- if eq $store.mode "sentinel" -}}
    {{- $url = printf "%s+sentinel://%s/%s/%d" $scheme $hosts $store.sentinel.master (int $store.database) -}}
  {{- else if eq $store.mode "cluster" -}}
    {{- $url = printf "%s+cluster://%s" $scheme $hosts -}}
  {{- else -}}
    {{- $url = printf "%s://%s/%d" $scheme $hosts (int $store.database) -}}
  {{- end -}}
{{- end -}}
{{- $options := list -}}
{{- if and $store.tls.enabled $store.tls.existingSecret -}}
  {{- with $store.tls.caKey -}}{{- $options = append $options (printf "ssl_ca_certs=/etc/cds/store-tls/%s" .) -}}{{- end -}}
  {{- with $store.tls.certKey -}}{{- $options = append $options (printf "ssl_certfile=/etc/cds/store-tls/%s" .) -}}{{- end -}}
  {{- with $store.tls.keyKey -}}{{- $options = append $options (printf "ssl_keyfile=/etc/cds/store-tls/%s" .) -}}{{- end -}}
{{- end -}}
{{- $url -}}
{{- if $options -}}{{- ternary "&" "?" (contains "?" $url) -}}{{- join "&" $options -}}{{- end -}}
{{- end -}}

{{/* "true" when user or password have to be put into the URL. */}}
{{- define "cds.storeCredentials" -}}
{{- $store := .Values.store -}}
{{- $secret := $store.existingSecret -}}
{{- if and (not $secret.urlKey) (or $store.username $store.sentinel.username $secret.usernameKey $secret.passwordKey $secret.sentinelPasswordKey) -}}true{{- end -}}
{{- end -}}

{{/* The environment of the server that is about the store. */}}
{{- define "cds.storeEnv" -}}
{{- $store := .Values.store -}}
{{- if $store.existingSecret.urlKey }}
- name: CDS_STORE_URL
  valueFrom:
    secretKeyRef:
      name: {{ $store.existingSecret.name }}
      key: {{ $store.existingSecret.urlKey }}
{{- else if not (include "cds.storeCredentials" .) }}
- name: CDS_STORE_URL
  value: {{ include "cds.storeUrl" . | quote }}
{{- end }}
{{- with $store.passwordFile }}
- name: CDS_STORE_PASSWORD_FILE
  value: {{ . | quote }}
{{- end }}
{{- if $store.waitReplicas }}
- name: CDS_STORE_WAIT_REPLICAS
  value: {{ int $store.waitReplicas | quote }}
{{- end }}
{{- end -}}

{{/* The environment of the init container. */}}
{{- define "cds.storeCredentialsEnv" -}}
{{- $store := .Values.store -}}
{{- $secret := $store.existingSecret -}}
- name: STORE_URL
  value: {{ include "cds.storeUrl" . | quote }}
{{- if $secret.usernameKey }}
- name: STORE_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.usernameKey }}
{{- else if $store.username }}
- name: STORE_USERNAME
  value: {{ $store.username | quote }}
{{- end }}
{{- if $secret.passwordKey }}
- name: STORE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ $secret.passwordKey }}
{{- end }}
{{- with $store.sentinel.username }}
- name: SENTINEL_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- with $secret.sentinelPasswordKey }}
- name: SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name }}
      key: {{ . }}
{{- end }}
{{- end -}}
