import { type Environment, EXIT, OpsError, Secret } from '@drydock/kit';
import { unknown } from '../../unknown.ts';
import type { IamIssuer } from './config.ts';
import { credentialsOf, type Pair } from './pair.ts';

/** So many has a user at most; AWS refuses a third. */
const MOST = 2;
const ANSWER_MS = 10_000;

export interface Key {
  id: string;
  active: boolean;
  made: Date;
}

/** The few calls of IAM that a rotation makes, with whatever key is good at the time. */
export async function iamOf({ user, endpoint }: IamIssuer, environment: Environment, region: string, as: Pair) {
  const iam = await import('@aws-sdk/client-iam');
  const address = environment.get(endpoint);
  const client = new iam.IAMClient({
    region,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: ANSWER_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
    ...(address ? { endpoint: address } : {}),
    credentials: credentialsOf(as),
  });
  const UserName = user;
  const ask = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (cause) {
      throw iamError(what, as.accessKeyId, cause);
    }
  };
  const lastUsed = (id: string) =>
    ask('when the key was used last', async () => {
      const { AccessKeyLastUsed } = await client.send(new iam.GetAccessKeyLastUsedCommand({ AccessKeyId: id }));
      return AccessKeyLastUsed?.LastUsedDate
        ? {
            at: AccessKeyLastUsed.LastUsedDate,
            service: AccessKeyLastUsed.ServiceName ?? '',
            region: AccessKeyLastUsed.Region ?? '',
          }
        : undefined;
    });
  const list = () =>
    ask('which keys there are', async () => {
      const { AccessKeyMetadata = [] } = await client.send(new iam.ListAccessKeysCommand({ UserName }));
      return AccessKeyMetadata.map(
        ({ AccessKeyId = '', Status, CreateDate = new Date(0) }): Key => ({
          id: AccessKeyId,
          active: Status === 'Active',
          made: CreateDate,
        }),
      );
    });
  const remove = (id: string) =>
    ask('the end of the key', async () => {
      try {
        await client.send(new iam.UpdateAccessKeyCommand({ UserName, AccessKeyId: id, Status: 'Inactive' }));
        await client.send(new iam.DeleteAccessKeyCommand({ UserName, AccessKeyId: id }));
      } catch (cause) {
        // It is gone already.
        if ((cause as Error).name !== 'NoSuchEntityException' && (cause as Error).name !== 'NoSuchEntity') throw cause;
      }
    });
  /** What a run left that was killed before it could keep its key: never used, and younger than the rotation. */
  const removeUnkept = async (own: string, begun: Date) => {
    for (const { id, made } of await list()) if (id !== own && made >= begun && !(await lastUsed(id))) await remove(id);
  };
  return {
    lastUsed,
    list,
    remove,
    removeUnkept,
    async create(own: string, begun: Date): Promise<Pair> {
      await removeUnkept(own, begun);
      const [other] = (await list()).filter(({ id }) => id !== own);
      if (other) throw tooMany(other.id, other.made);
      return ask('a new key', async () => {
        const { AccessKey } = await client.send(new iam.CreateAccessKeyCommand({ UserName }));
        return {
          accessKeyId: AccessKey?.AccessKeyId ?? '',
          secretAccessKey: new Secret(AccessKey?.SecretAccessKey ?? '', 'the new access key'),
        };
      });
    },
    async refuseFull(own: string): Promise<void> {
      const keys = await list();
      const [other] = keys.filter(({ id }) => id !== own);
      if (!keys.some(({ id }) => id === own)) throw notTheirs(own, user);
      if (keys.length >= MOST && other) throw tooMany(other.id, other.made);
    },
  };
}

function iamError(what: string, as: string, cause: unknown): OpsError {
  if (cause instanceof OpsError) return cause;
  const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (status === undefined || status >= 500 || name === 'Throttling') return unknown(`Of IAM, ${what}`, cause);
  return new OpsError({
    code: 'IAM_REFUSED',
    message: `IAM refuses ${what} to ${as}: ${name} ${message}`,
    hint: 'The key needs iam:CreateAccessKey, ListAccessKeys, GetAccessKeyLastUsed, UpdateAccessKey and DeleteAccessKey on its own user.',
    exit: EXIT.refused,
    cause,
  });
}

function tooMany(id: string, made: Date): OpsError {
  return new OpsError({
    code: 'IAM_KEYS_FULL',
    message: `The user has two access keys already, and AWS gives no third: beside the one of now there is ${id}, made ${made.toISOString().slice(0, 10)}.`,
    hint: `Find out who uses it, and delete it: aws iam delete-access-key --access-key-id ${id}`,
    exit: EXIT.refused,
  });
}

function notTheirs(id: string, user: string | undefined): OpsError {
  return new OpsError({
    code: 'IAM_KEY_OF_ANOTHER',
    message: `${id} is no access key of ${user ? `the user ${user}` : 'the user that asks'}.`,
    hint: 'Name its user: `issuer.user` of the secret in drydock.config.ts.',
    exit: EXIT.refused,
  });
}
