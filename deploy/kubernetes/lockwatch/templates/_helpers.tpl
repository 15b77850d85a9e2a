{{- define "lockwatch.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Room is left for what is put behind it. A Service's name is the narrowest: releases may be called 1a and a.b. */}}
{{- define "lockwatch.fullname" -}}
{{- $name := include "lockwatch.name" . -}}
{{- $own := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full := default $own .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $full) -}}
{{- fail (printf "the name %q, of the release or of fullnameOverride, can be no Service's: it begins with a letter, and holds a-z, 0-9 and - only; set fullnameOverride" $full) -}}
{{- end -}}
{{ $full }}
{{- end }}

{{/* Never changes: a Deployment's selector cannot. */}}
{{- define "lockwatch.selector" -}}
app.kubernetes.io/name: {{ include "lockwatch.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lockwatch.labels" -}}
{{ include "lockwatch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of somebody's choice, as YAML. Of a key that is there twice the second would count, and selectors miss the pod. */}}
{{- define "lockwatch.moreLabels" -}}
{{- $own := fromYaml .own -}}
{{- range $key, $_ := .labels -}}
{{- if hasKey $own $key -}}
{{- fail (printf "%s: %s is the chart's own; leave it out" $.of $key) -}}
{{- end -}}
{{- end -}}
{{- with .labels }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- define "lockwatch.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "lockwatch.configMap" -}}
{{ default (printf "%s-config" (include "lockwatch.fullname" .)) .Values.existingConfigMap }}
{{- end }}

{{- define "lockwatch.configData" -}}
{{ merge (dict "lockwatch.toml" .Values.config) .Values.extraConfigFiles | toYaml }}
{{- end }}

{{- define "lockwatch.claim" -}}
{{ default (printf "%s-data" (include "lockwatch.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{- define "lockwatch.serviceAccount" -}}
{{- $own := ternary (include "lockwatch.fullname" .) "default" .Values.serviceAccount.create -}}
{{ default $own .Values.serviceAccount.name }}
{{- end }}

{{/* How the image is got and where pods go, the same for the daemon and for those that look after it. */}}
{{- define "lockwatch.placement" -}}
{{- range $key := list "imagePullSecrets" "priorityClassName" "nodeSelector" "tolerations" "affinity" -}}
{{- with get $.Values $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{/* What Kubernetes' "restricted" level asks for, and a read-only root besides. */}}
{{- define "lockwatch.podSecurityContext" -}}
runAsNonRoot: true
{{- range $key := list "runAsUser" "runAsGroup" "fsGroup" }}
{{- with get ($.Values.podSecurityContext | default dict) $key }}
{{ $key }}: {{ int64 . }}
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "lockwatch.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What the configuration names: secrets as files that only the pod's group may read, and what is mounted besides. */}}
{{- define "lockwatch.mounts" -}}
- name: config
  mountPath: /etc/lockwatch
  readOnly: true
{{- if or .Values.existingSecret .Values.extraSecrets }}
- name: secrets
  mountPath: /etc/lockwatch/secrets
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "lockwatch.volumes" -}}
{{- if or .Values.existingSecret .Values.extraSecrets }}
- name: secrets
  projected:
    # 0440, which not every YAML reader takes for octal.
    defaultMode: 288
    sources:
      {{- range concat (list .Values.existingSecret) .Values.extraSecrets | compact }}
      - secret:
          name: {{ . }}
      {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
