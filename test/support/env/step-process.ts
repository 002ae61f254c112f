/** A step, or the recovery of one, in a process of its own that dies at one call: `node step-process.ts commit|recover N ROOT…` */
import { commit, recover } from '../../../src/env/files/transaction.ts';
import { withFault } from './faulty-fs.ts';
import { openScene } from './step-scene.ts';

const [what, at, ...roots] = process.argv.slice(2);
const scene = openScene(roots);
const work = () => (what === 'commit' ? commit(scene.state, scene.changes) : recover(scene.state));
const { error } = await withFault({ fault: 'kill', at: Number(at) }, work);
if (error !== undefined) throw error;
