/**
 * Writes docs/reference/resource.md from the CRD, the single source of the API.
 *
 * Usage: node tools/gen-reference.ts [--check]     --check writes nothing and exits 1 when the file differs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { load } from 'js-yaml';

interface Rule {
  readonly rule: string;
  readonly message?: string;
}
interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}
interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
}
interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames?: readonly string[] };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
      readonly additionalPrinterColumns?: readonly Column[];
    }[];
  };
}
interface Row {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

const SOURCE = new URL('../crds/jwtkeyrotations.rekey.dev.yaml', import.meta.url);
const TARGET = new URL('../docs/reference/resource.md', import.meta.url);

/** A field and all below it, in the order of the CRD; `[]` stands for an entry of a list. */
function rowsOf(schema: Schema, prefix: string): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const required = schema.required?.includes(name) ?? false;
    const below = property.items ? rowsOf(property.items, `${path}[]`) : rowsOf(property, path);
    return [{ path, schema: property, required }, ...below];
  });
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema['x-kubernetes-int-or-string']) return 'integer or string';
  if (schema['x-kubernetes-preserve-unknown-fields']) return schema.type === 'object' ? 'map of any JSON' : 'any JSON';
  if (schema.type === 'array') return `list of ${itemOf(schema.items ?? {})}`;
  if (schema.additionalProperties) return `map of ${typeOf(schema.additionalProperties)}`;
  if (schema.format === 'date-time') return 'time';
  return schema.type ?? 'any';
}

function itemOf(items: Schema): string {
  return items.properties ? 'objects' : typeOf(items);
}

function defaultOf({ schema, required }: Row): string {
  if (required) return 'required';
  if (schema.default === undefined) return '';
  return schema.default === '' ? '`""`' : `\`${JSON.stringify(schema.default).replace(/^"(.*)"$/, '$1')}\``;
}

function descriptionOf({ description, minimum, maximum }: Schema): string {
  const range = minimum === undefined || maximum === undefined ? '' : ` From ${minimum} to ${maximum}.`;
  return `${description ?? ''}${range}`.trim();
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

function fieldTable(schema: Schema): string {
  const rows = rowsOf(schema, '').map((row) => [
    `\`${row.path}\``,
    typeOf(row.schema),
    defaultOf(row),
    descriptionOf(row.schema),
  ]);
  return table(['Field', 'Type', 'Default', 'Description'], rows);
}

function statusTable(schema: Schema): string {
  const rows = rowsOf(schema, '').map(({ path, schema: field }) => [
    `\`${path}\``,
    typeOf(field),
    descriptionOf(field),
  ]);
  return table(['Field', 'Type', 'Description'], rows);
}

/** What the API server refuses at apply, in the words in which it does. */
function rulesOf(schema: Schema, path: string): readonly string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(
    ({ message, rule }) => `- \`${path}\`: ${message ?? rule}`,
  );
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => rulesOf(field, `${path}.${name}`));
  const entries = schema.items ? rulesOf(schema.items, `${path}[]`) : [];
  return [...own, ...below, ...entries];
}

function render({ spec: crd }: Crd): string {
  const version = crd.versions[0];
  const { spec, status } = version?.schema.openAPIV3Schema.properties ?? {};
  if (!version || !spec || !status) throw new Error('the CRD has no spec or no status');
  const { kind, plural, shortNames = [] } = crd.names;
  const columns = (version.additionalPrinterColumns ?? []).map(({ name, jsonPath, priority = 0 }) => [
    name,
    `\`${jsonPath}\``,
    priority === 0 ? '' : 'only with `-o wide`',
  ]);
  return [
    '<!-- Generated from crds/jwtkeyrotations.rekey.dev.yaml by tools/gen-reference.ts. Do not edit. -->\n',
    `# ${kind}\n`,
    `${version.schema.openAPIV3Schema.description ?? ''}\n`,
    `\`apiVersion: ${crd.group}/${version.name}\`, \`kind: ${kind}\`. Resource \`${plural}\`, short ${shortNames.map((name) => `\`${name}\``).join(', ')}.`,
    'It acts only in its own namespace.\n',
    'Write durations as whole numbers with a unit, one after another: `90d`, `12h`, `1h30m`, `45s`. You may leave out a field',
    'with a default. `[]` in a path stands for each entry of the list. The schema allows more than this version does: see',
    '[what is refused](../../README.md#what-it-does-not-do-yet).\n',
    '## spec\n',
    fieldTable(spec),
    '### Refused at apply\n',
    'The API server checks types and ranges, and refuses a resource with these messages:\n',
    `${rulesOf(spec, 'spec').join('\n')}\n`,
    '## status\n',
    'rekey writes the status. [Conditions](conditions.md) explains it.\n',
    statusTable(status),
    '## Columns of kubectl get\n',
    table(['Column', 'From', ''], columns),
  ].join('\n');
}

const wanted = render(load(readFileSync(SOURCE, 'utf8')) as Crd);
if (process.argv.includes('--check')) {
  if (read() !== wanted) {
    console.error(
      'docs/reference/resource.md differs from the CRD: run node tools/gen-reference.ts and commit the result',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(TARGET, wanted);
}

function read(): string | undefined {
  try {
    return readFileSync(TARGET, 'utf8');
  } catch {
    return undefined;
  }
}
