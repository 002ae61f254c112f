/** Line numbers of places in a text, which is searched for line breaks once. */

/** @returns gives the line, from 1, of an offset in the text: a byte of a Buffer, a UTF-16 unit of a string */
export function lineFinder(text: Buffer | string): (offset: number) => number {
  const breaks: number[] = [];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) breaks.push(at);
  return (offset) => {
    let [low, high] = [0, breaks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((breaks[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
