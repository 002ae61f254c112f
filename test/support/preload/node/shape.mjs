/** What Node's functions look like and throw, and what stays in memory of what is not a token. Needs --expose-gc. */
import { Buffer } from 'node:buffer';
import crypto from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

const { JWT_SECRET_KEY: current } = process.env;
const MEGABYTE = 2 ** 20;
const hmac = () => crypto.createHmac('sha256', current);
const thrown = async (work) => {
  try {
    return await work();
  } catch (error) {
    return `${error.name} ${error.code} ${error.message}`;
  }
};
const { subtle } = crypto;
const { verify } = Object.getPrototypeOf(subtle);

const shape = {
  lengths: [
    crypto.timingSafeEqual,
    crypto.createHmac,
    crypto.Hmac.prototype.update,
    crypto.Hmac.prototype.digest,
    verify,
  ].map((each) => each.length),
  errors: await Promise.all(
    [
      () => subtle.verify(),
      () => subtle.verify('HMAC', 1),
      () => subtle.verify('HMAC', 1, 2, 3),
      () => verify.call({}, 'HMAC', 1, 2, 3),
      () => crypto.timingSafeEqual(),
      () => crypto.createHmac(),
      () => crypto.createHmac('no such hash', current),
      () => hmac().update(1),
      () => hmac().update('x').digest('no such encoding'),
    ].map(thrown),
  ),
};

/** The least of several looks: buffers are freed beside the program. */
const held = async () => {
  const looks = [];
  for (let i = 0; i < 20; i += 1) {
    globalThis.gc();
    await setImmediate();
    looks.push(process.memoryUsage().arrayBuffers);
  }
  return Math.min(...looks);
};
const before = await held();
const file = hmac();
for (let i = 0; i < 64; i += 1) file.update(Buffer.alloc(MEGABYTE, i));
file.digest('hex');
const digests = Array.from({ length: 64 }, (_, i) => hmac().update(Buffer.alloc(MEGABYTE, i)).digest());
const megabytes = Math.round(((await held()) - before) / MEGABYTE);
process.stdout.write(JSON.stringify({ shape, megabytes, digests: digests.length }));
