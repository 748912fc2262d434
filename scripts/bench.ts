#!/usr/bin/env node
// npm run bench: each figure beside its peer, measured in the same run. Never a test: machines differ.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createOutput, loadConfig, loadEnvironment } from '@drydock/kit';
import { up } from '@drydock/sandbox';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules/.bin');
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, help: { type: 'boolean' } } });
const out = createOutput(process.stdout);
if (values.help) {
  out.line('npm run bench -- [--rounds N]   figures beside their peers; brings the sandbox up and leaves it up');
  process.exit(0);
}

await up({ root: ROOT });
const config = await loadConfig(undefined, ROOT);
const env = {
  ...loadEnvironment(config, 'development', process.env).forChild(),
  PATH: `${BIN}:${process.env.PATH}`,
  CI: 'true',
};

/** Median of the rounds in milliseconds; the first, which warms caches, is left out. */
function measure(program: string, args: string[], okCodes = [0]): number {
  const times = Array.from({ length: Number(values.rounds) + 1 }, () => {
    const started = performance.now();
    const { status, stderr } = spawnSync(program, args, { cwd: ROOT, env, encoding: 'utf8' });
    if (!okCodes.includes(status ?? -1))
      throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
    return performance.now() - started;
  });
  return times.slice(1).sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)] ?? 0;
}
/** As the npm scripts start a task. */
const node = (script: string, ...args: string[]) =>
  measure(join(BIN, 'node'), ['--import', './scripts/compile-cache.mjs', script, ...args], [0, 3]);
const ms = (value: number) => `${Math.round(value)} ms`;

measure(join(BIN, 'prisma'), ['migrate', 'deploy']);
const ours = node('packages/db/scripts/status.ts', '--env', 'development', '--json');
const prisma = measure(join(BIN, 'prisma'), ['migrate', 'status']);
const viaNpm = measure('npm', ['run', '-s', 'db:status', '--', '--env', 'development', '--json'], [0, 3]);
const npxPrisma = measure('npx', ['prisma', 'migrate', 'status']);
const bare = measure(join(BIN, 'node'), ['-e', '0']);
const help = node('packages/release/scripts/release.ts', '--help');
out.table(
  ['what', 'ours', 'peer', 'must be', 'is'],
  [
    ['db:status against prisma migrate status', ms(ours), ms(prisma), '≤ 0.5', (ours / prisma).toFixed(2)],
    [
      'npm run db:status against npx prisma migrate status',
      ms(viaNpm),
      ms(npxPrisma),
      '≤ 0.5',
      (viaNpm / npxPrisma).toFixed(2),
    ],
    ['--help of the heaviest task beyond node -e 0', ms(help), ms(bare), '≤ 300 ms', ms(help - bare)],
  ],
);
