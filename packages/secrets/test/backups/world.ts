// A product with one table whose backups lie in a folder, and the way to them as a run of secrets:rotate has it.
import { type LoadedConfig, loadEnvironment, type OpsError, Secret, withPostgres } from '@drydock/kit';
import { silentOutput } from '@drydock/kit/testing';
import type { TestPostgres } from '@drydock/sandbox/testing';
import type { Doors } from '../../src/doors.ts';
import { ID, openBench } from '../drive.ts';

/** What a door is opened with. */
export function openedWith(config: LoadedConfig, values: Record<string, string>) {
  return {
    ...{ config, env: 'staging', environment: loadEnvironment(config, 'staging', values) },
    ...{ out: silentOutput(), signal: new AbortController().signal },
    ...{ actor: 'test', reason: undefined, run: '01KB1234567890ABCDEFGHJKMN', task: 'secrets:rotate' },
  };
}

export interface Wanted<Door> {
  secret: object;
  env: Record<string, string>;
  /** Beside the store of its config. */
  backups: object;
  emergency?: boolean;
  open(with_: ReturnType<typeof openedWith>): Promise<Door>;
  as(open: () => Promise<Door>): Doors;
}

export async function backedUp<Door>(
  postgres: TestPostgres,
  { secret, env, backups, emergency = false, open, as }: Wanted<Door>,
) {
  const url = await postgres.createDatabase();
  await withPostgres(new Secret(url), 'test', (client) =>
    client.query('CREATE TABLE goods (n int PRIMARY KEY); INSERT INTO goods SELECT generate_series(1, 100)'),
  );
  let door: () => Promise<Door> = () => Promise.reject(new Error('not open'));
  const bench = await openBench({
    secret,
    env: { OPS_DATABASE_URL: url, ...env },
    more: { backups: { stores: [{ kind: 'file', path: 'backups' }], ...backups } },
    ctx: { rotation: { id: ID, generation: 1, emergency } },
    doors: (config, values) => {
      door = () => open(openedWith(config, values()));
      return as(door);
    },
  });
  await bench.rotator();
  return { bench, door: () => door(), folder: bench.config.path('backups/strange/staging') };
}

export const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );
