{{/*
What does not go together, as sentences, all of them at once. The schema has said before what is no value at all.
*/}}
{{- define "cds.problems" -}}
{{- concat
    (include "cds.refuseName" . | fromYamlArray)
    (include "cds.refusePublicUrl" . | fromYamlArray)
    (include "cds.refuseStore" . | fromYamlArray)
    (include "cds.refuseFiles" . | fromYamlArray)
    (include "cds.refuseSecrets" . | fromYamlArray)
    (include "cds.refuseCatalog" . | fromYamlArray)
    (include "cds.refuseScaling" . | fromYamlArray)
    (include "cds.refuseEndings" . | fromYamlArray)
    (include "cds.refuseBackup" . | fromYamlArray)
    (include "cds.refuseWays" . | fromYamlArray)
    (include "cds.refuseEnvironment" . | fromYamlArray) | toYaml -}}
{{- end -}}

{{- define "cds.refuse" -}}
{{- $problems := include "cds.problems" . | fromYamlArray -}}
{{- if $problems -}}
{{- fail (printf "\n\nThese values cannot work together:\n\n- %s\n" (join "\n- " $problems)) -}}
{{- end -}}
{{- end -}}

{{/* Each of these writes a YAML list of sentences. */}}

{{- define "cds.refuseName" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "cds.fullname" .)) }}
- 'The Service cannot be called {{ include "cds.fullname" . }}; set fullnameOverride to lower case letters, digits and dashes, a letter first.'
{{- end }}
{{- end -}}

{{- define "cds.refusePublicUrl" -}}
{{- $url := .Values.config.publicUrl -}}
{{- if not $url }}
- 'config.publicUrl is needed: the base of every URL that is published, such as https://cds.utility.example.'
{{- else if not (regexMatch "^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[^?# ]*)?$" $url) }}
- 'config.publicUrl needs to be an https URL without user, query or fragment, such as https://cds.utility.example/energy.'
{{- end }}
{{- end -}}

{{- define "cds.refuseStore" -}}
{{- $store := .Values.store -}}
{{- $secret := $store.existingSecret -}}
{{- $parts := or $secret.usernameKey $secret.passwordKey $secret.sentinelPasswordKey -}}
{{- $url := include "cds.storeUrl" . -}}
{{- if and $secret.urlKey (or $store.url $store.nodes $parts $store.username $store.passwordFile) }}
- 'store.existingSecret.urlKey holds the whole URL; leave store.url, store.nodes, store.username, store.passwordFile and the other keys of store.existingSecret empty.'
{{- else if and $store.url $store.nodes }}
- 'store.url and store.nodes both say where the store is; keep one of them.'
{{- else if not (or $secret.urlKey $store.url $store.nodes) }}
- 'store.url is needed: where your Redis or Valkey is, such as redis://valkey:6379/0 (or store.nodes, or store.existingSecret.urlKey).'
{{- end }}
{{- if and (or $secret.urlKey $parts) (not $secret.name) }}
- 'store.existingSecret.name is needed with its keys.'
{{- end }}
{{- if and $secret.name (not (or $secret.urlKey $parts)) }}
- 'store.existingSecret needs urlKey or passwordKey, which say what to take from {{ $secret.name }}.'
{{- end }}
{{- if and $secret.passwordKey $store.passwordFile }}
- 'store.existingSecret.passwordKey and store.passwordFile both say where the password is; keep one of them.'
{{- end }}
{{- if and $store.username $secret.usernameKey }}
- 'store.username and store.existingSecret.usernameKey both say the name; keep one of them.'
{{- end }}
{{- if and (or $store.username $secret.usernameKey) (not (or $secret.passwordKey $store.passwordFile)) }}
- 'store.username goes with a password, in store.existingSecret.passwordKey or store.passwordFile.'
{{- end }}
{{- if regexMatch "^[a-z+]+://[^/]*@" $store.url }}
- 'store.url holds a user or a password; put these into a Secret and name it in store.existingSecret.'
{{- else if regexMatch "^(embedded|unix|memory):" $store.url }}
- 'store.url names a store inside of one pod, which the others cannot see and which is lost with it; name a Redis or Valkey of yours.'
{{- else if and $store.url (not (regexMatch "^rediss?(\\+(cluster|sentinel))?://[^/]" $store.url)) }}
- 'store.url needs to begin with redis://, rediss://, redis+cluster://, rediss+cluster://, redis+sentinel:// or rediss+sentinel://.'
{{- end }}
{{- range $store.nodes }}
{{- if not (regexMatch "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$" .) }}
- {{ printf "store.nodes needs hosts with ports, such as valkey-0.valkey:6379; %s is none." . | squote }}
{{- end }}
{{- end }}
{{- if $store.nodes }}
{{- if and (eq $store.mode "sentinel") (not $store.sentinel.master) }}
- 'store.sentinel.master is needed with store.mode sentinel: the name of the service that the sentinels watch.'
{{- end }}
{{- if and (eq $store.mode "standalone") (gt (len $store.nodes) 1) }}
- 'store.nodes has several hosts; say with store.mode whether they are a cluster or sentinels.'
{{- end }}
{{- if and (eq $store.mode "cluster") (int $store.database) }}
- 'store.database needs to be 0 with store.mode cluster, which has no others.'
{{- end }}
{{- end }}
{{- if and (or $store.sentinel.username $secret.sentinelPasswordKey) (not (regexMatch "^rediss?\\+sentinel://" $url)) (not $secret.urlKey) }}
- 'store.sentinel.username and store.existingSecret.sentinelPasswordKey are for a store behind sentinels.'
{{- end }}
{{- if $store.tls.enabled }}
{{- if regexMatch "^redis(\\+(cluster|sentinel))?://" $url }}
- 'store.tls.enabled needs a store.url that begins with rediss://, rediss+cluster:// or rediss+sentinel://.'
{{- end }}
{{- if and $store.tls.existingSecret (ne (empty $store.tls.certKey) (empty $store.tls.keyKey)) }}
- 'store.tls.certKey and store.tls.keyKey go together.'
{{- end }}
{{- else if $store.tls.existingSecret }}
- 'store.tls.existingSecret needs store.tls.enabled.'
{{- end }}
{{- end -}}

