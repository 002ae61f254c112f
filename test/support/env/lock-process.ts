/** A run that holds the lock until its standard input ends: `node lock-process.ts FOLDER`. Says `held`, or why it has it not. */
import { text } from 'node:stream/consumers';
import { withLock } from '../../../src/env/files/lock.ts';

try {
  await withLock(process.argv[2] ?? '', async () => {
    console.log('held');
    await text(process.stdin);
  });
  console.log('over');
} catch (error) {
  console.log((error as Error).message);
}
