import { expect, test } from 'vitest';
import { type JwtKeyRotation, REQUEST } from '../../../src/rotation/api/names.ts';
import { forcedBy } from '../../../src/rotation/requests/asked-by.ts';
import { remembered } from '../../../src/rotation/requests/remembered.ts';
import { requestsOf } from '../../../src/rotation/requests/requests.ts';

const annotation = (name: string) => ({ 'f:metadata': { 'f:annotations': { [`f:${name}`]: {}, 'f:note': {} } } });
const OWNERS = [
  { manager: 'kubectl', time: '2026-11-25T10:00:00Z', fieldsV1: annotation(REQUEST.rotateAt) },
  { manager: 'helm', fieldsV1: { ...annotation(REQUEST.emergency), 'f:spec': { 'f:targets': { 'k:{}': {} } } } },
  { manager: 'argocd', fieldsV1: { 'f:spec': { 'f:forceRotation': { 'f:reason': {}, '.': {} } } } },
  { manager: 'rekey', fieldsV1: { 'f:status': { 'f:conditions': { 'k:{"type":"Ready"}': { '.': {} } } } } },
];
const resource = {
  metadata: {
    ...{ namespace: 'shop', name: 'jwt', resourceVersion: '7', managedFields: OWNERS },
    annotations: { [REQUEST.rotateAt]: 'now', [REQUEST.emergency]: 'leak: found', note: 'x' },
  },
  spec: { secretName: 'jwt', targets: [], forceRotation: { reason: 'test' } },
} as unknown as JwtKeyRotation;

test('who made a request is known as before, and what tells nothing of that is not kept', () => {
  const kept = remembered(resource);
  expect(requestsOf(kept)).toEqual(requestsOf(resource));
  expect(requestsOf(kept)).toMatchObject({ rotateActor: 'field manager kubectl (not verified)', rotateApart: true });
  expect(requestsOf(kept).emergency).toMatchObject({ actor: 'field manager helm (not verified)', apart: false });
  expect(forcedBy(kept)).toBe('field manager argocd (not verified)');
  expect(kept.metadata.managedFields).toHaveLength(3);
  expect(JSON.stringify(kept)).not.toMatch(/f:note|f:targets|f:status/);
});

test('what the resource says stays', () => {
  const { metadata, ...rest } = remembered(resource);
  const { managedFields: _, ...others } = metadata;
  const { managedFields: __, ...before } = resource.metadata;
  expect(others).toEqual(before);
  expect(rest).toMatchObject({ spec: resource.spec, kind: 'JwtKeyRotation' });
  expect(remembered({ ...resource, metadata: before }).metadata.managedFields).toBeUndefined();
});
