import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defineStep, loadConfig, makeStateFolder, OpsError, type Step, writeDurably } from '@drydock/kit';
import type { FileChange, InitPlan } from './plan.ts';

export function initSteps(root: string, configFile: string, { files }: InitPlan): Step[] {
  return [
    defineStep({
      name: 'state folder',
      // It ignores itself in git.
      run: async () => {
        makeStateFolder(root);
        return null;
      },
    }),
    ...files.map((file) => writeStep(root, file, join(root, file.path) === configFile)),
  ];
}

function writeStep(root: string, { path, before, content }: FileChange, isConfig: boolean): Step<null> {
  const file = join(root, path);
  return defineStep({
    name: path,
    check: async () => (textOf(file) === content ? null : undefined),
    async run() {
      if (textOf(file) !== before)
        throw new OpsError({
          code: 'FILE_CHANGED',
          message: `${path} was changed since it was looked at; it was left alone.`,
          hint: 'Run it again: it looks anew.',
        });
      // A link stays one, and what it leads to gets the text.
      const place = before === null ? file : realpathSync(file);
      writeDurably(place, content, before === null ? 0o644 : statSync(place).mode & 0o777);
      return null;
    },
    async verify() {
      if (textOf(file) !== content) throw new Error(`${path} is not as it was written`);
      if (isConfig) await loadConfig(file, root);
    },
  });
}

function textOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}
