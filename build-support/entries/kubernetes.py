"""What a service has in Kubernetes: texts for `string.Template`."""

KUSTOMIZATION = """\
${header}# An overlay says where it runs: the registry, the namespace, the host and the database.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../base
  - service.yaml
components:
  - ../../pods
configMapGenerator:
  - name: service-settings
    behavior: merge
    literals:
      - QK_DATABASES__default__NAME=$name
      - QK_DATABASES__default__USER=$name
  - name: gateway-settings
    behavior: merge
    literals:
      - 'QK_UPSTREAMS=$upstreams'
"""

SERVICE = """\
${header}apiVersion: apps/v1
kind: Deployment
metadata:
  name: service
  labels: { app.kubernetes.io/name: service }
spec:
  # No `replicas`: the autoscaler says how many.
  selector:
    matchLabels: { app.kubernetes.io/name: service }
  template:
    metadata:
      labels: { app.kubernetes.io/name: service }
    spec:
      topologySpreadConstraints:
        - topologyKey: kubernetes.io/hostname
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: { app.kubernetes.io/name: service }
      containers:
        - name: service
          image: $image
          command: $command
          envFrom:
            - configMapRef: { name: service-settings }
$env          ports:
            - { name: http, containerPort: $port }
          resources:
            requests: { cpu: $cpu, memory: ${request}Mi }
            limits: { memory: ${limit}Mi }
      volumes:
        # QK_SECRET_KEY and QK_DATABASES__default__PASSWORD, which are in no environment.
        - { name: secrets, secret: { secretName: service-secrets } }
---
apiVersion: v1
kind: Service
metadata:
  name: service
  labels: { app.kubernetes.io/name: service }
spec:
  selector: { app.kubernetes.io/name: service }
  ports:
    - { name: http, port: $port, targetPort: http }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: service
spec:
  maxUnavailable: 1
  selector:
    matchLabels: { app.kubernetes.io/name: service }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: service
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: service }
  minReplicas: $least
  maxReplicas: $most
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: 70 }
---
# Ends when the tables are what the models say. A job does not change: the one before is deleted
# first, and the deployment is applied when it is complete (docs/fleet.md).
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  labels: { app.kubernetes.io/name: migrate }
spec:
  # `migrate` goes on where one that was interrupted has ended.
  backoffLimit: 6
  template:
    metadata:
      labels: { app.kubernetes.io/name: migrate }
    spec:
      restartPolicy: OnFailure
      containers:
        - name: migrate
          image: $image
          command: ["python", "manage.py", "migrate"]
          envFrom:
            - configMapRef: { name: service-settings }
$env          resources:
            requests: { cpu: $cpu, memory: ${request}Mi }
            limits: { memory: ${limit}Mi }
      volumes:
        - { name: secrets, secret: { secretName: service-secrets } }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: service
spec:
  podSelector:
    matchLabels: { app.kubernetes.io/name: service }
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels: { app.kubernetes.io/name: gateway }
      ports:
        - { protocol: TCP, port: http }
---
# The database is outside the namespace: overlays say where.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: database
spec:
  podSelector:
    matchExpressions:
      - { key: app.kubernetes.io/name, operator: In, values: [service, migrate] }
  policyTypes: [Egress]
  egress:
    - to:
        - ipBlock: { cidr: 10.0.0.0/8 }
      ports:
        - { protocol: TCP, port: 3306 }
"""
