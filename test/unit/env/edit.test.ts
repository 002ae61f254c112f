/** Values are set, every other byte stays, and every reader reads what was asked for. */
import { randomBytes } from 'node:crypto';
import { parseEnv as nodeParse } from 'node:util';
import dotenv from 'dotenv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setValues } from '../../../src/env/dotenv/edit.ts';
import { type Assignment, type EnvFile, parseEnv } from '../../../src/env/dotenv/parse.ts';
import { EnvError } from '../../../src/env/error.ts';
import { shapes } from '../../support/env/shapes.ts';
import { envTexts, VALUES } from '../../support/env/texts.ts';

const KEY = 'JWT_SECRET_KEY';
const FALLBACKS = 'JWT_SECRET_KEY_FALLBACKS';
const hex = () => randomBytes(32).toString('hex');
const [OLD, OLDER] = [hex(), hex()];
const ALL = shapes(OLD, OLDER);

const set = (file: EnvFile, values: Readonly<Record<string, string | undefined>>, anchor?: string) =>
  setValues(
    file,
    new Map(Object.entries(values).map(([name, value]) => [name, value === undefined ? value : Buffer.from(value)])),
    anchor,
  );

const edited = (text: string, values: Readonly<Record<string, string | undefined>>, anchor?: string) =>
  set(parseEnv(Buffer.from(text)), values, anchor).toString();

const last = (file: EnvFile, name: string) => file.assignments.findLast((each) => each.name === name);

/** The file without the values of these names: what must not change. */
function around(file: EnvFile, names: readonly string[]): string {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { name, valueStart, valueEnd } of file.assignments) {
    if (!names.includes(name)) continue;
    parts.push(file.bytes.subarray(at, valueStart));
    at = valueEnd;
  }
  return Buffer.concat([...parts, file.bytes.subarray(at)]).toString('latin1');
}

/** What both readers of npm and Node take: the bytes must be UTF-8 for them, so this is asked of the name alone. */
const readByAll = (bytes: Buffer, name: string) => [
  dotenv.parse(bytes)[name],
  (dotenv.parse as (src: Buffer, options: object) => Record<string, string>)(bytes, { fast: true })[name],
  nodeParse(bytes.toString())[name],
];

