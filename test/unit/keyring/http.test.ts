/** What the helpers for web frameworks answer: the real frameworks, but for Next, whose requests are those of the platform. */
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { startCrew } from '../../support/keyring/crew.ts';
import { signToken } from '../../support/traffic/tokens.ts';

const crew = await startCrew();
afterAll(() => crew[Symbol.asyncDispose]());

const KEY = randomBytes(32).toString('hex');
await crew.askAll({ op: 'load', name: 'it', env: { JWT_SECRET_KEY: KEY } });
const good = await signToken({ key: KEY, subject: 'ada' });
const old = await signToken({ key: KEY, subject: 'ada', ttlSeconds: -100 });
const foreign = await signToken({ key: randomBytes(32).toString('hex'), subject: 'ada' });

type Case = readonly [headers: Readonly<Record<string, string>>, cookie: string | undefined, verdict: string];
const CASES: Readonly<Record<string, Case>> = {
  'a bearer': [{ authorization: `Bearer ${good}` }, undefined, 'ada'],
  'a bearer in small letters': [{ authorization: `bearer ${good}` }, undefined, 'ada'],
  'a cookie': [{ cookie: `a=b; session=${good}; c=d` }, 'session', 'ada'],
  'a bearer beside a cookie': [{ authorization: `Bearer ${good}`, cookie: `session=${foreign}` }, 'session', 'ada'],
  nothing: [{}, 'session', 'missing_token'],
  'a cookie that is not looked at': [{ cookie: `session=${good}` }, undefined, 'missing_token'],
  'a cookie of another name': [{ cookie: `xsession=${good}; session2=${good}` }, 'session', 'missing_token'],
  'an empty cookie': [{ cookie: 'session=' }, 'session', 'missing_token'],
  'another scheme': [{ authorization: `Basic ${good}` }, undefined, 'missing_token'],
  'another scheme beside a cookie': [
    { authorization: 'Basic x', cookie: `session=${good}` },
    'session',
    'missing_token',
  ],
  'a bearer of two words': [{ authorization: `Bearer ${good} ${good}` }, undefined, 'missing_token'],
  'an old bearer': [{ authorization: `Bearer ${old}` }, undefined, 'expired'],
  'a foreign bearer': [{ authorization: `Bearer ${foreign}` }, undefined, 'bad_signature'],
  'a foreign cookie': [{ cookie: `session=${foreign}` }, 'session', 'bad_signature'],
  'a bearer that is no token': [{ authorization: 'Bearer x' }, undefined, 'malformed'],
};

const all = crew.members.flatMap((member) =>
  member.frameworks.map((framework) => ({ title: `${member.title}, ${framework}`, framework, member })),
);
describe.each(all)('$title', ({ framework, member }) => {
  it.each(Object.entries(CASES))('answers to %s', async (_, [headers, cookie, verdict]) => {
    const request = { op: 'http', name: 'it', framework, headers, ...(cookie !== undefined && { cookie }) } as const;
    const { status, challenge, body = '' } = await member.ask(request);
    if (verdict === 'ada') return expect({ status, body: JSON.parse(body) }).toEqual({ status: 200, body: 'ada' });
    expect({ status, challenge }).toEqual({ status: 401, challenge: 'Bearer' });
    // FastAPI calls it "detail"
    expect(Object.values(JSON.parse(body))).toEqual([verdict]);
  });
});
