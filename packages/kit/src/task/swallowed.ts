import { type OpsError, usageError } from '../errors.ts';
import { shellWord } from '../shell-word.ts';
import { kebab } from './args.ts';
import type { FlagSpecs } from './flags.ts';
import { doorTo } from './typed.ts';

/** npm's own settings of these names come from many places; being set says nothing of the command line. */
const NPM_OWN = new Set(['yes', 'json', 'help', 'config']);
/** npm reads `--plan` as its short flags -p -l -a -n in one. */
const PLAN_TO_NPM = ['npm_config_parseable', 'npm_config_long', 'npm_config_all'];

/**
 * `npm run db:deploy --plan` gives the flag to npm, which keeps it: the task would run without. What npm kept is in its
 * variables (npm's manual, config: "environment variables"). A flag that reached the task as well was inherited from an npm further up.
 */
export function refuseSwallowedFlags(
  task: string,
  specs: FlagSpecs,
  argv: readonly string[],
  shell: NodeJS.ProcessEnv,
): void {
  if (!wasStartedByNpm(task, shell)) return;
  const reached = (flag: string) => argv.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
  // `--env production` without a `=`: npm takes the flag, and hands on what belonged to it.
  const values = argv.filter((arg) => !arg.startsWith('-'));
  const kept = Object.entries(specs).flatMap(([key, spec]) => {
    const name = kebab(key);
    const value = shell[`npm_config_${name.replaceAll('-', '_')}`];
    const isPlan = name === 'plan' && PLAN_TO_NPM.every((variable) => shell[variable] === 'true');
    if (reached(`--${name}`) || NPM_OWN.has(name) || (!isPlan && !value)) return [];
    return [
      spec.type === 'boolean' || isPlan
        ? `--${name}`
        : `--${name} ${shellWord(value === 'true' ? (values.shift() ?? '…') : (value ?? ''))}`,
    ];
  });
  if (kept.length > 0) throw swallowed(task, kept, argv);
}

/** By `npm run`, for this very task: not by a script that npm runs and that starts the task itself. */
export function wasStartedByNpm(task: string, shell: NodeJS.ProcessEnv): boolean {
  return shell.npm_lifecycle_event === task && (shell.npm_config_user_agent ?? '').startsWith('npm/');
}

function swallowed(task: string, kept: string[], argv: readonly string[]): OpsError {
  const rest = argv.filter((arg) => arg.startsWith('-'));
  return usageError(
    'FLAGS_SWALLOWED',
    `npm kept ${kept.join(' ')} for itself; nothing was started.`,
    `Put -- before the flags: ${doorTo(task, 'npm')} ${[...kept, ...rest].join(' ')}`,
  );
}
