/**
 * Pods that have read the newest Secret and do not follow it. A successor would start in the same way, so none is replaced:
 * a person must look at the service.
 */

import type { Finding } from '../api/finding.ts';
import { iso } from '../api/iso.ts';
import type { Facts, PodOf } from '../facts.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';
import { secondChanceAt } from './converge.ts';
import { acceptedDead, acceptsOnlySigning, hasLoadedNewest, shapesHeld } from './evidence.ts';
import { label } from './policies/targets.ts';

/** @returns what is wrong with the service, and what to do */
export function unfitFinding({ target, pod }: PodOf, facts: Facts, keyset: Keyset): Finding {
  const who = `${label(target)}: pod ${pod.name}`;
  const dead = acceptedDead(pod, keyset);
  if (dead !== undefined && hasLoadedNewest(pod, keyset)) {
    const message = `${who} accepts key ${dead}, which has left the Secret, although it has loaded the newest one. It has the key from a second place: a file, a ConfigMap, another Secret, a default in its code. Take that away and roll it out; no pod is replaced for it again`;
    return { reason: 'KeyStillAccepted', message };
  }
  // what fits an older keyset may be one
  if (acceptsOnlySigning(pod, keyset) && shapesHeld(target, pod, keyset).length === 0) {
    const message = `${who} accepts the key in use (${currentShape(keyset).sign}) and no key of the fallbacks: it verifies with one key only. Roll out a version that verifies with every key, or ask to go back (rekey.dev/abort-requested-at); no pod is replaced for it again`;
    return { reason: 'SingleKeyService', message };
  }
  const still = dead === undefined ? '' : `, accepting key ${dead}`;
  const message = `${who} started after the Secret had reached its node, and holds an older one${still}: it takes its key from elsewhere, verifies with one key only, or its node lags behind. Compare its environment with the Secret; if the node is to blame, delete the pod${again(facts, keyset)}`;
  return { reason: 'PodStale', message };
}

function again(facts: Facts, keyset: Keyset): string {
  const at = secondChanceAt(facts, keyset);
  return facts.now < at ? `. It is replaced once more at ${iso(at)}` : '; it is not replaced again';
}