describe(`the ${ALL.length} shapes`, () => {
  it('are read as they are, by us and by the readers of npm and Node', () => {
    expect(ALL.length).toBeGreaterThan(1000);
    const wrong = ALL.filter(({ bytes }) => {
      const read = last(parseEnv(bytes), KEY)?.value?.toString();
      return read !== OLD || !readByAll(bytes, KEY).every((value) => value === OLD);
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  it('keep every other byte when both names are set', () => {
    for (const { name, bytes } of ALL) {
      const file = parseEnv(Buffer.from(bytes));
      const [key, fallbacks] = [hex(), `${OLD},${OLDER}`];
      const after = parseEnv(set(file, { [KEY]: key, [FALLBACKS]: fallbacks }, KEY));
      expect([last(after, KEY)?.value?.toString(), last(after, FALLBACKS)?.value?.toString()], name).toEqual([
        key,
        fallbacks,
      ]);
      expect(readByAll(after.bytes, KEY), name).toEqual([key, key, key]);
      expect(readByAll(after.bytes, FALLBACKS), name).toEqual([fallbacks, fallbacks, fallbacks]);
      expect([after.eol, after.finalNewline, after.bom], name).toEqual([file.eol, file.finalNewline, file.bom]);
      expect(
        after.assignments.filter((each) => each.name === KEY && each.value?.toString() !== key),
        name,
      ).toEqual([]);
      if (last(file, FALLBACKS)) expect(around(after, [KEY, FALLBACKS]), name).toBe(around(file, [KEY, FALLBACKS]));
      const styles = (each: EnvFile) => each.assignments.filter((one) => one.name === KEY).map(({ quote }) => quote);
      expect(styles(after), name).toEqual(styles(file));
    }
  });

  it('are what they were after a line was put in and taken out, or a value was set and set back', () => {
    for (const { name, bytes } of ALL) {
      const file = parseEnv(bytes);
      const added = parseEnv(set(file, { ADDED: 'x' }, KEY));
      expect(last(added, 'ADDED')?.line, name).toBe((last(file, KEY)?.line ?? 0) + 1);
      expect(last(added, 'ADDED')?.exported, name).toBe(last(file, KEY)?.exported);
      expect(set(added, { ADDED: undefined }).equals(bytes), name).toBe(true);
      if (file.assignments.filter((each) => each.name === KEY).length > 1) continue;
      expect(set(parseEnv(set(file, { [KEY]: hex() })), { [KEY]: OLD }).equals(bytes), name).toBe(true);
    }
  });
});

describe('any file', () => {
  it('either takes any value, with every other byte as it was, or is refused', () => {
    let done = 0;
    fc.assert(
      fc.property(envTexts, fc.constantFrom(...VALUES), fc.constantFrom('A', 'JWT_KEY'), (text, value, name) => {
        const file = parse(text);
        if (file === undefined || !file.assignments.some((each) => each.name === name)) return;
        const bytes = attempt(() => setValues(file, new Map([[name, value]])));
        if (bytes === undefined) return;
        done += 1;
        const after = parseEnv(bytes);
        expect(around(after, [name])).toBe(around(file, [name]));
        expect(after.assignments.filter((each) => each.name === name && !each.value?.equals(value))).toEqual([]);
        expect(readByAll(bytes, name).filter((read) => read !== undefined && read !== value.toString())).toEqual([]);
      }),
      { numRuns: 3_000, seed: 11 },
    );
    expect(done).toBeGreaterThan(200);
  });

  it('says which line and name it refuses, and no byte of a value', () => {
    const secrets = ['topsecret-1', 'topsecret-2'];
    const texts = [
      ...[`${KEY}=topsecret-1 # note\n`, `${KEY}=a\nBAD LINE topsecret-1\n`, `A='topsecret-1\n${KEY}=topsecret-2\n`],
      ...[`${KEY}=topsecret-1\nexport ${KEY}=topsecret-2\n`, `${KEY}: topsecret-1\n`, `A=b\\\n${KEY}=topsecret-1\n`],
    ];
    for (const text of texts) {
      const error = thrown(() => edited(text, { [KEY]: 'topsecret-2' }));
      expect(error.message, text).toMatch(new RegExp(`^\\.env: line \\d+: ${KEY}: readers differ on its value: .{10}`));
      expect(secrets.filter((secret) => error.message.includes(secret))).toEqual([]);
    }
    const error = thrown(() => edited(`A=1\n${KEY}=x\n`, { [KEY]: `it's a "topsecret-1"` }));
    expect(error.message).toMatch(/^\.env: line 2: JWT_SECRET_KEY: no way to write the new value/);
    expect(error.message).not.toContain('topsecret');
  });

  const parse = (text: string) => attempt(() => parseEnv(Buffer.from(text)));
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof EnvError) return undefined;
      throw error;
    }
  };
  const thrown = (work: () => unknown): EnvError => {
    try {
      work();
    } catch (error) {
      if (error instanceof EnvError) return error;
      throw error;
    }
    throw new Error('it was not refused');
  };
});

describe('an edit', () => {
  it('changes quotes only where the value needs it', () => {
    expect(edited('A=x\nB=1\n', { A: 'a b' })).toBe("A='a b'\nB=1\n");
    expect(edited('A="x"\n', { A: "it's" })).toBe('A="it\'s"\n');
    expect(edited('A="x"\n', { A: 'a$b' })).toBe("A='a$b'\n");
    expect(edited("A='x'  \n", { A: '' })).toBe("A=''  \n");
  });

  it('sets every line of a name, and takes every line away', () => {
    expect(edited('A=1\nB=2\nA=3\n', { A: 'x' })).toBe('A=x\nB=2\nA=x\n');
    expect(edited('A=1\nB=2\nA=3\n', { A: undefined })).toBe('B=2\n');
    expect(edited('A=1\nA=3', { A: undefined })).toBe('');
    expect(edited('A=1\n', { B: undefined })).toBe('A=1\n');
  });

  it('puts a new name behind its anchor, or at the end', () => {
    expect(edited('export A=1\nB=2', { N: 'x' }, 'A')).toBe('export A=1\nexport N=x\nB=2');
    expect(edited('A=1\r\nB=2', { N: 'x' }, 'B')).toBe('A=1\r\nB=2\r\nN=x');
    expect(edited('A=1\n', { N: 'x' })).toBe('A=1\nN=x\n');
    expect(edited('A=1', { N: 'x' })).toBe('A=1\nN=x');
    expect(edited('', { N: 'x' })).toBe('N=x\n');
    expect(() => edited('A=1\n', { N: 'x' }, 'B')).toThrow('.env: there is no B to put N behind');
  });
});

describe('a file that is not one', () => {
  const refuses = (bytes: Buffer) => expect(() => parseEnv(bytes, 'x.env'));
  it('is refused with its reason', () => {
    refuses(Buffer.from('\ufeffA=1\n', 'utf16le')).toThrow('x.env: this is UTF-16');
    refuses(Buffer.from('A=1\n', 'utf16le')).toThrow('x.env: line 1: there is a NUL byte');
    refuses(Buffer.from('A=1\nB=\0\n')).toThrow('x.env: line 2: there is a NUL byte');
  });

  it('says of each line what it is', () => {
    const known = ({ name, line, quote, exported, value }: Assignment) => [
      name,
      line,
      quote,
      exported,
      value?.toString(),
    ];
    const text = '# c\n\nA=1\r\nexport B=\'x y\'\nP="a\nb"\nC=\nF\nG=2';
    expect(parseEnv(Buffer.from(text)).assignments.map(known)).toEqual([
      ['A', 3, 'none', false, '1'],
      ['B', 4, 'single', true, 'x y'],
      ['P', 5, 'double', false, undefined],
      ['C', 7, 'none', false, ''],
      ['G', 9, 'none', false, '2'],
    ]);
  });
});
