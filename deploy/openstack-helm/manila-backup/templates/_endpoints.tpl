{{/*
Addresses, by the values in endpoints. Each takes a dict of root, the chart's
context; type, a key of endpoints; endpoint, "internal" unless given; and port,
the name of one of its ports.
*/}}

{{- define "manila-backup.endpoint.service" -}}
{{- $values := index .root.Values.endpoints .type -}}
{{- index $values.hosts (default "internal" .endpoint) | default $values.hosts.default -}}
{{- end -}}

{{- define "manila-backup.endpoint.namespace" -}}
{{- $values := index .root.Values.endpoints .type -}}
{{- $values.namespace | default .root.Release.Namespace -}}
{{- end -}}

{{/* What was said of its name, or nothing. */}}
{{- define "manila-backup.endpoint.override" -}}
{{- $values := index .root.Values.endpoints .type -}}
{{- $names := $values.host_fqdn_override | default dict -}}
{{- $name := index $names (default "internal" .endpoint) | default $names.default -}}
{{- if kindIs "map" $name -}}{{ $name.host }}{{- else if $name -}}{{ $name }}{{- end -}}
{{- end -}}

{{- define "manila-backup.endpoint.host" -}}
{{- $name := include "manila-backup.endpoint.override" . -}}
{{- if $name -}}
{{- $name -}}
{{- else -}}
{{- printf "%s.%s.svc.%s" (include "manila-backup.endpoint.service" .) (include "manila-backup.endpoint.namespace" .) .root.Values.endpoints.cluster_domain_suffix -}}
{{- end -}}
{{- end -}}

{{- define "manila-backup.endpoint.port" -}}
{{- $values := index .root.Values.endpoints .type -}}
{{- $port := index $values.port .port -}}
{{- index $port (default "internal" .endpoint) | default $port.default | int -}}
{{- end -}}

{{- define "manila-backup.endpoint.address" -}}
{{- printf "%s:%s" (include "manila-backup.endpoint.host" .) (include "manila-backup.endpoint.port" .) -}}
{{- end -}}

{{/* The URL of an API, without the port that the scheme has anyway. */}}
{{- define "manila-backup.endpoint.url" -}}
{{- $values := index .root.Values.endpoints .type -}}
{{- $endpoint := default "internal" .endpoint -}}
{{- $scheme := index $values.scheme $endpoint | default $values.scheme.default -}}
{{- $path := index $values.path $endpoint | default $values.path.default -}}
{{- $port := include "manila-backup.endpoint.port" . -}}
{{- $usual := ternary "443" "80" (eq $scheme "https") -}}
{{- $scheme }}://{{ include "manila-backup.endpoint.host" . }}{{ if ne $port $usual }}:{{ $port }}{{ end }}{{ $path -}}
{{- end -}}

{{/* User and password for a URL; user is a key of the endpoint's auth. */}}
{{- define "manila-backup.endpoint.login" -}}
{{- $auth := index .root.Values.endpoints .type "auth" .user -}}
{{- printf "%s:%s" (include "manila-backup.quoted" $auth.username) (include "manila-backup.quoted" $auth.password) -}}
{{- end -}}

{{- define "manila-backup.quoted" -}}
{{- . | toString | urlquery | replace "+" "%20" -}}
{{- end -}}

{{- define "manila-backup.database" -}}
{{- $db := .root.Values.endpoints.oslo_db -}}
{{- $where := dict "root" .root "type" "oslo_db" "port" "mysql" "user" .user -}}
{{- $path := ternary "/" $db.path (eq .user "admin") -}}
{{- $db.scheme }}://{{ include "manila-backup.endpoint.login" $where }}@{{ include "manila-backup.endpoint.address" $where }}{{ $path }}?charset=utf8mb4
{{- end -}}

{{- define "manila-backup.bus" -}}
{{- $bus := .Values.endpoints.oslo_messaging -}}
{{- $where := dict "root" . "type" "oslo_messaging" "port" "amqp" "user" "manila_backup" -}}
{{- $bus.scheme }}://{{ include "manila-backup.endpoint.login" $where }}@{{ include "manila-backup.endpoint.address" $where }}{{ $bus.path }}
{{- end -}}

{{/* Every name at which an endpoint is found, as a list in JSON. */}}
{{- define "manila-backup.endpoint.names" -}}
{{- $short := include "manila-backup.endpoint.service" . -}}
{{- $namespace := include "manila-backup.endpoint.namespace" . -}}
{{- $suffix := .root.Values.endpoints.cluster_domain_suffix -}}
{{- $names := list $short (printf "%s.%s" $short $namespace) (printf "%s.%s.svc.%s" $short $namespace $suffix) -}}
{{- $override := include "manila-backup.endpoint.override" . -}}
{{- if $override -}}{{- $names = append $names $override -}}{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{/* The certificate that was given for the public name, as JSON; or nothing. */}}
{{- define "manila-backup.endpoint.tls" -}}
{{- $values := index .root.Values.endpoints .type -}}
{{- $name := ($values.host_fqdn_override | default dict).public -}}
{{- if kindIs "map" $name -}}{{- if $name.tls -}}{{- $name.tls | toJson -}}{{- end -}}{{- end -}}
{{- end -}}
