'use strict';
/**
 * rekey's preload for Node 18 and newer: NODE_OPTIONS="--require /path/rekey.cjs". A service that verifies JWTs with JWT_SECRET_KEY
 * alone then accepts those signed with a key of JWT_SECRET_KEY_FALLBACKS, too. See docs/services/preload.md.
 *
 * The safety rule. A fallback is tried only if
 *   1. the library's own check said no,
 *   2. the key bytes equal JWT_SECRET_KEY, and no other variable's,
 *   3. the message is header.payload whose header names exactly the HS variant being computed, without crit,
 *   4. the signature equals that HMAC under a fallback.
 * Claims, expiry and allowed algorithms stay with the library. Signing is never touched.
 */
const crypto = require('node:crypto');
const { writeSync } = require('node:fs');
const Module = require('node:module');

const { createHmac, createSecretKey, KeyObject, timingSafeEqual } = crypto;
const LOADED = Symbol.for('rekey.preload');
const MOST_FALLBACKS = 32;
/** What is longer is not taken for a token, and not kept: a service may compute the HMAC of a whole file. */
const MOST_BYTES = 2 ** 16;
/** HS variants by the names under which createHmac and WebCrypto know their hashes. */
const VARIANTS = {
  ...{ sha256: 'HS256', sha384: 'HS384', sha512: 'HS512' },
  ...{ SHA256: 'HS256', SHA384: 'HS384', SHA512: 'HS512' },
  ...{ 'SHA-256': 'HS256', 'SHA-384': 'HS384', 'SHA-512': 'HS512' },
};
const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };
const INPUT = /^([A-Za-z0-9_-]{1,4096})\.[A-Za-z0-9_-]+$/;
/** How libraries write a signature before they compare it. */
const FORMS = [
  (digest) => digest,
  (digest) => Buffer.from(digest.toString('base64url')),
  (digest) => Buffer.from(digest.toString('base64')),
  (digest) => Buffer.from(digest.toString('hex')),
];

/** Not by process.stderr: where nobody reads it any more, that ends the process. */
const say = (text) => {
  try {
    writeSync(2, `rekey preload: ${text}\n`);
  } catch {}
};

/** @returns the key in use and the others; undefined where there is nothing to do */
function readKeys({ JWT_SECRET_KEY: current = '', JWT_SECRET_KEY_FALLBACKS: list = '' }) {
  if (list === '') return undefined;
  const wrong = wrongIn(current, list);
  if (wrong !== undefined) {
    say(`${wrong}; no fallback is accepted`);
    return undefined;
  }
  const fallbacks = list.split(',').filter((text) => text !== current);
  if (fallbacks.length === 0) return undefined;
  return { text: current, current: Buffer.from(current), fallbacks: fallbacks.map((text) => Buffer.from(text)) };
}

