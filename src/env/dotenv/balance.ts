/**
 * Whether a shell ends a value at the end of its line. If not, it takes the next lines as part of the value, and so
 * differs from readers that go by lines.
 */
const [SINGLE, DOUBLE, BACKTICK, BACKSLASH, HASH, OPENING, CLOSING, LESS] = [39, 34, 96, 92, 35, 40, 41, 60];

/** @param rest the bytes of a line behind the `=` */
export function closesOnItsLine(rest: Buffer): boolean {
  const open = { single: false, double: false, backtick: false, depth: 0 };
  for (let i = 0; i < rest.length; i += 1) {
    const byte = rest[i];
    if (open.single) open.single = byte !== SINGLE;
    else if (byte === BACKSLASH) i += 1;
    else if (byte === BACKTICK) open.backtick = !open.backtick;
    else if (byte === DOUBLE) open.double = !open.double;
    else if (open.double) continue;
    else if (byte === SINGLE) open.single = true;
    else if (byte === OPENING) open.depth += 1;
    else if (byte === CLOSING) open.depth -= 1;
    else if (byte === LESS && rest[i + 1] === LESS) return false;
    else if (byte === HASH && (rest[i - 1] === 32 || rest[i - 1] === 9)) break;
  }
  // an odd number of backslashes at the end continues the line
  return !open.single && !open.double && !open.backtick && open.depth === 0 && !endsInBackslash(rest);
}

function endsInBackslash(rest: Buffer): boolean {
  let count = 0;
  while (rest.at(-1 - count) === BACKSLASH) count += 1;
  return count % 2 === 1;
}
