/**
 * rekey.dev/requested-by names a user: admission sees to it that nobody writes the name of somebody else.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeApi } from '../support/cluster/kubeapi.ts';
import { Authors, annotate, refusal, secrets, untilRefused, workloads } from '../support/scenario/authors.ts';

const authors = new Authors(inject('cluster'));
const { admin, id, namespace } = authors;

let owner: KubeApi;

beforeAll(async () => {
  await authors.install();
  owner = await authors.userWith('owner', secrets('update', 'jwt'), workloads('deployments', 'main', 'admin'));
  const annotations = { 'rekey.dev/requested-by': 'x by alice' };
  await untilRefused('names are guarded', () =>
    owner.create({ ...authors.resource('tried'), metadata: { namespace, name: `tried-${randomUUID()}`, annotations } }),
  );
});
afterAll(() => authors.close());

describe('the name of whoever asks', () => {
  const BY = 'rekey.dev/requested-by';
  const asks = (what: string, who: string) => annotate(BY, `${what} by ${who}`);

  it('is his own', async () => {
    await admin.create(authors.resource('named'));
    const self = `owner-${id}`;
    await owner.patch(authors.named('named'), asks('rotate-requested-at=1', self));
    await owner.patch(authors.named('named'), asks('rotate-requested-at=2', self));
    for (const who of ['alice', `deputy-${id}`, `${self} by alice`, `alice by ${self}`, `${self} `, '']) {
      const why = await refusal(owner.patch(authors.named('named'), asks('rotate-requested-at=3', who)));
      expect(why).toContain(`${self} may only write his own user name`);
    }
    // beside his line those of others stay, and none is added
    await owner.patch(
      authors.named('named'),
      annotate(BY, `rotate-requested-at=2 by ${self}\nabort-requested-at=4 by ${self}`),
    );
    await admin.patch(authors.named('named'), annotate(BY, `abort-requested-at=4 by ${self}`));
    await owner.patch(
      authors.named('named'),
      annotate(BY, `abort-requested-at=4 by ${self}\nrotate-requested-at=2 by ${self}`),
    );
    const two = (line: string) => annotate(BY, `rotate-requested-at=2 by ${self}\n${line}`);
    for (const line of ['paused=true by alice', '', 'alice']) {
      expect(await refusal(owner.patch(authors.named('named'), two(line)))).toContain('his own');
    }
    const many = Array.from({ length: 17 }, (_, i) => `rotate-requested-at=${i} by ${self}`).join('\n');
    expect(await refusal(owner.patch(authors.named('named'), annotate(BY, many)))).toContain('16 lines');
    await owner.patch(authors.named('named'), asks('rotate-requested-at=2', self));
    await refusal(owner.patch(authors.named('named'), annotate(BY, 'alice')));
    await refusal(owner.patch(authors.named('named'), annotate(BY, self)));
    // an administrator, too, asks in his own name
    expect(await refusal(admin.patch(authors.named('named'), asks('rotate-requested-at=3', 'alice')))).toContain(
      'his own',
    );
    expect((await admin.get(authors.named('named'))).metadata.annotations?.[BY]).toBe(
      `rotate-requested-at=2 by ${self}`,
    );
    await admin.delete(authors.named('named'));
  });

  it('does not stand behind what somebody else asks for with the same value', async () => {
    const self = `owner-${id}`;
    const asked = (edit: object) => ({ metadata: { annotations: edit } });
    await admin.create(authors.resource('again'));
    await owner.patch(
      authors.named('again'),
      asked({ 'rekey.dev/rotate-requested-at': '1', [BY]: `rotate-requested-at=1 by ${self}` }),
    );
    await admin.patch(authors.named('again'), asked({ 'rekey.dev/rotate-requested-at': '2' }));
    const why = await refusal(admin.patch(authors.named('again'), asked({ 'rekey.dev/rotate-requested-at': '1' })));
    expect(why).toContain('a line names this very request as that of somebody else');
    await owner.patch(authors.named('again'), asked({ 'rekey.dev/rotate-requested-at': '1' }));
    await admin.patch(authors.named('again'), asked({ 'rekey.dev/rotate-requested-at': '2', [BY]: null }));
    await admin.patch(authors.named('again'), asked({ 'rekey.dev/rotate-requested-at': '1' }));
    // of an emergency the nonce is named
    const leak = { 'rekey.dev/emergency': '7: leak', [BY]: `emergency=7 by ${self}` };
    await owner.patch(authors.named('again'), asked(leak));
    expect(await refusal(admin.patch(authors.named('again'), asked({ 'rekey.dev/emergency': '7: other' })))).toContain(
      'this very request',
    );
    await admin.delete(authors.named('again'));
  });

  it('stays or goes with an edit of somebody else, and is not invented with a new resource', async () => {
    await admin.create(authors.resource('kept'));
    await owner.patch(authors.named('kept'), asks('rotate-requested-at=1', `owner-${id}`));
    // GitOps applies what others wrote
    await admin.patch(authors.named('kept'), { spec: { suspend: true } });
    await admin.apply(JSON.stringify(authors.resource('kept', { suspend: false })));
    const { annotations } = (await admin.get(authors.named('kept'))).metadata;
    expect(annotations?.[BY]).toBe(`rotate-requested-at=1 by owner-${id}`);
    await admin.patch(authors.named('kept'), annotate(BY, null));

    const made = {
      ...authors.resource('invented'),
      metadata: { namespace, name: 'invented', annotations: { [BY]: 'x by alice' } },
    };
    expect(await refusal(owner.create(made))).toContain('his own user name');
    // a backup is restored by somebody who may be anybody
    await admin.create(made);
    for (const name of ['kept', 'invented']) await admin.delete(authors.named(name));
  });
});
