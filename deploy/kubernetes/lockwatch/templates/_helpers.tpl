{{- define "lockwatch.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Room is left for what is put behind it. */}}
{{- define "lockwatch.fullname" -}}
{{- $name := include "lockwatch.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
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

{{/* What Kubernetes' "restricted" level asks for, and a read-only root besides. */}}
{{- define "lockwatch.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
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
