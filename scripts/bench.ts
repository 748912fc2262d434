#!/usr/bin/env node
// npm run bench: each figure beside its peer, measured in the same run. Never a test: machines differ.
import { parseArgs } from 'node:util';
import { createOutput } from '@drydock/kit';
import { backups } from './bench/backups.ts';
import { coldStart } from './bench/cold-start.ts';
import { escrow } from './bench/escrow.ts';
import type { Bench, Figure } from './bench/figures.ts';
import { lockQueue } from './bench/lock-queue.ts';
import { migrations } from './bench/migrations.ts';
import { watch } from './bench/watch.ts';

const BENCHES: Record<string, Bench> = {
  'cold-start': coldStart,
  migrations,
  'lock-queue': lockQueue,
  backups,
  escrow,
  watch,
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, help: { type: 'boolean' } },
});
const out = createOutput(process.stdout);
const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
if (values.help || unknown) {
  if (unknown) out.line(`There is no bench "${unknown}".`);
  out.line(
    `npm run bench -- [--rounds N] [${Object.keys(BENCHES).join('|')}]…   figures beside their peers; exit 3 if one is not what it must be`,
  );
  process.exit(unknown ? 2 : 0);
}

const figures: Figure[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const progress = out.progress(name);
  figures.push(...(await bench({ rounds: Number(values.rounds), say: (text) => progress.update(text) })));
  progress.done();
}
out.table(
  ['what', 'ours', 'peer', 'must be', 'is', ''],
  figures.map(({ what, ours, peer, mustBe, is, holds }) => [what, ours, peer, mustBe, is, holds ? '✔' : '✖']),
);
process.exit(figures.every(({ holds }) => holds) ? 0 : 3);