{{- define "cds.refuseFiles" -}}
{{- $files := .Values.files -}}
{{- if and $files.url $files.existingClaim }}
- 'files.url and files.existingClaim both say where files are; keep one of them.'
{{- end }}
{{- if regexMatch "^(file|memory):" $files.url }}
- 'files.url names a place inside of one pod; name a bucket (s3://, gs://, az://) or a claim with files.existingClaim.'
{{- else if and $files.url (not (regexMatch "^(s3|gs|az)://[^/@?#]+(/[^@?#]*)?$" $files.url)) }}
- 'files.url needs s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; credentials belong into files.existingSecret.'
{{- end }}
{{- end -}}

{{- define "cds.refuseSecrets" -}}
{{- $keys := .Values.secrets.keys -}}
{{- if not $keys.secretKeys }}
- 'secrets.keys.secretKeys is needed: the key of the Secret with the JWK Set that seals client secrets.'
{{- end }}
{{- if and (eq (toString .Values.config.accessTokenFormat) "jwt") (not $keys.signingKeys) }}
- 'config.accessTokenFormat jwt needs secrets.keys.signingKeys, which sign the tokens.'
{{- end }}
{{- range $who, $issuer := dict "OPERATOR" .Values.config.operatorOidcIssuer "USER" .Values.config.userOidcIssuer }}
{{- $id := index $.Values.config (ternary "operatorOidcClientId" "userOidcClientId" (eq $who "OPERATOR")) }}
{{- $name := printf "CDS_%s_OIDC_CLIENT_SECRET" $who }}
{{- if or $issuer $id (hasKey $.Values.secrets.env $name) }}
{{- if not (and $issuer $id (hasKey $.Values.secrets.env $name)) }}
- 'config.{{ lower $who }}OidcIssuer, config.{{ lower $who }}OidcClientId and secrets.env.{{ $name }} are all needed or none of them.'
{{- end }}
{{- end }}
{{- end }}
{{- if ne (empty .Values.config.mailFrom) (not (hasKey .Values.secrets.env "CDS_SMTP_URL")) }}
- 'config.mailFrom and secrets.env.CDS_SMTP_URL go together.'
{{- end }}
{{- end -}}

