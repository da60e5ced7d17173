{{/* What pods have in common. Each takes a dict of root and component. */}}

{{- define "manila-backup.labels" -}}
{{- $group := .root.Values.release_group | default .root.Release.Name -}}
release_group: {{ $group }}
application: manila-backup
component: {{ .component }}
{{- end -}}

{{/* Secrets, scripts and configuration that, when they change, make a pod anew. */}}
{{- define "manila-backup.hashes" -}}
configmap-bin-hash: {{ include (print .Template.BasePath "/configmap-bin.yaml") . | sha256sum }}
secret-etc-hash: {{ include (print .Template.BasePath "/secret-etc.yaml") . | sha256sum }}
{{- end -}}

{{/* An init container that waits for jobs and services. Jobs that are not among
the manifests are not waited for. */}}
{{- define "manila-backup.wait" -}}
{{- $root := .root -}}
{{- $static := index $root.Values.dependencies.static .component | default dict -}}
{{- $jobs := list -}}
{{- range $static.jobs -}}
{{- $name := . | trimPrefix "manila-backup-" | replace "-" "_" -}}
{{- if not (hasKey $root.Values.manifests (print "job_" $name)) -}}{{- fail (print "dependencies: there is no job " .) -}}{{- end -}}
{{- if index $root.Values.manifests (print "job_" $name) -}}{{- $jobs = append $jobs . -}}{{- end -}}
{{- end -}}
{{- $services := list -}}
{{- range $static.services -}}
{{- $where := dict "root" $root "type" .service "endpoint" .endpoint -}}
{{- if not (include "manila-backup.endpoint.override" $where) -}}
{{- $services = append $services (printf "%s:%s" (include "manila-backup.endpoint.namespace" $where) (include "manila-backup.endpoint.service" $where)) -}}
{{- end -}}
{{- end -}}
- name: init
  image: {{ $root.Values.images.tags.dep_check | quote }}
  imagePullPolicy: {{ $root.Values.images.pull_policy }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    runAsUser: 65534
    runAsNonRoot: true
    capabilities:
      drop:
        - ALL
  env:
    - name: POD_NAME
      valueFrom:
        fieldRef:
          apiVersion: v1
          fieldPath: metadata.name
    - name: NAMESPACE
      valueFrom:
        fieldRef:
          apiVersion: v1
          fieldPath: metadata.namespace
    - name: INTERFACE_NAME
      value: eth0
    - name: PATH
      value: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin/
    - name: DEPENDENCY_SERVICE
      value: {{ join "," $services | quote }}
    - name: DEPENDENCY_JOBS
      value: {{ join "," $jobs | quote }}
    - name: COMMAND
      value: echo done
  command:
    - kubernetes-entrypoint
  volumeMounts: []
{{- end -}}

{{- define "manila-backup.node" -}}
{{- $label := index .root.Values.labels .label -}}
serviceAccountName: manila-backup
nodeSelector:
  {{ $label.node_selector_key }}: {{ $label.node_selector_value | quote }}
{{- with .root.Values.pod.tolerations.manila_backup }}
{{- if .enabled }}
tolerations:
  {{- toYaml .tolerations | nindent 2 }}
{{- end }}
{{- end }}
{{- with .root.Values.secrets.oci_image_registry }}
imagePullSecrets:
  - name: {{ . }}
{{- end }}
{{- end -}}

{{- define "manila-backup.affinity" -}}
{{- $anti := .root.Values.pod.affinity.anti -}}
{{- $type := index $anti.type .component | default $anti.type.default -}}
{{- $key := index $anti.topologyKey .component | default $anti.topologyKey.default -}}
affinity:
  podAntiAffinity:
    {{ $type }}:
{{- if hasPrefix "preferred" $type }}
      - weight: {{ index $anti.weight .component | default $anti.weight.default | int }}
        podAffinityTerm:
          topologyKey: {{ $key }}
          labelSelector:
            matchLabels:
              {{- include "manila-backup.labels" . | nindent 14 }}
{{- else }}
      - topologyKey: {{ $key }}
        labelSelector:
          matchLabels:
            {{- include "manila-backup.labels" . | nindent 12 }}
{{- end }}
{{- end -}}

{{- define "manila-backup.strategy" -}}
{{- $upgrades := .Values.pod.lifecycle.upgrades.deployments -}}
revisionHistoryLimit: {{ $upgrades.revision_history | int }}
strategy:
  type: {{ $upgrades.pod_replacement_strategy }}
{{- if eq $upgrades.pod_replacement_strategy "RollingUpdate" }}
  rollingUpdate:
    maxUnavailable: {{ $upgrades.rolling_update.max_unavailable }}
    maxSurge: {{ $upgrades.rolling_update.max_surge }}
{{- end }}
{{- end -}}

{{- define "manila-backup.resources" -}}
{{- if .root.Values.pod.resources.enabled -}}
resources:
  {{- index .root.Values.pod.resources .component | toYaml | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Each probe that is enabled; liveness is asked for at a path of its own. */}}
{{- define "manila-backup.probes" -}}
{{- $given := . -}}
{{- range $kind, $probe := index .root.Values.pod.probes .component }}
{{- if $probe.enabled }}
{{ $kind }}Probe:
  httpGet:
    path: {{ ternary (default $given.path $given.liveness) $given.path (eq $kind "liveness") }}
    port: {{ $given.port }}
  {{- with $probe.params }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What all pods with the service's configuration mount. */}}
{{- define "manila-backup.mounts" -}}
- name: etc
  mountPath: /etc/manila-backup
  readOnly: true
- name: state
  mountPath: /var/lib/manila-backup
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "manila-backup.volumes" -}}
- name: etc
  secret:
    secretName: manila-backup-etc
    defaultMode: 0440
- name: state
  emptyDir: {}
- name: tmp
  emptyDir: {}
{{- end -}}
