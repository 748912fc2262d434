import type { LoadedConfig } from '../config/load.ts';
import { usageError } from '../errors.ts';
import { command } from '../hint.ts';
import { anotherConfig, isOwn, type Whose } from '../state/owner.ts';
import { openRuns, readRuns } from './read.ts';
import type { RunState } from './state.ts';

/** As `openRuns` and `readRuns`, without what another config of the folder has begun. */
export function ownOpenRuns(config: Whose, task?: string, env?: string): RunState[] {
  return openRuns(config.root, task, env).filter(({ process }) => isOwn(config, process));
}

export function ownRuns(config: Whose, which: Parameters<typeof readRuns>[1] = {}): RunState[] {
  return readRuns(config.root, which).filter(({ process }) => isOwn(config, process));
}

/** Those of another config in one folder, by its file. */
export interface Others {
  config: string;
  product: string | undefined;
  runs: string[];
}

export function othersOf(config: Whose, open: readonly RunState[]): Others[] {
  const found = new Map<string, Others>();
  for (const { run, process } of open) {
    const file = anotherConfig(config, process);
    if (file === undefined) continue;
    const known = found.get(file) ?? { config: file, product: process.product, runs: [] };
    found.set(file, { ...known, runs: [...known.runs, run] });
  }
  return [...found.values()];
}

/** Whatever is asked of a run: what another config has begun is gone on with, and given up, with that. */
export function refuseAnothers(
  config: Pick<LoadedConfig, 'root' | 'file'>,
  { run, task, env, process }: RunState,
  asked: 'run' | 'abandon' = 'run',
): void {
  const file = anotherConfig(config, process);
  if (file === undefined) return;
  throw usageError(
    'RUN_OF_ANOTHER_CONFIG',
    `Run ${run} is ${task}${env ? ` on ${env}` : ''} of ${process.product ?? 'another product'}, begun with ${process.config}.`,
    asked === 'run'
      ? command('ops:resume', { run, config: file })
      : command('ops:resume', { abandon: run, config: file }),
  );
}