{{- define "cds.refuseCatalog" -}}
{{- $catalog := .Values.catalog -}}
{{- if and $catalog.existingConfigMap (or $catalog.inline $catalog.files $catalog.binaryFiles) }}
- 'catalog.existingConfigMap holds the whole catalog; leave catalog.inline, catalog.files and catalog.binaryFiles empty.'
{{- else if and (not $catalog.inline) (not $catalog.existingConfigMap) (or $catalog.files $catalog.binaryFiles) }}
- 'catalog.files belong to a catalog; give it with catalog.inline.'
{{- end }}
{{- range $path, $_ := merge (dict) $catalog.files $catalog.binaryFiles }}
{{- if or (not (regexMatch "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$" $path)) (has ".." (splitList "/" $path)) (eq $path $catalog.key) }}
- {{ printf "catalog.files needs paths beside the catalog, of letters, digits and . _ - /; %s is none." $path | squote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "cds.refuseScaling" -}}
{{- $hpa := .Values.autoscaling.hpa -}}
{{- $keda := .Values.autoscaling.keda -}}
{{- if and $hpa.enabled $keda.enabled }}
- 'autoscaling.hpa and autoscaling.keda would pull at the same Deployment; enable one of them.'
{{- end }}
{{- range $name, $scaler := dict "hpa" $hpa "keda" $keda }}
{{- if and $scaler.enabled (gt (int $scaler.minReplicas) (int $scaler.maxReplicas)) }}
- 'autoscaling.{{ $name }}.minReplicas is more than its maxReplicas.'
{{- end }}
{{- end }}
{{- if $hpa.enabled }}
{{- if not (or $hpa.targetCPUUtilizationPercentage $hpa.targetMemoryUtilizationPercentage $hpa.metrics) }}
- 'autoscaling.hpa needs something to go by: targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or metrics.'
{{- end }}
{{- range $what, $target := dict "cpu" $hpa.targetCPUUtilizationPercentage "memory" $hpa.targetMemoryUtilizationPercentage }}
{{- if and $target (not (dig "requests" $what "" $.Values.resources)) }}
- 'autoscaling.hpa goes by a percentage of resources.requests.{{ $what }}, which is not there.'
{{- end }}
{{- end }}
{{- end }}
{{- if and $keda.enabled (not $keda.triggers) }}
- 'autoscaling.keda.triggers is needed: what KEDA is to go by.'
{{- end }}
{{- $pdb := .Values.pdb -}}
{{- $hasLeast := ne (toString $pdb.minAvailable) "" -}}
{{- if $pdb.enabled }}
{{- if and $hasLeast (ne (toString $pdb.maxUnavailable) "") }}
- 'pdb.minAvailable and pdb.maxUnavailable exclude each other; empty one of them.'
{{- else if not (or $hasLeast (ne (toString $pdb.maxUnavailable) "")) }}
- 'pdb needs maxUnavailable or minAvailable.'
{{- else if or (has (toString $pdb.maxUnavailable) (list "0" "0%")) (eq (toString $pdb.minAvailable) "100%") }}
- 'pdb lets no pod go, so that no node could ever be drained.'
{{- else if and $hasLeast (not (hasSuffix "%" (toString $pdb.minAvailable))) }}
{{- $least := ternary (int $hpa.minReplicas) (ternary (int $keda.minReplicas) (int .Values.replicaCount) $keda.enabled) $hpa.enabled }}
{{- if ge (int $pdb.minAvailable) $least }}
- 'pdb.minAvailable is {{ $pdb.minAvailable }} and there may be only {{ $least }} servers, so that no node could be drained; use pdb.maxUnavailable.'
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "cds.refuseEndings" -}}
{{- $needed := addf .Values.lifecycle.preStopSleepSeconds .Values.server.drainSeconds 35 | ceil | int -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) $needed }}
- 'terminationGracePeriodSeconds needs to be at least {{ $needed }}: lifecycle.preStopSleepSeconds, server.drainSeconds and 35 for requests and jobs that are under way.'
{{- end }}
{{- end -}}

{{- define "cds.refuseBackup" -}}
{{- $backup := .Values.backup -}}
{{- if not (regexMatch "^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[^ =]+( +[^ =]+){4})$" $backup.schedule) }}
- 'backup.schedule needs the five fields of cron, such as 17 2 * * * for 2:17 every night; backup.timeZone says where that is.'
{{- end }}
{{- if and (has "ReadWriteOncePod" $backup.claim.accessModes) (gt (len $backup.claim.accessModes) 1) }}
- 'backup.claim.accessModes has ReadWriteOncePod, which stands alone.'
{{- end }}
{{- end -}}

{{- define "cds.refuseWays" -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
- 'httpRoute.parentRefs is needed: the Gateways that the route belongs to.'
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
- 'metrics.serviceMonitor and metrics.podMonitor would count every request twice; enable one of them.'
{{- end }}
{{- if and (eq (include "cds.settingValue" .Values.config.metrics) "off") (or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled) }}
- 'config.metrics is off, so metrics.serviceMonitor and metrics.podMonitor would find nothing.'
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.networkPolicy.egress.enabled (not .Values.networkPolicy.egress.rules) }}
- 'networkPolicy.egress.rules is needed: without any, pods could not reach the store.'
{{- end }}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") }}
- 'service.nodePort needs service.type NodePort or LoadBalancer.'
{{- end }}
{{- end -}}

{{/* Names that the chart sets would be there twice, and secrets do not belong into values. */}}
{{- define "cds.refuseEnvironment" -}}
{{- $own := list "CDS_STORE_URL" -}}
{{- range include "cds.env" . | fromYamlArray }}{{- $own = append $own .name -}}{{- end -}}
{{- $secret := list "CDS_SMTP_URL" "CDS_OPERATOR_OIDC_CLIENT_SECRET" "CDS_USER_OIDC_CLIENT_SECRET" "CDS_ONBOARDING_CALLBACK_SECRET" "AWS_SECRET_ACCESS_KEY" "AZURE_STORAGE_ACCOUNT_KEY" -}}
{{- range .Values.extraEnv -}}
{{- if has .name $own }}
- 'extraEnv has {{ .name }}, which another value sets.'
{{- else if and (has .name $secret) .value }}
- 'extraEnv has {{ .name }} in plain sight; put it into a Secret and name it in secrets.env.'
{{- end }}
{{- end }}
{{- end -}}
