#!/usr/bin/env node
import { command, defineReadTask, flag, hint, type Json, main, usageError } from '@drydock/kit';
import { withRecord } from '../src/record/record.ts';
import { evidenceRow, isOf, releaseRow } from '../src/record/shown.ts';

const task = defineReadTask({
  name: 'release:history',
  summary: 'Lists what was live in an environment, since when and by whom; of one release also its checklist.',
  description:
    'Told by the environment itself, so that every checkout sees the same. "before" is what npm run release:rollback goes to. A release that\n' +
    'went back by itself is shown, and is never gone back to.',
  examples: [
    'npm run release:history -- --env production',
    'npm run release:history -- --env production --of 25d76cbb6957 --json',
  ],
  flags: {
    limit: flag.integer({ about: 'show at most this many, the newest (default 20)', min: 1 }),
    of: flag.text({
      value: 'NAME',
      about: 'this one alone, with its checklist: a version, digest, tag, commit or run',
    }),
  },
  async run({ config, environment, env, flags: { limit = 20, of }, out }) {
    return withRecord(config, environment, async (record) => {
      const all = await record.history(of ? Number.MAX_SAFE_INTEGER : limit);
      const shown = of ? all.filter((release) => isOf(release, of)) : all;
      if (of && shown.length === 0)
        throw usageError(
          'RELEASE_UNKNOWN',
          `${of} was never live on ${env}.`,
          hint`What was: ${command('release:history', { env })}`,
        );
      const before = await record.before();
      if (shown.length > 0)
        out.table(
          ['live since', 'until', 'version', 'commit', 'tag', 'by', 'run', ''],
          shown.map((release) => releaseRow(release, before)),
        );
      const commits = of ? [...new Set(shown.map(({ commit }) => commit))] : [];
      const evidence = (await Promise.all(commits.map((commit) => record.evidence(commit)))).flat();
      if (evidence.length > 0) {
        out.line('Its checklist:');
        out.table(['item', '', 'says', 'by', 'at', 'until'], evidence.map(evidenceRow));
      }
      return {
        verdict: verdictOf(env, shown.length, of),
        ...(shown.length === 0 ? { mark: 'plain' as const } : {}),
        data: { releases: shown, before: before ?? null, ...(of ? { evidence } : {}) } as unknown as Json,
      };
    });
  },
});

function verdictOf(env: string, many: number, of: string | undefined): string {
  if (many === 0) return `Nothing was released to ${env} yet.`;
  if (of) return `${of} went live on ${env} ${many === 1 ? 'once' : `${many} times`}.`;
  return many === 1 ? `One release of ${env}.` : `The newest ${many} releases of ${env}.`;
}

export default task;
await main(task, import.meta);
