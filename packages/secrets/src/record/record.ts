import {
  type Environment,
  inTransaction,
  type LoadedConfig,
  operatorUrl,
  redactData,
  withPostgres,
} from '@drydock/kit';
import type { Client } from 'pg';
import { type Fingerprints, sameValues } from '../values.ts';
import { readLastRotated } from './last.ts';
import { readGenerations, readRotations, readWritten } from './rows.ts';
import { ensureTables } from './tables.ts';
import type { Generation, NewRotation, Phase, Rotation, SecretRecord } from './types.ts';

/**
 * The record of one environment, for as long as `work` takes. Each call logs in with the operator's address as the environment has it
 * then: what is rotated may be that very address.
 */
export async function withSecretRecord<T>(
  config: LoadedConfig,
  environment: Environment,
  work: (record: SecretRecord) => Promise<T>,
): Promise<T> {
  return withPostgres(operatorUrl(config, environment), 'drydock secrets:record', (client) =>
    work(recordIn(client, environment.name)),
  );
}

function recordIn(client: Client, env: string): SecretRecord {
  const open = async (name: string) =>
    (await readRotations(client, env, name)).find(({ outcome }) => outcome === 'open');
  const rotate = async (rotation: Rotation, set: string, ...values: unknown[]) => {
    await client.query(`UPDATE drydock.secret_rotation SET ${set} WHERE id = $1`, [rotation.id, ...values]);
  };
  const generation = async (rotation: Rotation, state: Generation['state'], set: string, where: string) => {
    await client.query(
      `UPDATE drydock.secret_generation SET state = $3${set} WHERE env = $1 AND name = $2 AND ${where}`,
      [env, rotation.name, state, rotation.generation],
    );
  };
  return {
    async now() {
      const { rows } = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
      return rows[0]?.now ?? new Date();
    },
    rotations: (name) => readRotations(client, env, name),
    open,
    generations: (name) => readGenerations(client, env, name),
    lastRotated: () => readLastRotated(client, env),
    async begin(rotation, old) {
      await ensureTables(client);
      const there = await open(rotation.name);
      if (there) return there;
      await inTransaction(client, () => insert(client, env, redactData(rotation), old));
      const begun = await open(rotation.name);
      if (!begun) throw new Error('The rotation that was written down is not there.');
      return begun;
    },
    async keep({ name, generation: number }, { fingerprints, sealed }) {
      await client.query(
        `INSERT INTO drydock.secret_generation (env, name, generation, state, fingerprints, sealed, "madeAt")
         VALUES ($1, $2, $3, 'pending', $4, $5, clock_timestamp()) ON CONFLICT DO NOTHING`,
        [env, name, number, JSON.stringify(fingerprints), sealed],
      );
      const kept = (await readGenerations(client, env, name)).find((one) => one.generation === number);
      if (!kept) throw new Error('The values that were written down are not there.');
      return kept;
    },
    async replaced({ name, generation: number }, { fingerprints, sealed }) {
      await client.query(
        'UPDATE drydock.secret_generation SET fingerprints = $4, sealed = $5 WHERE env = $1 AND name = $2 AND generation = $3',
        [env, name, number, JSON.stringify(fingerprints), sealed],
      );
    },
    async writes({ name, generation: number }, fingerprints) {
      await ensureTables(client);
      await client.query('INSERT INTO drydock.secret_written VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [
        ...[env, name, number],
        JSON.stringify(Object.fromEntries(Object.entries(fingerprints).sort(([a], [b]) => (a < b ? -1 : 1)))),
      ]);
    },
    written: (name) => readWritten(client, env, name),
    reached: (rotation, phase) => rotate(rotation, 'phase = $2', phase),
    stoodBy: (rotation, standbySeconds) =>
      rotate(
        rotation,
        `phase = 'promote', "settlesAt" = clock_timestamp() + make_interval(secs => $2)`,
        standbySeconds,
      ),
    async promoted(rotation, settleSeconds) {
      await inTransaction(client, async () => {
        await generation(rotation, 'previous', '', `state = 'current' AND generation <> $4`);
        await generation(
          rotation,
          'current',
          ', "currentAt" = COALESCE("currentAt", clock_timestamp())',
          'generation = $4',
        );
        await rotate(
          rotation,
          `phase = 'settle', "promotedAt" = clock_timestamp(), "settlesAt" = clock_timestamp() + make_interval(secs => $2)`,
          settleSeconds,
        );
      });
    },
    async demoted(rotation, settleSeconds) {
      await inTransaction(client, async () => {
        await generation(rotation, 'pending', ', "currentAt" = NULL', 'generation = $4');
        await generation(rotation, 'current', '', `state = 'previous' AND generation <> $4`);
        await rotate(
          rotation,
          `reverting = true, "settlesAt" = clock_timestamp() + make_interval(secs => $2)`,
          settleSeconds,
        );
      });
    },
    retired: (rotation) =>
      rotate(rotation, `phase = 'document', "retiredAt" = COALESCE("retiredAt", clock_timestamp())`),
    proven: (rotation, proof) => rotate(rotation, 'proof = $2', JSON.stringify(redactData(proof))),
    async done(rotation) {
      await inTransaction(client, async () => {
        await generation(rotation, 'retired', ENDED, `state = 'previous' AND generation <> $4`);
        await rotate(rotation, `outcome = 'done', "endedAt" = clock_timestamp()`);
      });
    },
    async reverted(rotation) {
      await inTransaction(client, async () => {
        await generation(rotation, 'withdrawn', ENDED, 'generation = $4');
        await generation(rotation, 'current', '', `state = 'previous' AND generation <> $4`);
        await rotate(rotation, `outcome = 'reverted', "endedAt" = clock_timestamp()`);
      });
    },
  };
}

const ENDED = ', sealed = NULL, "endedAt" = clock_timestamp()';

async function insert(
  client: Client,
  env: string,
  { id, name, kind, emergency, actor, host, reason }: NewRotation,
  old: { fingerprints: Fingerprints; sealed: string },
): Promise<void> {
  const known = await readGenerations(client, env, name);
  const last = known.findLast(({ state }) => state === 'current');
  let newest = known.at(-1)?.generation ?? -1;
  if (last && sameValues(last.fingerprints, old.fingerprints))
    await client.query(
      `UPDATE drydock.secret_generation SET sealed = $4 WHERE env = $1 AND name = $2 AND generation = $3`,
      [env, name, last.generation, old.sealed],
    );
  else {
    // Somebody changed it by hand since, or nothing was known.
    newest += 1;
    await client.query(
      `UPDATE drydock.secret_generation SET state = 'retired'${ENDED} WHERE env = $1 AND name = $2 AND state = 'current'`,
      [env, name],
    );
    await client.query(
      `INSERT INTO drydock.secret_generation (env, name, generation, state, fingerprints, sealed) VALUES ($1, $2, $3, 'current', $4, $5)`,
      [env, name, newest, JSON.stringify(old.fingerprints), old.sealed],
    );
  }
  const phase: Phase = 'add';
  await client.query(
    `INSERT INTO drydock.secret_rotation (id, env, name, kind, generation, phase, emergency, actor, host, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [id, env, name, kind, newest + 1, phase, emergency, actor, host, reason],
  );
}
