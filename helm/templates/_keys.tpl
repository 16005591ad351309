{{/* Keys that are made once. Both are JWK Sets (RFC 7517) as the server reads them. */}}

{{- define "cds.base64url" -}}
{{- . | replace "+" "-" | replace "/" "_" | trimAll "=" -}}
{{- end -}}

{{/* 256 bits that seal client secrets. */}}
{{- define "cds.newSecretKeys" -}}
{{- $key := dict "kty" "oct" "kid" (randAlphaNum 16) "k" (include "cds.base64url" (randBytes 32)) -}}
{{- dict "keys" (list $key) | toJson -}}
{{- end -}}

{{/*
A P-256 key that signs. Helm makes it as PEM; its DER (RFC 5915) always has 121 bytes, in which the private number and
both coordinates, 32 bytes each, have fixed places.
*/}}
{{- define "cds.newSigningKeys" -}}
{{- $der := genPrivateKey "ecdsa" | replace "-----BEGIN EC PRIVATE KEY-----" "" | replace "-----END EC PRIVATE KEY-----" "" | nospace | b64dec -}}
{{- if ne (len $der) 121 -}}{{- fail "This helm makes other keys than expected; make the keys yourself and name their Secret in secrets.existingSecret." -}}{{- end -}}
{{- $key := dict "kty" "EC" "crv" "P-256" "kid" (randAlphaNum 16)
    "d" (include "cds.base64url" (substr 7 39 $der | b64enc))
    "x" (include "cds.base64url" (substr 57 89 $der | b64enc))
    "y" (include "cds.base64url" (substr 89 121 $der | b64enc)) -}}
{{- dict "keys" (list $key) | toJson -}}
{{- end -}}

{{- define "cds.newOperatorKey" -}}
cdsop_{{ randAlphaNum 43 }}
{{- end -}}
