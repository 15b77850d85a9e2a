{{/*
What can be told from the configuration before anything is installed, as JSON: the ports that mail and store need. Only what
would fail silently in a cluster is refused here; the rest is lockwatch's own to say (`lockwatch validate`).
*/}}
{{- define "lockwatch.config" -}}
{{- $config := fromToml .Values.config -}}
{{- if hasKey $config "Error" -}}
{{- fail (printf "config: not TOML: %s" $config.Error) -}}
{{- end -}}
{{- range $name := list "web" "store" "email" "email.smtp" -}}
{{- $above := ternary (default dict $config.email) $config (eq $name "email.smtp") -}}
{{- if not (kindIs "map" (get $above (base (replace "." "/" $name)) | default dict)) -}}
{{- fail (printf "config: %s is not a table; write [%s]" $name $name) -}}
{{- end -}}
{{- end -}}
{{- $listen := dig "web" "listen" "127.0.0.1:9477" $config -}}
{{- if not (has $listen (list "0.0.0.0:9477" "[::]:9477")) -}}
{{- fail (printf "config: web.listen is %q, where neither the probes nor Prometheus reach it; write listen = \"0.0.0.0:9477\" below [web]" $listen) -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (dig "web" "protect_reads" false $config) (not .Values.serviceMonitor.tokenSecret.name) -}}
{{- fail "serviceMonitor.tokenSecret: web.protect_reads wants the token of Prometheus too, or every scrape is refused; name the Secret and its key" -}}
{{- end -}}
{{- if and .Values.extraConfigFiles (not $config.include) -}}
{{- fail "extraConfigFiles: the config reads none of them; write include = [\"users-*.toml\"] at its top" -}}
{{- end -}}
{{- $store := dig "store" "url" "sqlite:///var/lib/lockwatch/lockwatch.db" $config -}}
{{- $postgres := or (dig "store" "url_file" "" $config) (hasPrefix "postgres" $store) -}}
{{- if and (not .Values.persistence.enabled) (not $postgres) -}}
{{- fail "persistence.enabled: false wants a PostgreSQL store (store.url or store.url_file in config): without a volume the attempts that were made are forgotten" -}}
{{- end -}}
{{- if and (not $postgres) (not (hasPrefix "sqlite:///var/lib/lockwatch/" $store)) -}}
{{- fail (printf "config: store.url is %q, which is not on the volume; leave it out, or write sqlite:///var/lib/lockwatch/lockwatch.db" $store) -}}
{{- end -}}
{{- if and (hasPrefix "postgres" $store) (regexMatch "[?&]port=" $store) -}}
{{- fail "config: store.url has its port behind the question mark, where lockwatch reads none; write postgres://user@host:port/database" -}}
{{- end -}}
{{- $ports := list -}}
{{- with dig "email" "smtp" dict $config -}}
{{- $usual := get (dict "starttls" 587 "implicit" 465 "none" 25) (default "starttls" .tls) | default 587 -}}
{{- $ports = append $ports (int (default $usual .port)) -}}
{{- end -}}
{{- if $postgres -}}
{{- $ports = append $ports (int (default "5432" (regexFind "[0-9]+$" (get (urlParse $store) "host" | default "" | regexFind ":[0-9]+$")))) -}}
{{- end -}}
{{- dict "ports" ($ports | uniq) | toJson -}}
{{- end }}
