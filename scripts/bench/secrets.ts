import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestPostgres, startTestRedis } from '@drydock/sandbox/testing';
import { genericSubject } from '../../packages/secrets/test/faults/generic.ts';
import { postgresSubject } from '../../packages/secrets/test/faults/postgres.ts';
import { redisSubject } from '../../packages/secrets/test/faults/redis.ts';
import { openTeam, type Subject } from '../../packages/secrets/test/faults/team.ts';
import { type Bench, type Figure, median, ms, task } from './figures.ts';

const STATUS_MS = 1_000;
const HANGING_MS = 3_000;
const EMERGENCY_MS = 5_000;

/** The status of eight secrets, with services that answer and with ones that never do, and rotations in an emergency, whole. */
export const secrets: Bench = async ({ rounds, say }) => {
  const postgres = await startTestPostgres();
  const redis = await startTestRedis();
  const silent = await startSilent();
  try {
    const urls = { database: await postgres.createDatabase(), redis: redis.url, operator: redis.operatorUrl };
    say('secrets:status');
    const answering = await statusOf(rounds, urls);
    say('secrets:status of services that hang');
    const nowhere = `://o:p@127.0.0.1:${silent.port}/0`;
    const hanging = await statusOf(rounds, {
      ...{ database: `postgresql${nowhere}`, redis: `redis${nowhere}`, operator: `redis${nowhere}` },
    });
    const figures = [
      within('secrets:status of eight secrets', answering, STATUS_MS),
      within('the same, and no service answers', hanging, HANGING_MS),
    ];
    for (const [kind, open] of Object.entries({
      generic: genericSubject,
      redis: redisSubject,
      postgres: postgresSubject,
    })) {
      say(`secrets:rotate, ${kind}`);
      const took = await rotationOf(rounds, await open(await postgres.createDatabase()));
      figures.push(
        within(`secrets:rotate --emergency, ${kind}: from the first byte to the old one refused`, took, EMERGENCY_MS),
      );
    }
    return figures;
  } finally {
    silent.server.close();
    await redis.stop();
    await postgres.stop();
  }
};

function within(what: string, took: number, most: number): Figure {
  return { what, ours: ms(took), peer: 'a limit', mustBe: `≤ ${ms(most)}`, is: ms(took), holds: took <= most };
}

/** Takes connections, and says nothing. */
async function startSilent(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => void socket.on('error', () => {}));
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  return { server, port: (server.address() as { port: number }).port };
}

function statusOf(rounds: number, urls: { database: string; redis: string; operator: string }): Promise<number> {
  const names = ['MAIL', 'MAPS', 'SMS', 'TAX', 'BANK', 'CDN'];
  const rotate = {
    ...Object.fromEntries(names.map((name) => [name.toLowerCase(), { kind: 'generic', variable: `${name}_KEY` }])),
    ...{
      cache: { kind: 'redis' },
      database: { kind: 'postgres', variable: 'DATABASE_URL', rotator: 'OPS_DATABASE_URL' },
    },
  };
  const values = Object.fromEntries(names.map((name) => [`${name}_KEY`, `${name}-of-more-than-thirty-two-letters`]));
  const root = makeStrangeProduct(
    { environments: { staging: { guard: 'none' } }, secrets: { rotate } },
    {
      ...values,
      ...{ OPS_DATABASE_URL: urls.database, DATABASE_URL: urls.database },
      ...{ REDIS_URL: urls.redis, OPS_REDIS_URL: urls.operator },
    },
  );
  const config = join(root, 'drydock.config.ts');
  return median(rounds, () => task('secrets:status', ['--env', 'staging', '--config', config, '--json']));
}

async function rotationOf(rounds: number, subject: Subject): Promise<number> {
  const team = await openTeam(subject);
  try {
    const times: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const began = performance.now();
      const flags = ['--emergency', '--reason', 'a bench', '--yes'];
      const { code, stdout, stderr } = await team.here.tasks.run('secrets:rotate', 'it', ...flags);
      times.push(performance.now() - began);
      if (code !== 0) throw new Error(`secrets:rotate ended with ${code}: ${stderr}${stdout}`);
    }
    return times.slice(1).sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)] ?? 0;
  } finally {
    await team.stop();
  }
}
