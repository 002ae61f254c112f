/** What the API server refuses is said in words that help: a bare pattern is not. */
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { expect, it } from 'vitest';

interface Rule {
  readonly rule: string;
  readonly message?: string;
}
interface Schema {
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly type?: string;
  readonly default?: unknown;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

const url = new URL('../../crds/jwtkeyrotations.rekey.dev.yaml', import.meta.url);
const crd = load(readFileSync(url, 'utf8')) as {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
};

function schemasIn(schema: Schema): readonly Schema[] {
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items ? [schema.items] : [])];
  return [schema, ...below.flatMap(schemasIn)];
}
const schemas = crd.spec.versions.flatMap(({ schema }) => schemasIn(schema.openAPIV3Schema));

it('says what is wrong and what to write instead, in every rule', () => {
  const rules = schemas.flatMap((schema) => schema['x-kubernetes-validations'] ?? []);
  expect(rules.length).toBeGreaterThan(20);
  const bare = rules.filter(({ message = '' }) => !/such as|needs |is immutable: /.test(message));
  expect(bare).toEqual([]);
});

it('says of each list how two managers share it', () => {
  const lists = schemas.filter(({ type }) => type === 'array');
  expect(lists.length).toBeGreaterThan(10);
  const bare = lists.filter((list) => list['x-kubernetes-list-type'] === undefined);
  expect(bare).toEqual([]);
});

it('has no default inside a list, but for a key of its map: an unchanged file would look changed', () => {
  const filledIn = schemas.flatMap((list) => {
    const keys = list['x-kubernetes-list-map-keys'] ?? [];
    const fields = Object.entries(list.items?.properties ?? {}).filter(([name]) => !keys.includes(name));
    return fields.flatMap(([name, field]) => schemasIn(field).flatMap((each) => ('default' in each ? [name] : [])));
  });
  expect(filledIn).toEqual([]);
});

it('says of a resource that nobody has looked at that its spec was not seen: without a status, kstatus takes it for well', () => {
  const statuses = crd.spec.versions.map(({ schema }) => schema.openAPIV3Schema.properties?.status?.default);
  expect(statuses).toEqual([{ observedGeneration: -1 }]);
});

it('has no pattern without words', () => {
  expect(schemas.flatMap(({ pattern }) => pattern ?? [])).toEqual([]);
});

it('has fields of the schema and nothing else: a comma without quotes makes a field of a sentence', () => {
  const strange = schemas.flatMap((schema) =>
    Object.keys(schema).filter((name) => !/^(x-kubernetes-)?[a-zA-Z-]+$/.test(name)),
  );
  expect(strange).toEqual([]);
});
