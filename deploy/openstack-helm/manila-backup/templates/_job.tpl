{{/*
A job, or what a cron job makes. It takes a dict of
  root       the chart's context
  name       without "manila-backup-"
  hook       when, and with which weight among what is done then; or nothing
  image      a key of images.tags
  command    list of str
  secrets    the secrets that its environment comes from, each a dict of name
             and prefix
  env        further variables: dict
  configured whether it reads the service's configuration
*/}}
{{- define "manila-backup.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: manila-backup-{{ .name }}
  labels:
    {{- include "manila-backup.labels" (dict "root" .root "component" .name) | nindent 4 }}
  annotations:
    {{- with .hook }}
    helm.sh/hook: {{ .when }}
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: {{ default "before-hook-creation" .delete }}
    {{- end }}
spec:
  {{- include "manila-backup.job.spec" . | nindent 2 }}
{{- end -}}

{{- define "manila-backup.job.spec" -}}
{{- $root := .root -}}
{{- $component := .name | replace "-" "_" -}}
{{- $context := index $root.Values.pod.security_context (default "manila_backup" .context) -}}
backoffLimit: {{ $root.Values.jobs.backoff_limit | int }}
template:
  metadata:
    labels:
      {{- include "manila-backup.labels" (dict "root" $root "component" .name) | nindent 6 }}
  spec:
    restartPolicy: OnFailure
    {{- include "manila-backup.node" (dict "root" $root "label" "job") | nindent 4 }}
    securityContext:
      {{- toYaml $context.pod | nindent 6 }}
    initContainers:
      {{- include "manila-backup.wait" (dict "root" $root "component" $component) | nindent 6 }}
    containers:
      - name: {{ .name }}
        image: {{ index $root.Values.images.tags .image | quote }}
        imagePullPolicy: {{ $root.Values.images.pull_policy }}
        {{- include "manila-backup.resources" (dict "root" $root "component" "jobs") | nindent 8 }}
        securityContext:
          {{- toYaml $context.container | nindent 10 }}
        command:
          {{- toYaml .command | nindent 10 }}
        {{- with .secrets }}
        envFrom:
          {{- range . }}
          - secretRef:
              name: {{ .name }}
            {{- with .prefix }}
            prefix: {{ . }}
            {{- end }}
          {{- end }}
        {{- end }}
        {{- with .env }}
        env:
          {{- range $name, $value := . }}
          - name: {{ $name }}
            value: {{ $value | quote }}
          {{- end }}
        {{- end }}
        volumeMounts:
          {{- if .configured }}
          {{- include "manila-backup.mounts" $root | nindent 10 }}
          {{- else }}
          - name: tmp
            mountPath: /tmp
          - name: bin
            mountPath: /usr/local/libexec/manila-backup
            readOnly: true
          {{- end }}
    volumes:
      {{- if .configured }}
      {{- include "manila-backup.volumes" $root | nindent 6 }}
      {{- else }}
      - name: tmp
        emptyDir: {}
      - name: bin
        configMap:
          name: manila-backup-bin
          defaultMode: 0555
      {{- end }}
{{- end -}}
