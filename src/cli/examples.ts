/**
 * Examples for the help of each command. PROGRAM is what the user has called.
 */
import type { Command } from 'commander';

/** By command, with its arguments where the two programs differ: what it is typed like. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  status: ['status -n shop', 'status my-jwt -n shop -w', 'status -A -o json'],
  plan: ['plan my-jwt -n shop', 'plan my-jwt -n shop --now -o yaml'],
  inject: [
    'inject my-jwt -n shop --language node --dry-run',
    'inject my-jwt -n shop --language python --target Deployment/api --dry-run',
  ],
  rbac: ['rbac my-jwt -n shop', 'rbac my-jwt -n shop --network-policy -o yaml'],
  check: ['check my-jwt -n shop', 'check my-jwt -n shop --canary'],
  history: ['history my-jwt -n shop', 'history my-jwt -n shop -o json'],
  rotate: ['rotate my-jwt -n shop --wait', 'rotate -l team=web -n shop --wait --timeout 48h', 'rotate --all -n shop'],
  abort: ['abort my-jwt -n shop', 'abort my-jwt -n shop --wait --timeout 1h'],
  withdraw: ['withdraw my-jwt -n shop', 'withdraw my-jwt -n shop --timeout 2m'],
  pause: ['pause my-jwt -n shop', 'pause my-jwt -n shop --context prod'],
  suspend: ['suspend my-jwt -n shop', 'suspend my-jwt -n shop --context prod'],
  resume: ['resume my-jwt -n shop', 'resume my-jwt -n shop --context prod'],
  emergency: [
    "emergency my-jwt -n shop --reason 'the key was in a log'",
    "emergency my-jwt -n shop --reason 'the key was in a log' --yes --no-wait -o json",
  ],
  contained: ['contained my-jwt -n shop', 'contained my-jwt -n shop --context prod'],
  doctor: ['doctor my-jwt -n shop', 'doctor my-jwt -n shop --canary', 'doctor my-jwt -n shop --tokens tokens.txt'],
  'validate-app': [
    'validate-app --made-keys --to test.env',
    'validate-app http://127.0.0.1:8000/auth/verify --keys-file test.env',
  ],
  'report [name]': [
    'report my-jwt -n shop',
    'report my-jwt -n shop --to rotation.html',
    'report -f audit.yaml -o json',
  ],
  'report <file>': ['report audit.yaml', 'report audit.yaml --to rotation.html'],
  'verify-audit': ['verify-audit audit.yaml', 'verify-audit -'],
  readers: ['readers audit.log -n shop --secret my-jwt', 'readers - --secret my-jwt -o json'],
  generate: ['generate', 'generate --to main/.env.production', 'generate --format raw --bytes 64'],
  completion: ['completion bash', 'completion zsh'],
  'env status': ['env status', 'env status production -o json'],
  'env init': ['env init', 'env init --force'],
  'env check': ['env check', 'env check production', 'env check --staged'],
  'env rotate': [
    'env rotate production --watch',
    'env rotate production --reads-fallbacks',
    "env rotate production --at-once --reason 'an example key'",
  ],
  'env continue': [
    'env continue production',
    'env continue production --reloaded 289008001 main admin',
    'env continue production --watch',
  ],
  'env abort': ['env abort production', "env abort production --reason 'a service was not ready'"],
  'env emergency': [
    "env emergency production --reason 'the key was in Git'",
    "env emergency production --reason 'the key was in Git' --yes --watch",
  ],
  'env sync': ['env sync production', 'env sync production --discard'],
  'env verify': ['env verify production', 'env verify development'],
  'env apply': ['env apply production -n shop', 'env apply production -n shop --name my-jwt'],
};

/** Adds them to the help of all commands that the program has. */
export function addExamples(program: Command): void {
  const fits = (each: Command, word: string, args: string | undefined) =>
    each.name() === word && (args === undefined || each.usage().endsWith(args));
  for (const [path, examples] of Object.entries(EXAMPLES)) {
    const [names = '', args] = path.split(/ (?=[[<])/);
    const command = names
      .split(' ')
      .reduce<Command | undefined>((at, word) => at?.commands.find((each) => fits(each, word, args)), program);
    const lines = examples.map((example) => `\n  ${program.name()} ${example}`);
    command?.addHelpText('after', `\nExamples:${lines.join('')}`);
  }
}
