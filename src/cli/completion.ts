/**
 * `completion`: a script that lets a shell ask what may stand next. The words go to the program as they are: none is evaluated.
 */
import { Argument, type Command } from 'commander';
import { COMPLETE } from './complete.ts';
import type { Terminal } from './terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** How each reads it, and keeps it. */
const USES = [
  'bash:  echo \'eval "$(PROGRAM completion bash)"\' >> ~/.bashrc',
  'zsh:   echo \'eval "$(PROGRAM completion zsh)"\' >> ~/.zshrc    (after compinit)',
  'fish:  PROGRAM completion fish > ~/.config/fish/completions/EXECUTABLE.fish',
].join('\n  ');

/** Adds the command. */
export function addCompletion(program: Command, terminal: Pick<Terminal, 'print'>): void {
  const isPlugin = program.name().includes(' ');
  const executable = program.name().replace(' ', '-');
  const plugin = isPlugin
    ? '\nkubectl rekey itself is completed by the completion of kubectl, if kubectl_complete-rekey is on the PATH.'
    : '';
  program
    .command('completion')
    .description('print a script that completes commands, flags and names in a shell')
    .addArgument(new Argument('<shell>', 'shell').choices(SHELLS))
    .addHelpText(
      'after',
      `\nTo use it:\n  ${USES.replaceAll('PROGRAM', executable).replaceAll('EXECUTABLE', executable)}${plugin}`,
    )
    .action((shell: Shell) => terminal.print(scriptOf(shell, executable)));
}

function scriptOf(shell: Shell, executable: string): string {
  const script = { bash: BASH, zsh: ZSH, fish: FISH }[shell];
  const fn = executable.replaceAll('-', '_');
  return script.replaceAll('EXECUTABLE', executable).replaceAll('FUNCTION', fn).replaceAll('COMPLETE', COMPLETE);
}

const BASH = `# bash completion of EXECUTABLE
_FUNCTION() {
  local line directive=0
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :[0-9]*) directive=\${line#:} ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" COMPLETE "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  if (( directive == 0 )); then compopt -o default 2>/dev/null; fi
}
complete -F _FUNCTION EXECUTABLE
`;

const ZSH = `#compdef EXECUTABLE
_FUNCTION() {
  local line directive=0
  local -a candidates
  for line in "\${(@f)$("\${(Q)words[1]}" COMPLETE "\${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}"; do
    case $line in
      (:<->) directive=\${line#:} ;;
      (?*) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  if (( \${#candidates} )); then _describe -V EXECUTABLE candidates; elif (( directive == 0 )); then _files; fi
}
if [ "\${funcstack[1]}" = _FUNCTION ]; then _FUNCTION; else compdef _FUNCTION EXECUTABLE; fi
`;

const FISH = `# fish completion of EXECUTABLE
function __FUNCTION_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  for line in ($before[1] COMPLETE $before[2..-1] "$current" 2>/dev/null </dev/null)
    switch $line
      case ':0'
        __fish_complete_path "$current"
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c EXECUTABLE -f -a '(__FUNCTION_complete)'
`;
