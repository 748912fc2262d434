#!/usr/bin/env node
import { defineReadTask, flag, type Json, main, usageError } from '@drydock/kit';
import type { Bench, Figure } from './bench/figures.ts';

/** Loaded one by one: each brings what it measures. */
const BENCHES: Record<string, () => Promise<Bench>> = {
  'cold-start': async () => (await import('./bench/cold-start.ts')).coldStart,
  migrations: async () => (await import('./bench/migrations.ts')).migrations,
  'many-migrations': async () => (await import('./bench/many-migrations.ts')).manyMigrations,
  'lock-queue': async () => (await import('./bench/lock-queue.ts')).lockQueue,
  backups: async () => (await import('./bench/backups.ts')).backups,
  escrow: async () => (await import('./bench/escrow.ts')).escrow,
  watch: async () => (await import('./bench/watch.ts')).watch,
  releases: async () => (await import('./bench/releases.ts')).releases,
  secrets: async () => (await import('./bench/secrets.ts')).secrets,
};
const NAMES = Object.keys(BENCHES);

const task = defineReadTask({
  name: 'bench',
  summary: 'Measures each figure beside its peer, both in the same run; exit 3 if one is not what it must be.',
  description: 'Never a test: machines differ. Servers of its own, on this machine.',
  examples: ['npm run bench', 'npm run bench -- migrations --rounds 3'],
  perEnvironment: false,
  words: { value: 'NAME', about: `what to measure: ${NAMES.join(', ')} (default: all)` },
  flags: { rounds: flag.integer({ about: 'rounds of each (default 5)', min: 1, max: 1_000 }) },
  async run({ flags, words, out }) {
    const unknown = words.find((name) => !NAMES.includes(name));
    if (unknown) throw usageError('USAGE', `There is no bench "${unknown}".`, `There are ${NAMES.join(', ')}.`);
    const figures: Figure[] = [];
    for (const [name, load] of Object.entries(BENCHES)) {
      if (words.length > 0 && !words.includes(name)) continue;
      const progress = out.progress(name);
      const bench = await load();
      figures.push(...(await bench({ rounds: flags.rounds ?? 5, say: (text) => progress.update(text) })));
      progress.done();
    }
    out.table(
      ['what', 'ours', 'peer', 'must be', 'is', ''],
      figures.map(({ what, ours, peer, mustBe, is, holds }) => [what, ours, peer, mustBe, is, holds ? '✔' : '✖']),
    );
    const missed = figures.filter(({ holds }) => !holds).length;
    return {
      verdict:
        missed === 0
          ? `All ${figures.length} figures are what they must be.`
          : `${missed} of ${figures.length} figures are not what they must be.`,
      ok: missed === 0,
      data: { figures: figures as unknown as Json },
    };
  },
});

export default task;
await main(task, import.meta);
