/**
 * Splits a stream of bytes into lines. A line is decoded as a whole, so that a character split between chunks stays
 * intact.
 */

/** A line that is longer than its limit, or a stream that ended within one. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

const NEWLINE = 0x0a;

/**
 * @param maxBytes longest line; memory is bounded by it
 * @yields each line without its end; empty lines are left out
 * @throws LineError
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = decode([...pieces, chunk.subarray(start, end)], size + end - start, maxBytes);
      pieces = [];
      size = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start === chunk.length) continue;
    pieces.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > maxBytes) throw tooLong(maxBytes);
  }
  if (size > 0) throw new LineError('the stream ended within a line');
}

function decode(pieces: readonly Uint8Array[], size: number, maxBytes: number): string {
  if (size > maxBytes) throw tooLong(maxBytes);
  return Buffer.concat(pieces).toString('utf8').trim();
}

function tooLong(maxBytes: number): LineError {
  return new LineError(`a line is longer than ${maxBytes} bytes`);
}
