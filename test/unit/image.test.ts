/** What is looked for in the image that `make image` builds. The image itself: `node tools/image/image.ts --check`, in make test. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { contentOf, faultsOf } from '../../tools/image/look.ts';

const ENTRYPOINT = ['/nodejs/bin/node', '--disable-sigusr1', '--max-semi-space-size=2', '/rekey.mjs'];
const EXPECTED = [
  ...['/nodejs/bin/node', '/rekey.mjs', '/rekey.cjs', '/rekey.cjs.v24.21.0-x64'],
  '/etc/ssl/certs/ca-certificates.crt',
];
const USER = '65532:65532';
const folders: string[] = [];

function root(files: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-root-'));
  folders.push(folder);
  for (const file of [...EXPECTED, ...files]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), 'x');
  }
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('an image', () => {
  it('may hold Node, the bundle and certificates', () => {
    const content = contentOf(root([]));
    expect([faultsOf(content, USER, ENTRYPOINT), content.bytes]).toEqual([[], 5]);
  });

  it('is wrong with a shell, also behind a link, and with what nobody expects', () => {
    const folder = root(['/bin/busybox', '/src/package.json']);
    symlinkSync('/bin/busybox', join(folder, 'bin', 'sh'));
    expect(faultsOf(contentOf(folder), USER, ENTRYPOINT).sort()).toEqual([
      'it can run /bin/busybox, /bin/sh',
      'nobody expects /bin/busybox',
      'nobody expects /src/package.json',
    ]);
  });

  it('is wrong where everybody may write', () => {
    const folder = root([]);
    chmodSync(join(folder, 'etc'), 0o777);
    expect(faultsOf(contentOf(folder), USER, ENTRYPOINT)).toEqual(['everybody may write /etc']);
  });

  it('is wrong as root, and with an entry point that is not there or admits a debugger', () => {
    expect(faultsOf(contentOf(root([])), '', ['/usr/bin/node', '/rekey.mjs'])).toEqual([
      'it runs as root',
      'it has no /usr/bin/node, with which it begins',
      'a signal can open a debugger: --disable-sigusr1 is missing',
    ]);
  });

  it('is wrong with nothing compiled', () => {
    const content = contentOf(root([]));
    const files = content.files.filter((path) => !path.endsWith('-x64'));
    expect(faultsOf({ ...content, files }, USER, ENTRYPOINT)).toEqual([
      'nothing was compiled for it: it starts as slowly as its source',
    ]);
  });

  it('is wrong above 130 MB', () => {
    const content = { ...contentOf(root([])), bytes: 130_000_001 };
    expect(faultsOf(content, USER, ENTRYPOINT)).toEqual(['it unpacks to 130000001 bytes: more than 130000000']);
  });
});
