/** What Node's own functions answer, beyond what libraries ask of them. Prints an answer for each name. */
import { Buffer } from 'node:buffer';
import crypto, { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

const { JWT_SECRET_KEY: current, JWT_SECRET_KEY_FALLBACKS: list, JWT_SECRET: separate } = process.env;
const [fallback] = list.split(',');
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const input = `${part({ alg: 'HS256' })}.${part({ sub: 'anna' })}`;
const bytes = (text) => Buffer.from(text);
const mac = (key, text = input, hash = 'sha256') => createHmac(hash, key).update(text).digest();
// made without a record of the preload: of another key than JWT_SECRET_KEY
const theirs = mac(fallback);
const same = (a, b) => {
  try {
    return timingSafeEqual(a, b);
  } catch (error) {
    return error.code;
  }
};
const hs256 = { name: 'HMAC', hash: 'SHA-256' };
const imported = (key, hash = 'SHA-256') =>
  crypto.subtle.importKey('raw', bytes(key), { ...hs256, hash }, false, ['verify']);
const verifies = async (key, signature, text = input) =>
  crypto.subtle.verify('HMAC', await key, signature, bytes(text));

/** The library computes, then waits for others that compute, then compares. */
async function interleaved() {
  const one = async (i) => {
    const text = `${part({ alg: 'HS256' })}.${part({ i })}`;
    const given = mac(fallback, text);
    const mine = mac(current, text);
    await null;
    return timingSafeEqual(given, mine);
  };
  return (await Promise.all(Array.from({ length: 50 }, (_, i) => one(i)))).every(Boolean);
}

const inHalves = createHmac('sha256', current)
  .update(input.slice(0, 9))
  .update(bytes(input.slice(9)))
  .digest();
const changed = bytes(input);
const overChanged = createHmac('sha256', current).update(changed).digest();
changed.fill(0x41);
const edited = mac(current);
edited[0] ^= 1;
const asBase64 = createHmac('sha256', current).update(Buffer.from(input).toString('base64'), 'base64').digest();
const typed = new Uint8Array(theirs);
const long = input.replace(/^[^.]+/, part({ alg: 'HS512' }));
const theirsLong = mac(fallback, long, 'sha512');
// HMAC fills a key that is shorter than its block with zeros: another key, and the same HMAC
const padded = `${current}\0`;

const answers = {
  // rule 1 to 4 hold
  digest: same(theirs, mac(current)),
  'digest, turned round': same(mac(current), theirs),
  'digest and a Uint8Array': same(mac(current), typed),
  'digest and a DataView': same(mac(current), new DataView(typed.buffer)),
  'key as a Uint8Array': same(mac(new Uint8Array(bytes(current))), theirs),
  'key as a KeyObject': same(mac(createSecretKey(bytes(current))), theirs),
  'text in base64url': same(
    bytes(createHmac('sha256', current).update(input).digest('base64url')),
    bytes(theirs.toString('base64url')),
  ),
  'text in hex': same(bytes(createHmac('sha256', current).update(input).digest('hex')), bytes(theirs.toString('hex'))),
  'text, read again': same(Buffer.from(createHmac('sha256', current).update(input).digest('hex'), 'hex'), theirs),
  'two updates': same(inHalves, theirs),
  'an update in base64': same(asBase64, theirs),
  'HS512 as it says': same(mac(current, long, 'sha512'), theirsLong),
  interleaved: await interleaved(),
  subtle: await verifies(imported(current), theirs),
  // they do not
  'no HMAC at all': same(bytes('a'.repeat(32)), bytes('b'.repeat(32))),
  'two lengths': same(bytes('a'), bytes('bb')),
  'no bytes': same('a', 'b'),
  'a separate secret': same(mac(separate), theirs),
  'a separate secret in subtle': await verifies(imported(separate), theirs),
  'the key and a zero byte': same(mac(padded, long, 'sha512'), theirsLong),
  'the key and a zero byte in subtle': await verifies(imported(padded, 'SHA-512'), theirsLong, long),
  'the key as hex': same(createHmac('sha256', current, { encoding: 'hex' }).update(input).digest(), theirs),
  'no JWT': same(mac(current, 'hello'), mac(fallback, 'hello')),
  'no JWT in subtle': await verifies(imported(current), mac(fallback, 'hello'), 'hello'),
  'a JWT and more': same(mac(current, `${input}\n`), mac(fallback, `${input}\n`)),
  'another hash': same(mac(current, input, 'sha1'), mac(fallback, input, 'sha1')),
  'another variant than the header names': same(mac(current, input, 'sha512'), mac(fallback, input, 'sha512')),
  'another variant than the header names in subtle': await verifies(
    imported(current, 'SHA-512'),
    mac(fallback, input, 'sha512'),
  ),
  'a message that changed': same(overChanged, theirs),
  'a digest that changed': same(edited, theirs),
  'two fallbacks': same(mac(fallback), mac(list.split(',')[1])),
  'two forms': same(
    bytes(createHmac('sha256', current).update(input).digest('hex')),
    bytes(theirs.toString('hex').toUpperCase()),
  ),
};

/** What the functions look like to others. */
const broken = [
  ...(crypto.createHmac === createHmac ? [] : ['module and import differ']),
  ...(Object.getOwnPropertySymbols(mac(current)).length === 0 ? [] : ['a digest has a property more']),
  ...(Object.keys(createHmac('sha256', current)).join() === Object.keys(createHmac('sha256', 'other')).join()
    ? []
    : ['an Hmac has a property more']),
];
process.stdout.write(JSON.stringify({ answers, broken }));
