{{- define "msgproc.name" -}}
{{- if contains "msgproc" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-msgproc{{ end }}
{{- end }}

{{- /* "msgproc.labels" (list $ "processor") */ -}}
{{- define "msgproc.selector" -}}
app.kubernetes.io/name: msgproc
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "msgproc.labels" -}}
{{ include "msgproc.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- /* The name under which pods of a component have names of their own. */ -}}
{{- define "msgproc.domain" -}}
{{- $ := index . 0 -}}
{{ include "msgproc.name" $ }}-{{ index . 1 }}.{{ $.Release.Namespace }}.svc.{{ $.Values.clusterDomain }}
{{- end }}

{{- /* A balancer's health check holds a processor's certificate against the address that it
       advertises, unless it is told a name. A Deployment's pods have no address but their IP, which
       no certificate knows ahead. */ -}}
{{- define "msgproc.processorKind" -}}
{{- if and .Values.tls.secret (gt (int .Values.balancers.replicas) 0) (not .Values.processors.tlsName) }}StatefulSet{{ else }}Deployment{{ end }}
{{- end }}

{{- /* All of them, in one order: only the first one's moves are obeyed. */ -}}
{{- define "msgproc.balancers" -}}
{{- $domain := include "msgproc.domain" (list . "balancer") -}}
{{- $name := include "msgproc.name" . -}}
{{- range $i := until (int .Values.balancers.replicas) }}{{ if $i }},{{ end }}{{ $name }}-balancer-{{ $i }}.{{ $domain }}:50050{{ end }}
{{- end }}

{{- define "msgproc.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* "msgproc.pod" (list $ .Values.processors 65534): what all pods have, as which user. */ -}}
{{- define "msgproc.pod" -}}
{{- $user := index . 2 -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  seccompProfile: {type: RuntimeDefault}
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 1).pod }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "msgproc.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* Preferred and not required: a node too few must not keep a pod from starting. */ -}}
{{- define "msgproc.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "msgproc.selector" (list (index $ 0) (index $ 1)) | nindent 8 }}
    # The pods of the release that is being replaced do not count.
    matchLabelKeys: [{{ index $ 2 }}]
  {{- end }}
{{- end }}

{{- define "msgproc.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "msgproc.name" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "msgproc.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready serves nobody: it must not keep its node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "msgproc.selector" . | nindent 6 }}
{{- end }}

{{- define "msgproc.tlsArgs" -}}
{{- if .Values.tls.secret }}
- --tls_cert=/tls/tls.crt
- --tls_key=/tls/tls.key
{{- if .Values.tls.clientCertificates }}
- --tls_client_ca=/tls/ca.crt
{{- end }}
{{- else }}
- --insecure
{{- end }}
{{- if .Values.registerTokenSecret }}
- --register_token_file=/registration/token
{{- end }}
{{- end }}

{{- define "msgproc.mounts" -}}
{{- with .Values.tls.secret }}
- {name: tls, mountPath: /tls, readOnly: true}
{{- end }}
{{- with .Values.registerTokenSecret }}
- {name: registration, mountPath: /registration, readOnly: true}
{{- end }}
{{- with .Values.configMap }}
- {name: config, mountPath: /config, readOnly: true}
{{- end }}
{{- end }}

{{- define "msgproc.volumes" -}}
{{- with .Values.tls.secret }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.registerTokenSecret }}
- name: registration
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- with .Values.configMap }}
- name: config
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "msgproc.probes" -}}
startupProbe:
  # Workers may take long to load a model.
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  failureThreshold: 2
livenessProbe:
  # Fails only after --stall_unhealthy (30 s); what a restart would break is worth a minute more.
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  failureThreshold: 6
{{- end }}
