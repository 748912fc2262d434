import { INSTALLED, type WiredTask } from '@drydock/kit/cli';

const WIDTH = 80;

/** Every task, grouped by section of the runbook, one line each. */
export function listing(tasks: WiredTask[]): string {
  const wide = Math.max(...tasks.map(({ name }) => name.length));
  const sections = Map.groupBy(tasks, ({ section }) => section);
  const groups = [...sections].map(([section, ofIt]) =>
    [section, ...ofIt.map(({ name, summary }) => line(name.padEnd(wide), summary))].join('\n'),
  );
  return [
    INSTALLED ? 'npx drydock <task> [flags]' : 'drydock <task> [flags]      the same as: npm run <task> -- [flags]',
    '',
    groups.join('\n\n'),
    '',
    'drydock help TASK           what it does, its flags, examples',
    'drydock completion SHELL    for bash, zsh or fish',
  ].join('\n');
}

function line(name: string, summary: string): string {
  const text = `  ${name}  ${summary}`;
  return text.length <= WIDTH ? text : `${text.slice(0, text.lastIndexOf(' ', WIDTH - 2))} …`;
}
