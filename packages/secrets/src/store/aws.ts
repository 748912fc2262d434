import { createHash } from 'node:crypto';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type PutSecretValueCommandInput,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { EXIT, OpsError, Secret, usageError } from '@drydock/kit';
import type { StoreConfig } from '../config/stores.ts';
import type { Values } from '../values.ts';
import { awsError } from './aws-errors.ts';
import type { Place } from './place.ts';
import type { SecretStore } from './types.ts';

export type AwsStoreConfig = Extract<StoreConfig, { kind: 'aws' }>;

const CURRENT = 'AWSCURRENT';
const PENDING = 'AWSPENDING';
/** Versions that are ours say so; a version's name has 32 to 64 signs. */
const OURS = 'drydock-';
const TIMES = { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true };
const ATTEMPTS = 3;

type Held = Record<string, unknown>;

/**
 * AWS Secrets Manager: one secret, a JSON object of variables. A new version is put as AWSPENDING under a name made of what it follows and what it
 * holds, so that putting it twice is once; read back; and made AWSCURRENT in the place of the very version that was read. What was current AWS
 * keeps as AWSPREVIOUS.
 */
export function awsStore(place: Place, name: string, store: AwsStoreConfig): SecretStore {
  const { environment, signal } = place;
  const SecretId = store.secretId.replaceAll('{env}', environment.name);
  const client = clientOf(place, store);
  const send = async <T>(what: string, work: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> => {
    try {
      return await work({ abortSignal: signal });
    } catch (cause) {
      signal.throwIfAborted();
      throw awsError({ name, secretId: SecretId, what }, cause);
    }
  };

  const version = async (which: { VersionStage: string } | { VersionId: string }) => {
    const found = await send('GetSecretValue', (options) =>
      client.send(new GetSecretValueCommand({ SecretId, ...which }), options),
    );
    return { id: found.VersionId ?? '', held: objectIn(found.SecretString, name, SecretId) };
  };

  /** The version that waits to become current: undefined where none does. */
  const pending = async (): Promise<string | undefined> => {
    const { VersionIdsToStages: stages = {}, DeletedDate } = await send('DescribeSecret', (options) =>
      client.send(new DescribeSecretCommand({ SecretId }), options),
    );
    if (DeletedDate)
      throw usageError(
        'STORE_MISSING',
        `${SecretId} of ${name} is being deleted.`,
        `Bring it back: aws secretsmanager restore-secret --secret-id ${SecretId}`,
      );
    const [id] = Object.entries(stages).find(([, names]) => names.includes(PENDING)) ?? [];
    if (id !== undefined && !id.startsWith(OURS) && !(stages[id] ?? []).includes(CURRENT))
      throw busy(name, SecretId, id);
    return id;
  };

  const move = async (VersionStage: string, from: string | undefined, to: string | undefined) =>
    send('UpdateSecretVersionStage', (options) =>
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId,
          VersionStage,
          ...(from ? { RemoveFromVersionId: from } : {}),
          ...(to ? { MoveToVersionId: to } : {}),
        }),
        options,
      ),
    );

  return {
    label: name,
    async refuse() {
      await version({ VersionStage: CURRENT });
      await pending();
    },
    async read(variables) {
      const { held } = await version({ VersionStage: CURRENT });
      return Object.fromEntries(variables.map((one) => [one, secretOf(held[one], one)]));
    },
    async write(values) {
      const current = await version({ VersionStage: CURRENT });
      const waiting = await pending();
      const next = withValues(current.held, values);
      if (sameObject(next, current.held)) {
        // The end of one that was killed, or what a rotation that was taken back has left.
        if (waiting?.startsWith(OURS)) await move(PENDING, waiting, undefined);
        return;
      }
      const id = versionName(SecretId, current.id, next);
      const put: PutSecretValueCommandInput = {
        SecretId,
        ClientRequestToken: id,
        SecretString: JSON.stringify(next),
        VersionStages: [PENDING],
      };
      await send('PutSecretValue', (options) =>
        client.send(new PutSecretValueCommand(put), options).catch((cause) => {
          // There is a version of that name: what it holds is looked at below.
          if (cause.name !== 'ResourceExistsException') throw cause;
        }),
      );
      const there = await version({ VersionId: id });
      if (!sameObject(there.held, next)) throw notKept(name, SecretId);
      await move(CURRENT, current.id, id);
      // One that was put before, and taken back, has no mark any more.
      if ((await pending()) === id) await move(PENDING, id, undefined);
    },
  };
}

/** The operator's keys, where their variables hold some; otherwise what the machine has: a profile, a role. */
function clientOf({ environment }: Place, { region, endpoint }: AwsStoreConfig): SecretsManagerClient {
  const [accessKeyId, secretAccessKey] = [
    environment.get('AWS_ACCESS_KEY_ID'),
    environment.get('AWS_SECRET_ACCESS_KEY'),
  ];
  const sessionToken = environment.get('AWS_SESSION_TOKEN');
  const where = region ?? environment.get('AWS_REGION') ?? environment.get('AWS_DEFAULT_REGION');
  return new SecretsManagerClient({
    ...(where ? { region: where } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
    maxAttempts: ATTEMPTS,
    requestHandler: TIMES,
  });
}

function objectIn(text: string | undefined, name: string, secretId: string): Held {
  let held: unknown;
  try {
    held = JSON.parse(text ?? '');
  } catch {
    // What the parser says may quote the secret.
    held = undefined;
  }
  if (typeof held === 'object' && held !== null && !Array.isArray(held)) return held as Held;
  throw usageError(
    'STORE_NOT_JSON',
    `${secretId} of ${name} is not a JSON object of variables.`,
    `Give it one: { "NAME": "value", … }. Where it holds a single secret, name another for this.`,
  );
}

function secretOf(held: unknown, variable: string): Secret | null {
  if (held === undefined || held === null || held === '') return null;
  return new Secret(typeof held === 'string' ? held : JSON.stringify(held), variable);
}

function withValues(held: Held, values: Values): Held {
  const next: Held = { ...held };
  for (const [name, value] of Object.entries(values)) {
    if (value === null) delete next[name];
    else next[name] = value.reveal();
  }
  return next;
}

function sameObject(a: Held, b: Held): boolean {
  const sorted = (held: Held) => JSON.stringify(Object.entries(held).sort(([x], [y]) => (x < y ? -1 : 1)));
  return sorted(a) === sorted(b);
}

/** The same for the same change. Of values it has what is shown of them anyway. */
function versionName(secretId: string, follows: string, next: Held): string {
  const shown = Object.entries(next)
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([name, value]) => [name, secretOf(value, name)?.fingerprint()]);
  const digest = createHash('sha256')
    .update(JSON.stringify([secretId, follows, shown]))
    .digest('hex');
  return `${OURS}${digest}`.slice(0, 64);
}

function busy(name: string, secretId: string, id: string): OpsError {
  return new OpsError({
    code: 'STORE_BUSY',
    message: `Another rotation of ${secretId} of ${name} is under way: the version ${id} is AWSPENDING, and is not ours.`,
    hint: `Let it end, or take its mark away: aws secretsmanager update-secret-version-stage --secret-id ${secretId} --version-stage AWSPENDING --remove-from-version-id ${id}`,
    exit: EXIT.locked,
  });
}

function notKept(name: string, secretId: string): OpsError {
  return new OpsError({
    code: 'STORE_NOT_KEPT',
    message: `${secretId} of ${name} gives something else back than was written to it; what is current is as it was.`,
    hint: 'Look for who else writes to it, and run it again.',
  });
}
