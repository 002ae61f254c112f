/**
 * Shapes of .env files from life, as a table: what stands before, around and behind the two names that a rotation writes. Each
 * combination is a file.
 */
const HEADS: Readonly<Record<string, string>> = {
  nothing: '',
  comments: "# Application\n# copied from .env.example, don't commit\n\n",
  Rails: 'RAILS_ENV=production\nDATABASE_URL=postgres://u:p%40ss@db:5432/app\n',
  Laravel: 'APP_NAME="My App"\nAPP_DEBUG=false\nMAIL_FROM_NAME="$APP_NAME"\n',
  Django: "DEBUG=0\nALLOWED_HOSTS='localhost 127.0.0.1'\nSECRET=aB3+/w==\n",
  Node: 'NODE_ENV=production\nPORT=3000 \nLOG_LEVEL=info # or debug\n',
  PEM: 'TLS_KEY="-----BEGIN KEY-----\nMIIBVgIBADANBg==\n-----END KEY-----"\n',
  JSON: 'FLAGS=\'{"a": [1, 2], "b": "c"}\'\n',
  latin1: '# caf\xe9\nCITY=M\xfcnchen\n',
  sections: '### api ###\n\n\nA=1\n\n   # indented\n  B=2\n',
  dead: '#JWT_SECRET_KEY=old\n# JWT_SECRET_KEY_FALLBACKS=older\n',
  quoted: "EMPTY=''\nE2=\"\"\nMIXED=\"it's\"\nBACK='a\\b'\n",
};
/** How the key stands; K is the key, F the fallbacks. */
const KEYS: Readonly<Record<string, string>> = {
  bare: 'JWT_SECRET_KEY=K\nJWT_SECRET_KEY_FALLBACKS=F\n',
  single: "JWT_SECRET_KEY='K'\nJWT_SECRET_KEY_FALLBACKS='F'\n",
  double: 'JWT_SECRET_KEY="K"\nJWT_SECRET_KEY_FALLBACKS="F"\n',
  exported: 'export JWT_SECRET_KEY=K\nexport JWT_SECRET_KEY_FALLBACKS="F"\n',
  spaced: 'JWT_SECRET_KEY = K\nJWT_SECRET_KEY_FALLBACKS = F\n',
  indented: '  JWT_SECRET_KEY=K\n\tJWT_SECRET_KEY_FALLBACKS=F\n',
  apart: 'JWT_SECRET_KEY_FALLBACKS=F\nBETWEEN=1\n# the signing key\nJWT_SECRET_KEY=K\n',
  alone: "JWT_SECRET_KEY='K'\n",
  twice: 'JWT_SECRET_KEY=gone\nX=1\nJWT_SECRET_KEY="K"\nJWT_SECRET_KEY_FALLBACKS=F\n',
  empty: 'JWT_SECRET_KEY=K\nJWT_SECRET_KEY_FALLBACKS=\n',
};
const TAILS: Readonly<Record<string, string>> = {
  end: '',
  more: 'REDIS_URL=redis://cache:6379/0\nTZ=Europe/Berlin\n',
  space: '\n\n# end\n',
};
/** What is done to the whole text. */
const FORMS: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  CRLF: (text) => text.replaceAll('\n', '\r\n'),
  'no final newline': (text) => text.replace(/\n$/, ''),
};

export interface Shape {
  readonly name: string;
  readonly bytes: Buffer;
}

/** @returns every combination, with these keys */
export function shapes(key: string, fallbacks: string): readonly Shape[] {
  const all: Shape[] = [];
  for (const [head, before] of Object.entries(HEADS)) {
    for (const [style, lines] of Object.entries(KEYS)) {
      for (const [tail, after] of Object.entries(TAILS)) {
        for (const [form, change] of Object.entries(FORMS)) {
          const filled = lines
            .replace(/(?<==\s?['"]?)K(?=['"]?\n)/, key)
            .replace(/(?<==\s?['"]?)F(?=['"]?\n)/, fallbacks);
          const text = change(before + filled + after);
          all.push({ name: `${head}, ${style}, ${tail}, ${form}`, bytes: Buffer.from(text, 'latin1') });
        }
      }
    }
  }
  return all;
}
