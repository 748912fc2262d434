import type { LoadedConfig } from '../config/load.ts';
import { type Command, type Hint, wordsOf } from '../hint.ts';
import { shellWord } from '../shell-word.ts';
import { INSTALLED } from '../toolkit.ts';
import { wayToConfig } from '../unattended.ts';
import { kebab } from './args.ts';
import { knowsFlag } from './wired.ts';

/** How the operator calls tasks: `npm run db:status -- …` or `npx drydock db:status …`. */
export type Door = 'npm' | 'drydock';

/** Where nothing else is known: the scripts of a checkout, the command of a product that has the toolkit installed. */
export const DOOR: Door = INSTALLED ? 'drydock' : 'npm';

/** What of a command line is the same for every command of a run. */
export interface Typing {
  door: Door;
  /** The way to the toolkit from where the operator is, who reached it by `npm --prefix`. */
  prefix?: string | undefined;
  /** Of the run; undefined for a task that is about none. */
  env?: string | undefined;
  /** `--config` as it was typed. */
  config?: string | undefined;
  /** A change of this environment has to be confirmed by flags: it is guarded, and nobody can be asked. */
  confirms?: ((env: string) => boolean) | undefined;
  /** The product is one that the sandbox runs. */
  sandbox?: boolean;
}

/** A hint as the operator would type it: by the same door, on the same environment, with the same config. */
export function typed(hint: Hint, typing: Typing = { door: DOOR }): string {
  return wordsOf(hint, (command) => typedCommand(command, typing), typing);
}

/** A hint for a file that others read later: as it is typed in `homeOf`, by whichever door and from wherever the file was written. */
export function typedAtHome(config: Pick<LoadedConfig, 'root' | 'file'>, of: Hint): string {
  return typed(of, { door: DOOR, config: wayToConfig(config) });
}

/** npm knows it without `run`. */
const NPM_OWN = new Set(['start']);

/** What comes before a task's flags. */
export function doorTo(task: string, door: Door, prefix?: string): string {
  if (door === 'drydock') return `npx drydock ${task}`;
  const npm = prefix === undefined ? 'npm' : `npm --prefix ${shellWord(prefix)}`;
  return `${npm} ${NPM_OWN.has(task) ? '' : 'run '}${task} --`;
}

function typedCommand({ task, flags, words = [] }: Command, { door, prefix, env, config, confirms }: Typing): string {
  const asks = flags.help !== true;
  const on = flags.env ?? env;
  const changes = knowsFlag(task, '--confirm') && !flags.plan && asks;
  const all: Record<string, Command['flags'][string] | undefined> = {
    ...flags,
    env: asks && knowsFlag(task, '--env') ? on : undefined,
    ...(asks ? { config: flags.config ?? config } : {}),
    ...(changes && typeof on === 'string' && confirms?.(on)
      ? {
          yes: true,
          confirm: on,
          ...(knowsFlag(task, '--reason') && !flags.resume ? { reason: flags.reason ?? '…' } : {}),
        }
      : {}),
  };
  // The environment first: it is what a reader looks for.
  const { env: first, ...rest } = all;
  const given = Object.entries({ env: first, ...rest }).flatMap(([key, value]) => flagWords(`--${kebab(key)}`, value));
  const line = [doorTo(task, door, prefix), ...words.map(shellWord), ...given].join(' ');
  return line.replace(/ --$/, '');
}

function flagWords(name: string, value: Command['flags'][string] | undefined): string[] {
  if (value === undefined || value === false) return [];
  if (value === true) return [name];
  if (typeof value === 'object') return value.flatMap((one) => flagWords(name, one));
  const word = shellWord(String(value));
  // A value that begins like a flag would be taken for one.
  return String(value).startsWith('-') ? [`${name}=${word}`] : [name, word];
}
