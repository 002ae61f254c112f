/**
 * The commands that look at a log in a file: rekey's own, and that of the API server. They need no cluster.
 */
import type { Command } from 'commander';
import type { Run } from './program.ts';
import { type ReadersOptions, readers } from './readers.ts';
import type { Terminal } from './terminal.ts';
import { verifyAudit } from './verify-audit.ts';

/** Adds them. */
export function addLogCommands(program: Command, terminal: Terminal, run: Run): void {
  program
    .command('verify-audit <file>')
    .description('check the hash chain of an audit log (a ConfigMap as JSON or YAML; - for standard input)')
    .action((file: string) => run(() => verifyAudit(file, terminal)));
  program
    .command('readers <file>')
    .description(
      'list who got a Secret, from an audit log of the API server (one JSON object a line; - for standard input)',
    )
    .option('--secret <name>', 'this Secret; with -n, in that namespace')
    .action((file: string, _: unknown, self: Command) =>
      run(() => readers(file, terminal, self.optsWithGlobals<ReadersOptions>())),
    );
}
