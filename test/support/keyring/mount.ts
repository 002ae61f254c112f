import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Files by name; undefined makes a folder in place of the file, which nobody can read. */
export type Files = Readonly<Record<string, string | Buffer | undefined>>;

/** A folder into which versions of a Secret are mounted as the kubelet does it. */
export class Mount implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'rekey-mount-'));

  /** Writes a version that nobody sees yet. @returns its folder */
  prepare(version: string, files: Files): string {
    const folder = join(this.dir, `..${version}`);
    mkdirSync(folder);
    for (const [name, text] of Object.entries(files)) {
      if (text === undefined) mkdirSync(join(folder, name));
      else writeFileSync(join(folder, name), text);
    }
    return folder;
  }

  /** Swaps the link `..data` in one step. */
  swapTo(version: string): void {
    symlinkSync(`..${version}`, join(this.dir, '..data_tmp'));
    renameSync(join(this.dir, '..data_tmp'), join(this.dir, '..data'));
  }

  publish(version: string, files: Files): void {
    this.prepare(version, files);
    this.swapTo(version);
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true });
  }
}
