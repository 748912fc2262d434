import { command, type Environment, environmentSettings, hint, type LoadedConfig, usageError } from '@drydock/kit';
import type { Checkout } from '../checkout.ts';
import { askCi } from '../ci/ask.ts';
import type { CiConfig } from '../config/ci.ts';
import type { Question } from '../question.ts';

interface AboutTests {
  config: LoadedConfig;
  ci: CiConfig;
  environments: readonly Environment[];
  offline: boolean;
  /** The operator stands for them by name, where nobody can tell. */
  signed: boolean;
  warn(text: string): void;
}

/** Section 2, step 1: "and CI green", for this very commit. */
export function ciQuestions(read: () => Promise<Checkout>, about: AboutTests): Question[] {
  const { config, ci, environments, warn } = about;
  if (ci.by === 'none') return [];
  return [
    {
      about: 'CI',
      async ask(signal) {
        const { commit } = await read();
        const { state, says, link } = await askCi({ ...about, commit, signal });
        const said = `${says.replace(/\.$/, '')}${link ? ` (${link})` : ''}`;
        if (state === 'green' || ci.required === 'never') return said;
        if (about.signed && (state === 'unknown' || state === 'none')) return `signed: ${said}`;
        const customers = environments.find(({ name }) => environmentSettings(config, name).serves === 'customers');
        if (state === 'unknown' && ci.required === 'customers' && !customers) {
          warn(`Nobody says that the tests of ${commit.slice(0, 10)} passed: ${said}.`);
          return said;
        }
        throw usageError(
          state === 'red' ? 'CI_RED' : state === 'pending' ? 'CI_PENDING' : 'CI_NOT_GREEN',
          `CI is not green for ${commit.slice(0, 10)}: ${said}.`,
          state === 'pending'
            ? 'Wait until it has ended.'
            : state === 'red'
              ? 'Mend it, and release the commit that passes.'
              : hint`Push it and let CI run, or run its tests here: ${command('release:test', { env: environments[0]?.name })}   Or stand for them by your name: --sign tests`,
        );
      },
    },
  ];
}
