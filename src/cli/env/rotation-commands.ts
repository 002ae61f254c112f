/**
 * The commands that change keys in .env files: what they are called and what they take.
 */
import type { Command } from 'commander';
import type { Run } from '../program.ts';
import type { Exit, Terminal } from '../terminal.ts';
import type { Context } from './context.ts';

export interface RotationContext {
  readonly terminal: Terminal;
  /** Where the command runs, absolute. */
  readonly folder: string;
  readonly run: Run;
}

/** What a command does. Loaded when it is called: most commands need no client. */
type Act = (context: Context) => Promise<Exit>;

/** @param env the command `env` */
export function addRotationCommands(env: Command, { terminal, folder, run }: RotationContext): void {
  const program = env.parent?.name() ?? 'rekey';
  const act = (environment: string, load: () => Promise<Act>) =>
    run(async () => {
      const { withContext } = await import('./context.ts');
      return withContext({ terminal, folder, program, environment }, await load());
    });
  addSteps(env, act);
  addRepairs(env, act);
}

type RunAct = (environment: string, load: () => Promise<Act>) => Promise<void>;

function addSteps(env: Command, act: RunAct): void {
  env
    .command('rotate <environment>')
    .description('put a new key into the files of all services, step by step, so that no token is refused')
    .option(
      '--reads-fallbacks',
      'every service accepts each entry of the fallbacks as well (rekey.yaml: readsFallbacks)',
    )
    .option('--at-once', 'services know one key only: replace it, and every older token is refused')
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask')
    .option('--watch', 'stay until it is over; Ctrl-C is safe')
    .action((environment: string, options) =>
      act(environment, async () => {
        const { rotate } = await import('./rotate.ts');
        return (context) => rotate(context, options);
      }),
    );
  env
    .command('continue <environment>')
    .description('go on with a rotation, or an emergency')
    .option('--reloaded [version-services...]', 'since this VERSION, as printed, these services have been restarted')
    .option('--watch', 'stay until it is over; Ctrl-C is safe')
    .action((environment: string, options) =>
      act(environment, async () => {
        const { goOn } = await import('./go-on.ts');
        return (context) => goOn(context, options);
      }),
    );
  env
    .command('abort <environment>')
    .description('go back: before promote the new key leaves, after it the old one signs again')
    .option('--reason <text>', 'why')
    .action((environment: string, options) =>
      act(environment, async () => {
        const { abort } = await import('./abort.ts');
        return (context) => abort(context, options);
      }),
    );
}

function addRepairs(env: Command, act: RunAct): void {
  env
    .command('emergency <environment>')
    .description('a key has leaked: a fresh key alone, at once; all users sign in again')
    .requiredOption('--reason <text>', 'why')
    .option('--yes', 'do not ask for the name')
    .option(
      '--without <services...>',
      'leave these services out, whose files cannot be read: they may accept a burnt key until you mend them',
    )
    .option('--watch', 'stay until it is over')
    .action((environment: string, options) =>
      act(environment, async () => {
        const { emergency } = await import('./emergency.ts');
        return (context) => emergency(context, options);
      }),
    );
  env
    .command('sync <environment>')
    .description('bring services that lag behind in step with the source of truth')
    .option('--discard', 'give up keys that only these services know: their tokens are refused')
    .action((environment: string, options) =>
      act(environment, async () => {
        const { sync } = await import('./sync.ts');
        return (context) => sync(context, options);
      }),
    );
  env
    .command('verify <environment>')
    .description('ask every service that has a canary URL whether it accepts the keys in its file')
    .action((environment: string) => act(environment, async () => (await import('./verify.ts')).verify));
}
