import type { WiredTask } from '@drydock/kit/cli';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** A script for each shell, made from what is wired: nothing is asked while somebody types. */
export const completions: Record<
  (typeof SHELLS)[number],
  (tasks: WiredTask[], environments: readonly string[]) => string
> = { bash, zsh, fish };

const words = (tasks: WiredTask[]) => ['help', 'completion', ...tasks.map(({ name }) => name)].join(' ');
const valued = (tasks: WiredTask[], environments: readonly string[]) => {
  const all = tasks.flatMap(({ flags }) => flags).filter(({ values }) => values);
  const named = ['--env', '--confirm'].map((flag) => [flag, environments] as const);
  return [...new Map([...all.map(({ name, values = [] }) => [name, values] as const), ...named])];
};

function bash(tasks: WiredTask[], environments: readonly string[]): string {
  const flags = tasks.map(({ name, flags }) => `    ${name}) words="${flags.map((flag) => flag.name).join(' ')}" ;;`);
  const values = valued(tasks, environments).map(([name, list]) => `    ${name}) words="${list.join(' ')}" ;;`);
  return `# drydock completion bash > /etc/bash_completion.d/drydock, or: source <(drydock completion bash)
_drydock() {
  # A task's name has a colon, at which bash would break it.
  local line="\${COMP_LINE:0:COMP_POINT}" words=""
  local -a typed
  read -r -a typed <<< "$line"
  [[ "$line" == *" " ]] && typed+=("")
  local count=\${#typed[@]}
  local word="\${typed[count-1]}" before="\${typed[count-2]}" task="\${typed[1]}"
  case "$before" in
${values.join('\n')}
  esac
  if [[ -z "$words" ]]; then
    if (( count <= 2 )) || [[ "$task" == help ]]; then words="${words(tasks)}"
    elif [[ "$task" == completion ]]; then words="${SHELLS.join(' ')}"
    else case "$task" in
${flags.join('\n')}
    esac; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ "$word" == *:* ]]; then COMPREPLY=("\${COMPREPLY[@]#"\${word%:*}:"}"); fi
}
complete -F _drydock drydock`;
}

function zsh(tasks: WiredTask[], environments: readonly string[]): string {
  const quoted = (text: string) => text.replaceAll("'", `'\\''`);
  const lines = tasks.map(({ name, summary }) => `    '${name.replaceAll(':', '\\:')}:${quoted(summary)}'`);
  const flags = tasks.map(
    ({ name, flags }) => `    ${name}) compadd -- ${flags.map((flag) => flag.name).join(' ')} ;;`,
  );
  const values = valued(tasks, environments).map(
    ([name, list]) => `    ${name}) compadd -- ${list.join(' ')}; return ;;`,
  );
  return `#compdef drydock
# drydock completion zsh > "\${fpath[1]}/_drydock"
_drydock() {
  local -a tasks=(
    'help:every task, or one'
    'completion:for a shell'
${lines.join('\n')}
  )
  case "\${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  if (( CURRENT == 2 )) || [[ "\${words[2]}" == help ]]; then _describe task tasks; return; fi
  case "\${words[2]}" in
    completion) compadd -- ${SHELLS.join(' ')} ;;
${flags.join('\n')}
  esac
}
compdef _drydock drydock`;
}

function fish(tasks: WiredTask[], environments: readonly string[]): string {
  const quoted = (text: string) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  const first = tasks.map(
    ({ name, summary }) => `complete -c drydock -f -n __fish_use_subcommand -a '${name}' -d '${quoted(summary)}'`,
  );
  const values = new Map(valued(tasks, environments));
  const flags = tasks.flatMap(({ name, flags }) =>
    flags.map((flag) => {
      const choices = values.get(flag.name);
      const choose = choices ? ` -x -a '${choices.join(' ')}'` : '';
      return `complete -c drydock -f -n "__fish_seen_subcommand_from ${name}" -l ${flag.name.slice(2)}${choose}`;
    }),
  );
  return [
    '# drydock completion fish > ~/.config/fish/completions/drydock.fish',
    `complete -c drydock -f -n __fish_use_subcommand -a 'help completion'`,
    ...first,
    ...flags,
  ].join('\n');
}