/** @returns what keeps the fallbacks from being used, without any of their text */
function wrongIn(current, list) {
  if (current === '') return 'JWT_SECRET_KEY_FALLBACKS is set, but JWT_SECRET_KEY is not';
  if (typeof KeyObject.prototype.equals !== 'function')
    return `it needs Node 18 or newer, and this is ${process.version}`;
  const entries = list.split(',');
  if (entries.length > MOST_FALLBACKS) return `JWT_SECRET_KEY_FALLBACKS has more than ${MOST_FALLBACKS} entries`;
  if (/^["'[{]/.test(list)) return 'JWT_SECRET_KEY_FALLBACKS is JSON or in quotes, not keys with a comma between them';
  if (entries.includes('')) return 'JWT_SECRET_KEY_FALLBACKS has an empty entry';
  if (/[\s\p{Cc}]/u.test(list)) return 'JWT_SECRET_KEY_FALLBACKS has white space or a control character in it';
  return undefined;
}

/** What an HMAC under the key in use was computed over. */
class Computed {
  constructor(variant) {
    this.variant = variant;
    this.data = undefined;
    this.encoding = undefined;
    this.more = undefined;
    this.room = MOST_BYTES;
  }

  add(data, encoding) {
    // one more for each part: an empty one takes room, too
    this.room -= sizeOf(data) + 1;
    if (this.room < 0) {
      this.data = undefined;
      this.more = undefined;
      return;
    }
    if (this.data === undefined) {
      this.data = data;
      this.encoding = encoding;
      return;
    }
    this.more ??= [];
    this.more.push([data, encoding]);
  }

  /** @returns its bytes; none if it is too long */
  message() {
    if (this.room < 0) return Buffer.alloc(0);
    const parts = [[this.data, this.encoding], ...(this.more ?? [])];
    return Buffer.concat(parts.map(([data, encoding]) => bytesOf(data, encoding)));
  }
}

/** @returns a view of the bytes of whatever createHmac, timingSafeEqual or WebCrypto takes */
function bytesOf(data, encoding) {
  if (typeof data === 'string') return Buffer.from(data, encoding === 'buffer' ? 'utf8' : encoding);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data);
}

const sizeOf = (data) => (typeof data === 'string' ? data.length : data.byteLength);

/** A function of ours looks as long as the one that it replaces. */
const asLongAs = (theirs, mine) => Object.defineProperty(mine, 'length', { value: theirs.length, configurable: true });

const same = (mine, theirs) => mine.length === theirs.length && timingSafeEqual(mine, theirs);

/** Rule 3. */
function isInputOf(message, variant) {
  const [, encoded] = INPUT.exec(message.toString('latin1')) ?? [];
  if (encoded === undefined) return false;
  const header = JSON.parse(Buffer.from(encoded, 'base64url').toString());
  const own = (name) => Object.hasOwn(header, name);
  return typeof header === 'object' && header !== null && own('alg') && header.alg === variant && !own('crit');
}

/** A mark on an object that nobody else sees: a private field on what the constructor is given. */
const Given = function given(object) {
  return object;
};
class Mark extends Given {
  #computed;

  constructor(object, computed) {
    super(object);
    this.#computed = computed;
  }

  static of(object) {
    return #computed in object ? object.#computed : undefined;
  }
}

/** createHmac and timingSafeEqual. @returns the second look at two texts that are not equal */
function hookClassic({ text, current, fallbacks }) {
  const { update, digest } = crypto.Hmac.prototype;
  const currentObject = createSecretKey(current);
  const fallbackObjects = fallbacks.map((key) => createSecretKey(key));
  let lastObject = currentObject;
  let last;

  /** Rule 2. */
  const isCurrent = (key) => {
    if (typeof key === 'string') return key === text;
    if (key === lastObject) return true;
    if (!(key instanceof KeyObject)) return ArrayBuffer.isView(key) && same(current, bytesOf(key));
    if (key.type !== 'secret' || !currentObject.equals(key)) return false;
    lastObject = key;
    return true;
  };
  const record = (hmac, hash, key) => {
    const variant = VARIANTS[hash];
    if (variant !== undefined && isCurrent(key)) new Mark(hmac, new Computed(variant));
  };
  crypto.createHmac = function rekeyCreateHmac(hash, key, options) {
    const hmac = createHmac(hash, key, options);
    try {
      record(hmac, hash, key);
    } catch {}
    return hmac;
  };
  crypto.Hmac.prototype.update = function rekeyUpdate(data, encoding) {
    const result = update.call(this, data, encoding);
    Mark.of(this)?.add(data, encoding);
    return result;
  };
  crypto.Hmac.prototype.digest = function rekeyDigest(encoding) {
    const result = digest.call(this, encoding);
    const computed = Mark.of(this);
    if (computed !== undefined) {
      last = computed;
      try {
        if (typeof result !== 'string') new Mark(result, computed);
      } catch {}
    }
    return result;
  };

  const isFallback = (computed, left, right) => {
    const message = computed.message();
    if (!isInputOf(message, computed.variant)) return false;
    const hmac = (key) => digest.call(update.call(createHmac(HASHES[computed.variant], key), message));
    // one of the two is the library's own: this also proves that it is of this message, whoever has changed it since
    const own = hmac(currentObject);
    for (const form of FORMS) {
      const mine = form(own);
      const theirs = same(mine, left) ? right : same(mine, right) ? left : undefined;
      if (theirs !== undefined) return fallbackObjects.filter((key) => same(form(hmac(key)), theirs)).length > 0;
    }
    return false;
  };
  const secondLook = (a, b) => {
    try {
      const computed = Mark.of(a) ?? Mark.of(b) ?? last;
      return computed !== undefined && isFallback(computed, bytesOf(a), bytesOf(b));
    } catch {
      return false;
    }
  };
  crypto.timingSafeEqual = asLongAs(timingSafeEqual, function rekeyTimingSafeEqual(a, b) {
    return timingSafeEqual(a, b) || secondLook(a, b);
  });
  return secondLook;
}

/** jwa up to 1.4.1 compares with a package of its own. */
function hookOldJwa(secondLook) {
  const load = Module._load;
  const wrapped = new WeakMap();
  Module._load = function rekeyLoad(request, ...rest) {
    const exported = load.call(this, request, ...rest);
    if (request !== 'buffer-equal-constant-time' || typeof exported !== 'function') return exported;
    if (!wrapped.has(exported)) {
      const equal = (a, b) => exported(a, b) || (a?.length === b?.length && secondLook(a, b));
      wrapped.set(exported, Object.assign(equal, exported));
    }
    return wrapped.get(exported);
  };
}

/** WebCrypto. */
function hookSubtle({ current, fallbacks }) {
  const prototype = Object.getPrototypeOf(crypto.webcrypto.subtle);
  const { verify, importKey } = prototype;
  const PROBE = Buffer.from('rekey preload');

  const prepared = new Map();
  /** What is needed for a hash, made once: the HMAC of a text under the key in use, and the fallbacks as keys. */
  const preparedFor = (subtle, hash) => {
    if (!prepared.has(hash)) {
      const algorithm = { name: 'HMAC', hash };
      const imported = (key) => importKey.call(subtle, 'raw', key, algorithm, false, ['verify']);
      const probe = createHmac(HASHES[VARIANTS[hash]], current).update(PROBE).digest();
      prepared.set(hash, { probe, keys: Promise.all(fallbacks.map(imported)) });
    }
    return prepared.get(hash);
  };
  const secondLook = async (subtle, key, signature, message) => {
    try {
      const { hash, length } = key.algorithm;
      const variant = VARIANTS[hash.name];
      if (variant === undefined || !isInputOf(message, variant)) return false;
      // rule 2, without the bytes: HMAC keys of one length that agree on a text are equal
      if (length !== current.length * 8) return false;
      const { probe, keys } = preparedFor(subtle, hash.name);
      if (!(await verify.call(subtle, 'HMAC', key, probe, PROBE))) return false;
      const answers = (await keys).map((each) => verify.call(subtle, 'HMAC', each, signature, message));
      return (await Promise.all(answers)).includes(true);
    } catch {
      return false;
    }
  };
  const copied = (data) => {
    try {
      return Uint8Array.prototype.slice.call(bytesOf(data));
    } catch {
      return Buffer.alloc(0);
    }
  };
  // all that is given goes on: verify counts it
  prototype.verify = asLongAs(verify, function rekeyVerify(...given) {
    const answer = verify.apply(this, given);
    const [, key, signature, data] = given;
    if (key?.algorithm?.name !== 'HMAC' || !(data?.byteLength <= MOST_BYTES)) return answer;
    const [theirs, message] = [copied(signature), copied(data)];
    return answer.then((is) => is || secondLook(this, key, theirs, Buffer.from(message)));
  });
}

function start() {
  if (crypto[LOADED]) return;
  const keys = readKeys(process.env);
  if (keys === undefined) return;
  Object.defineProperty(crypto, LOADED, { value: true });
  hookOldJwa(hookClassic(keys));
  hookSubtle(keys);
  Module.syncBuiltinESMExports();
}

try {
  start();
} catch (error) {
  say(`${error?.name}: it could not start; no fallback is accepted`);
}
