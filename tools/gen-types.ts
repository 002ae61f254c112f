/**
 * Writes src/rotation/api/types.ts from the CRD, the single source of the API.
 *
 * Usage: node tools/gen-types.ts [--check]     --check writes nothing and exits 1 when the file differs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { load } from 'js-yaml';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
}
interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

const SOURCE = new URL('../crds/jwtkeyrotations.rekey.dev.yaml', import.meta.url);
const TARGET = new URL('../src/rotation/api/types.ts', import.meta.url);

function docblock(text: string | undefined, indent: string): string {
  return text ? `${indent}/** ${text.replaceAll('\n', ' ')} */\n` : '';
}

/** The TypeScript type of a schema. A property with a default is required: the API server fills it in before we read it. */
function typeOf(schema: Schema, indent: string): string {
  if (schema.enum) return schema.enum.map((value) => `'${value}'`).join(' | ');
  if (schema['x-kubernetes-int-or-string']) return 'number | string';
  if (schema['x-kubernetes-preserve-unknown-fields'])
    return schema.type === 'object' ? 'Readonly<Record<string, unknown>>' : 'unknown';
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'array') return `readonly ${parenthesised(typeOf(schema.items ?? {}, indent))}[]`;
  if (schema.properties) return objectType(schema, indent);
  if (schema.additionalProperties) return `Readonly<Record<string, ${typeOf(schema.additionalProperties, indent)}>>`;
  if (schema.type === 'string' || schema.type === 'boolean') return schema.type;
  throw new Error(`no TypeScript type for ${JSON.stringify(schema)}`);
}

function parenthesised(type: string): string {
  return type.includes(' | ') && !type.startsWith('{') ? `(${type})` : type;
}

function objectType(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const required = schema.required?.includes(name) || property.default !== undefined;
    return `${docblock(property.description, inner)}${inner}readonly ${name}${required ? '' : '?'}: ${typeOf(property, inner)};\n`;
  });
  return `{\n${rows.join('')}${indent}}`;
}

function render(crd: Crd): string {
  const root = crd.spec.versions[0]?.schema.openAPIV3Schema;
  const { spec, status } = root?.properties ?? {};
  if (!spec || !status) throw new Error('the CRD has no spec or no status');
  const { kind } = crd.spec.names;
  return [
    '// Generated from crds/jwtkeyrotations.rekey.dev.yaml by tools/gen-types.ts. Do not edit: run npm run generate.\n',
    `${docblock(root?.description, '')}export interface ${kind}Spec ${objectType(spec, '')}\n`,
    `${docblock(status.description, '')}export interface ${kind}Status ${objectType(status, '')}\n`,
  ].join('\n');
}

const wanted = render(load(readFileSync(SOURCE, 'utf8')) as Crd);
if (process.argv.includes('--check')) {
  if (readFileSync(TARGET, 'utf8') !== wanted) {
    console.error('src/rotation/api/types.ts differs from the CRD: run npm run generate and commit the result');
    process.exitCode = 1;
  }
} else {
  writeFileSync(TARGET, wanted);
}
