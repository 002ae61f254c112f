import { describe, expect, it } from 'vitest';
import type { PodEndpoint } from '../../support/traffic/endpoints.ts';
import { Ledger, type LiveToken } from '../../support/traffic/ledger.ts';

const POD: PodEndpoint = {
  service: 'admin',
  pod: 'admin-0',
  uid: 'u',
  url: 'http://127.0.0.1:1',
  ready: true,
  terminating: false,
};

/** Minted at 100 s, expires at 120 s. */
const TOKEN: LiveToken = {
  text: 'secret',
  kid: 'k-1',
  jti: 'j-1',
  iat: 100,
  exp: 120,
  issuer: 'main-0',
  mintedAt: 100_000,
};

describe('Ledger', () => {
  const cases = [
    { title: 'right after it was issued', at: 100_200, rejected: 1, young: 1, late: 0 },
    { title: 'at an age of one second', at: 101_000, rejected: 1, young: 0, late: 0 },
    { title: 'just before the margin', at: 118_999, rejected: 1, young: 0, late: 0 },
    { title: 'within the margin of one second before exp', at: 119_000, rejected: 0, young: 0, late: 1 },
    { title: 'after exp', at: 121_000, rejected: 0, young: 0, late: 1 },
  ];
  it.each(cases)('counts a refusal $title', ({ at, rejected, young, late }) => {
    const ledger = new Ledger(1_000);
    ledger.refused(TOKEN, POD, new Date(at), 401, 'bad_signature');
    expect(ledger.stats()).toMatchObject({ checks: 1, rejected, rejectedYoung: young, late });
  });

  it('tells who issued, who refused, when and why, and never the token', () => {
    const ledger = new Ledger(1_000);
    ledger.refused(TOKEN, POD, new Date(102_500), 403, 'bad_signature');
    expect(ledger.rejections()).toEqual([
      {
        jti: 'j-1',
        kid: 'k-1',
        ageMs: 2_500,
        service: 'admin',
        issuerPod: 'main-0',
        verifierPod: 'admin-0',
        terminating: false,
        at: new Date(102_500),
        status: 403,
        error: 'bad_signature',
      },
    ]);
    expect(JSON.stringify([ledger.rejections(), ledger.stats()])).not.toContain('secret');
  });

  it('adds up, in total and for each service', () => {
    const ledger = new Ledger(1_000);
    ledger.issued('k-1');
    ledger.issued(undefined);
    ledger.issueFailed();
    ledger.accepted('main');
    ledger.accepted('admin');
    ledger.unavailable('admin');
    ledger.unserved('admin');
    ledger.refused(TOKEN, POD, new Date(110_000), 401, undefined);
    ledger.refused(TOKEN, POD, new Date(130_000), 401, undefined);
    expect(ledger.stats()).toEqual({
      issued: 2,
      issuedByKid: { 'k-1': 1, '': 1 },
      issueFailures: 1,
      checks: 5,
      accepted: 2,
      rejected: 1,
      rejectedYoung: 0,
      unavailable: 1,
      unserved: 1,
      late: 1,
      byService: {
        main: { checks: 1, accepted: 1, rejected: 0, unavailable: 0, unserved: 0 },
        admin: { checks: 4, accepted: 1, rejected: 1, unavailable: 1, unserved: 1 },
      },
    });
  });
});
