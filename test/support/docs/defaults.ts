/** What the API server fills in where a spec says nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

interface Crd {
  readonly spec: {
    readonly versions: readonly [
      { readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: Schema } } } },
    ];
  };
}

interface Schema {
  readonly properties: Readonly<Record<'clockSkew' | 'rolloutTimeout', { readonly default: string }>>;
}

/** @returns the durations that the CRD has as defaults */
export function defaultsOf(): { readonly clockSkew: string; readonly rolloutTimeout: string } {
  const file = join(import.meta.dirname, '../../../crds/jwtkeyrotations.rekey.dev.yaml');
  const { properties } = (load(readFileSync(file, 'utf8')) as Crd).spec.versions[0].schema.openAPIV3Schema.properties
    .spec;
  return { clockSkew: properties.clockSkew.default, rolloutTimeout: properties.rolloutTimeout.default };
}
