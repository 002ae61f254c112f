import { expect, test } from 'vitest';
import { Contact } from '../../../src/runtime/contact.ts';
import { FakeClock } from './fake-clock.ts';

function build() {
  const clock = new FakeClock();
  return { clock, contact: new Contact(clock) };
}

test('nothing is said before the first call', () => {
  expect(build().contact.failure()).toBeUndefined();
});

test.each(['<error>', '500', '503'])('calls that end in %s for half a minute are a failure', async (code) => {
  const { clock, contact } = build();
  contact.observe({ code, seconds: 10 });
  await clock.advance(20_000);
  contact.observe({ code, seconds: 10 });
  expect(contact.failure()).toBeUndefined();
  await clock.advance(1_000);
  expect(contact.failure()).toBe('no call was answered for 31 s');
});

test.each(['200', '403', '404', '409', '429'])('%s is an answer', async (code) => {
  const { clock, contact } = build();
  contact.observe({ code: '<error>', seconds: 10 });
  await clock.advance(40_000);
  expect(contact.failure()).toBeDefined();
  contact.observe({ code, seconds: 0.1 });
  expect(contact.failure()).toBeUndefined();
});

test('a failure of long ago says nothing of now', async () => {
  const { clock, contact } = build();
  contact.observe({ code: '<error>', seconds: 10 });
  await clock.advance(60_000);
  expect(contact.failure()).toBeDefined();
  await clock.advance(1_000);
  expect(contact.failure()).toBeUndefined();
});
