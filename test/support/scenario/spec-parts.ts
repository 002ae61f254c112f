/** Parts of a JwtKeyRotation that rows of tests are made of. */
import type { KubeObject } from '../cluster/kubeobject.ts';

/** A window of two hours at night, edited. */
export const windows = (edit: Record<string, unknown>) => ({
  maintenanceWindows: [{ schedule: '0 3 * * *', duration: '2h', ...edit }],
});
/** Layouts of the data keys, by default of one fallback as text. */
export const layout = (...entries: readonly Record<string, unknown>[]) => ({
  secretKeys: { layout: entries.map((entry) => ({ format: 'Text', content: 'Fallbacks', ...entry })) },
});
/** A schedule in place of the period. */
export const cron = (schedule: string) => ({ rotationPeriod: undefined, schedule });

/** A receiver whose address is in the Secret `hooks`. */
export const receiver = (key: string) => ({ urlFrom: { secretKeyRef: { name: 'hooks', key } } });

/** Resources of a namespace, as a file has them, each with a Secret of its name. */
export const rotationIn =
  (namespace: string) =>
  (name: string, spec: object): KubeObject => ({
    ...{ apiVersion: 'rekey.dev/v1alpha1', kind: 'JwtKeyRotation', metadata: { namespace, name } },
    spec: { secretName: name, environment: 'test', rotationPeriod: '90d', maxTokenTTL: '1h', ...spec },
  });
