{{/*
Alerts, as a YAML list. `app.web.metrics` has the meaning of every metric; what is a fact of the whole installation is
told alike by every server, hence max().
*/}}
{{- define "cds.alerts" -}}
{{- $limits := .Values.metrics.prometheusRule.thresholds -}}
{{- $of := printf "namespace=\"%s\",pod=~\"%s-.+\"" .Release.Namespace (include "cds.fullname" .) -}}
- alert: CdsServerMissing
  expr: absent(cds_build_info{ {{- $of -}} })
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: No server tells metrics.
    description: Either none is running or Prometheus cannot reach them. Look at the pods first, then at the targets of Prometheus.
- alert: CdsServerErrors
  expr: >-
    sum(rate(cds_http_requests_total{ {{- $of -}} ,status=~"5.."}[5m]))
    / sum(rate(cds_http_requests_total{ {{- $of -}} }[5m])) > {{ $limits.errorRatio }}
  for: 10m
  labels: {severity: critical}
  annotations:
    summary: {{ "{{ $value | humanizePercentage }} of requests are answered with 5xx." | quote }}
    description: 503 means that the store does not answer; anything else is in the log, by its request id.
- alert: CdsServerSlow
  expr: >-
    histogram_quantile(0.99, sum by (le) (rate(cds_http_request_duration_seconds_bucket{ {{- $of -}} ,route!~".*download.*"}[5m])))
    > {{ $limits.latencySeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: {{ "One of a hundred requests takes {{ $value | humanizeDuration }} or longer." | quote }}
    description: Compare with the round trips of the store on the dashboard; if these are quick, add servers.
- alert: CdsStoreUnavailable
  expr: max(cds_store_up{ {{- $of -}} }) == 0
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: No server reaches the store.
    description: Requests are answered with 503 and Retry-After until it is back; nothing that was confirmed is lost.
- alert: CdsStoreErrors
  expr: sum(rate(cds_store_errors_total{ {{- $of -}} }[5m])) > 0.1
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Commands to the store fail.
    description: The reason says whether it does not answer (or has too few replicas) or refuses, for instance because its memory is full.
- alert: CdsFeedStandsStill
  expr: max(cds_feed_backlog_oldest_age_seconds{ {{- $of -}} }) > {{ $limits.feedAgeSeconds }}
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: {{ "A change waits for {{ $value | humanizeDuration }} to reach the feed." | quote }}
    description: Webhooks, mails and the audit log wait with it. See whether a worker is running and what it logs.
- alert: CdsJobsFail
  expr: sum(rate(cds_job_steps_total{ {{- $of -}} ,outcome="failed"}[10m])) > 0
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: A background job fails again and again.
    description: The log of servers and workers says which and why.
{{- if hasKey .Values.secrets.env "CDS_SMTP_URL" }}
- alert: CdsMailsWait
  expr: max(cds_mails_oldest_waiting_age_seconds{ {{- $of -}} }) > {{ $limits.mailAgeSeconds }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ "A mail waits for {{ $value | humanizeDuration }}." | quote }}
    description: The mail server does not take it. It is tried again for four days.
- alert: CdsMailsFail
  expr: max(cds_mails_failed{ {{- $of -}} }) - max(cds_mails_failed{ {{- $of -}} } offset 1h) > 0
  labels: {severity: warning}
  annotations:
    summary: Mails were given up.
    description: The console lists them, without their text, under Mails.
{{- end }}
- alert: CdsWebhookDeliveriesWait
  expr: max(cds_webhook_deliveries_oldest_waiting_age_seconds{ {{- $of -}} }) > {{ $limits.deliveryAgeSeconds }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ "A delivery to a webhook waits for {{ $value | humanizeDuration }}." | quote }}
    description: Its receiver does not answer with 2xx. It is tried again for three days.
- alert: CdsWebhookDeliveriesDead
  expr: max(cds_webhook_deliveries_dead{ {{- $of -}} }) - max(cds_webhook_deliveries_dead{ {{- $of -}} } offset 1h) > 0
  labels: {severity: warning}
  annotations:
    summary: Deliveries to webhooks were given up.
    description: The console lists them; once the receiver works, replay them there.
- alert: CdsAuthenticationFails
  expr: sum(rate(cds_auth_failures_total{ {{- $of -}} }[10m])) > {{ $limits.failedAuthPerSecond }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: {{ "{{ $value | humanize }} authentications fail per second." | quote }}
    description: A Client with an old secret, or somebody who guesses. The log has addresses and client ids.
- alert: CdsRateLimited
  expr: sum by (limit) (rate(cds_rate_limited_total{ {{- $of -}} }[10m])) > 1
  for: 30m
  labels: {severity: info}
  annotations:
    summary: {{ "The limit {{ $labels.limit }} refuses {{ $value | humanize }} requests per second." | quote }}
    description: If these are all of your callers, config.trustedProxies may not name your gateway.
{{- if .Values.backup.enabled }}
{{- $ofBackup := printf "{namespace=\"%s\",cronjob=\"%s-backup\"}" .Release.Namespace (include "cds.fullname" .) }}
- alert: CdsBackupOld
  expr: >-
    time() - max(kube_cronjob_status_last_successful_time{{ $ofBackup }} or kube_cronjob_created{{ $ofBackup }})
    > {{ int $limits.backupAgeSeconds }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: {{ "The last back-up was {{ $value | humanizeDuration }} ago." | quote }}
    description: The log of the last Job of the CronJob says what is in its way.
{{- end }}
- alert: CdsFileDescriptors
  expr: max(process_open_fds{ {{- $of -}} } / process_max_fds{ {{- $of -}} }) > 0.8
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: A process has nearly all the file descriptors that it may have.
    description: Every connection takes one. Add servers, or let nodes allow more.
{{- end -}}
