// What we use of operators' own kinds, which kubernetes-types does not have.
import {ObjectMeta, LabelSelector} from 'kubernetes-types/meta/v1';

type Labels = {[name: string]: string};

export interface PodMonitor {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: 'PodMonitor';
  metadata: ObjectMeta;
  spec: {
    selector: LabelSelector,
    podMetricsEndpoints: {
      port: string,
      interval?: string,
      relabelings?: {
        action?: 'replace' | 'keep' | 'drop' | 'labelmap' | 'labeldrop' | 'labelkeep' | 'hashmod',
        sourceLabels?: string[],
        regex?: string,
        targetLabel?: string,
        replacement?: string,
      }[],
    }[],
  };
}

export interface PrometheusRule {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: 'PrometheusRule';
  metadata: ObjectMeta;
  spec: {
    groups: {
      name: string,
      interval?: string,
      rules: {
        alert?: string,
        record?: string,
        expr: string,
        for?: string,
        labels?: Labels,
        annotations?: Labels,
      }[],
    }[],
  };
}

export interface Certificate {
  apiVersion: 'cert-manager.io/v1';
  kind: 'Certificate';
  metadata: ObjectMeta;
  spec: {
    secretName: string,
    issuerRef: {name: string, kind?: string, group?: string},
    dnsNames?: string[],
    duration?: string,
    renewBefore?: string,
    usages?: ('server auth' | 'client auth' | 'digital signature' | 'key encipherment')[],
    privateKey?: {
      algorithm?: 'RSA' | 'ECDSA' | 'Ed25519',
      size?: number,
      rotationPolicy?: 'Never' | 'Always',
    },
  };
}
