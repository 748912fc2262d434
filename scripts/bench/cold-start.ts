import { join } from 'node:path';
import { environmentNamed, loadConfig, loadEnvironment } from '@drydock/kit';
import { up } from '@drydock/sandbox';
import { type Bench, BIN, median, ms, ROOT, ratio, task } from './figures.ts';

/** The reference product in the sandbox, which stays up: what a person waits for at each command. */
export const coldStart: Bench = async ({ rounds }) => {
  await up({ root: ROOT });
  const config = await loadConfig(undefined, ROOT);
  const name = environmentNamed(config, undefined);
  const env = loadEnvironment(config, name, process.env).forChild('operator');
  const prisma = join(BIN, 'prisma');
  await median(0, () => ({ program: prisma, args: ['migrate', 'deploy'], env }));
  const status = ['--env', name, '--json'];
  const ours = await median(rounds, () => task('db:status', status, { env }));
  const peer = await median(rounds, () => ({ program: prisma, args: ['migrate', 'status'], env }));
  const npm = await median(rounds, () => ({ program: 'npm', args: ['run', '-s', 'db:status', '--', ...status], env }));
  const npx = await median(rounds, () => ({ program: 'npx', args: ['prisma', 'migrate', 'status'], env }));
  const bare = await median(rounds, () => ({ program: join(BIN, 'node'), args: ['-e', '0'] }));
  const help = await median(rounds, () => task('release', ['--help']));
  return [
    ratio('db:status against prisma migrate status', ours, peer, 0.5),
    ratio('db:status through npm against npx prisma migrate status', npm, npx, 0.5),
    {
      what: '--help of the heaviest task beyond node -e 0',
      ours: ms(help),
      peer: ms(bare),
      mustBe: '≤ 300 ms',
      is: ms(help - bare),
      holds: help - bare <= 300,
    },
  ];
};
