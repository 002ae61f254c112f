/** A log that is read while it is written: each line once, however often somebody looks. */
import { closeSync, openSync, readSync } from 'node:fs';

const NEW_LINE = 0x0a;

export class GrowingFile {
  readonly #path: string;
  readonly #buffer = Buffer.alloc(1 << 20);
  #offset: number;
  /** The beginning of a line that is not complete yet. */
  #rest: Buffer = Buffer.alloc(0);

  /** @param offset where to begin, bytes */
  constructor(path: string, offset = 0) {
    this.#path = path;
    this.#offset = offset;
  }

  /**
   * @returns the lines that were completed since the last call, without their ends
   * @throws Error when the file cannot be read
   */
  newLines(): readonly string[] {
    const lines: string[] = [];
    const file = openSync(this.#path, 'r');
    try {
      for (;;) {
        const length = readSync(file, this.#buffer, 0, this.#buffer.length, this.#offset);
        if (length === 0) return lines;
        this.#offset += length;
        lines.push(...this.#split(this.#buffer.subarray(0, length)));
      }
    } finally {
      closeSync(file);
    }
  }

  #split(bytes: Buffer): readonly string[] {
    const end = bytes.lastIndexOf(NEW_LINE);
    const begun = this.#rest;
    this.#rest = Buffer.concat(end === -1 ? [begun, bytes] : [bytes.subarray(end + 1)]);
    if (end === -1) return [];
    return Buffer.concat([begun, bytes.subarray(0, end)])
      .toString('utf8')
      .split('\n');
  }
}
