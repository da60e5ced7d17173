{{/* A file of sections and options. */}}
{{- define "manila-backup.ini" -}}
{{- range $section, $options := . }}
[{{ $section }}]
{{- range $name, $value := $options }}
{{- if kindIs "invalid" $value }}
{{- else if kindIs "map" $value }}
{{- range $value.values }}
{{ $name }} = {{ include "manila-backup.ini.value" . }}
{{- end }}
{{- else if kindIs "slice" $value }}
{{- $all := list }}
{{- range $value }}{{ $all = append $all (include "manila-backup.ini.value" .) }}{{ end }}
{{ $name }} = {{ join "," $all }}
{{- else }}
{{ $name }} = {{ include "manila-backup.ini.value" $value }}
{{- end }}
{{- end }}
{{ end }}
{{- end -}}

{{/* Large numbers as they are, not as 1e+09. */}}
{{- define "manila-backup.ini.value" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}

{{/* What oslo.config is to take for itself: "$" begins a reference there. */}}
{{- define "manila-backup.literal" -}}
{{- . | toString | replace "$" "$$" -}}
{{- end -}}

{{/* conf.manila_backup with what follows from endpoints, as JSON. */}}
{{- define "manila-backup.conf" -}}
{{- $auth := .Values.endpoints.identity.auth.manila_backup -}}
{{- $keystone := include "manila-backup.endpoint.url" (dict "root" . "type" "identity" "port" "api") -}}
{{- $login := dict
      "auth_url" $keystone
      "region_name" $auth.region_name
      "username" (include "manila-backup.literal" $auth.username)
      "password" (include "manila-backup.literal" $auth.password)
      "project_name" $auth.project_name
      "user_domain_name" $auth.user_domain_name
      "project_domain_name" $auth.project_domain_name -}}
{{- $derived := dict
      "DEFAULT" (dict "transport_url" (include "manila-backup.bus" .))
      "api" (dict "bind_port" (include "manila-backup.endpoint.port" (dict "root" . "type" "shared_file_system_backup" "port" "api") | int))
      "database" (dict "connection" (include "manila-backup.database" (dict "root" . "user" "manila_backup")))
      "keystone_authtoken" (merge (dict
          "www_authenticate_uri" (include "manila-backup.endpoint.url" (dict "root" . "type" "identity" "port" "api" "endpoint" "public"))
          "memcached_servers" (include "manila-backup.endpoint.address" (dict "root" . "type" "oslo_cache" "port" "memcache"))) $login) -}}
{{- with .Values.endpoints.oslo_cache.auth.memcache_secret_key -}}
{{- $_ := set $derived.keystone_authtoken "memcache_secret_key" (include "manila-backup.literal" .) -}}
{{- end -}}
{{- if eq .Values.conf.manila_backup.shares.source "manila" -}}
{{- $_ := set $derived "manila_shares" $login -}}
{{- end -}}
{{- if .Values.storage.repository.enabled -}}
{{- $_ := set $derived "posix" (dict "repository_path" .Values.storage.repository.mount_path) -}}
{{- end -}}
{{- $conf := mergeOverwrite $derived (deepCopy .Values.conf.manila_backup) -}}
{{- /* Without a key, nothing can be encrypted by it. */ -}}
{{- if not $conf.keystone_authtoken.memcache_secret_key -}}
{{- $_ := set $conf.keystone_authtoken "memcache_security_strategy" "None" -}}
{{- end -}}
{{- if ne $conf.shares.source "manila" -}}
{{- $_ := unset $conf "manila_shares" -}}
{{- end -}}
{{- $conf | toJson -}}
{{- end -}}
