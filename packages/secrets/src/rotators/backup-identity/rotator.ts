import { audienceOf, command, counted, EXIT, formatDuration, hint, OpsError, Secret, usageError } from '@drydock/kit';
import type { Values } from '../../values.ts';
import { oldBackups } from '../old-backups.ts';
import type { OpenRotator } from '../types.ts';
import type { BackupsDoor, SealedBackup } from './backups-door.ts';
import type { BackupIdentitySecret } from './config.ts';

/** The key of the backups: new ones are for the new key alone, and the old key stays as long as a backup needs it. */
export const backupIdentityRotator: OpenRotator<BackupIdentitySecret> = (ctx) => {
  const { secret, config, rotation, doors } = ctx;
  const { identity, recipients } = secret;
  const backups = (): Promise<BackupsDoor> => {
    if (doors?.backups) return doors.backups();
    throw new OpsError({ code: 'BACKUPS_NOT_GIVEN', message: 'This task has no way to the backups.' });
  };
  const identitiesIn = (values: Values) => listIn(values[identity]).map((one) => new Secret(one, identity));
  const current = (values: Values): Secret => {
    const [first] = identitiesIn(values);
    if (first) return first;
    throw usageError(
      'SECRET_MISSING',
      `${identity} is not set here.`,
      'It is with those who restore: rotate it where it is at hand.',
    );
  };
  const identityText = (...keys: readonly Secret[]) =>
    new Secret([...new Set(keys.map((key) => key.reveal()))].join(','), identity);
  const recipientsText = (keys: readonly string[]) => new Secret([...new Set(keys)].join(','), recipients);
  /** Backups that the old keys open, and the new one does not. */
  const onlyOld = async (old: Values, next: Values): Promise<SealedBackup[]> => {
    const fresh = await recipientOf(current(next));
    const ours = await Promise.all(identitiesIn(old).map(recipientOf));
    return (await (await backups()).list()).filter(
      ({ recipients: to }) => !to.includes(fresh) && ours.some((one) => to.includes(one)),
    );
  };
  /** The newest backup that is for all of these and none of those; made where there is none. */
  const backupFor = async (
    wanted: readonly string[],
    unwanted: readonly string[],
    all: readonly string[],
  ): Promise<string> => {
    const found = (await (await backups()).list()).find(
      ({ recipients: to, believed }) =>
        believed && wanted.every((one) => to.includes(one)) && !unwanted.some((one) => to.includes(one)),
    );
    if (found) return found.id;
    ctx.onLine('a backup for the new key');
    return (await backups()).make(all);
  };

  return {
    variables: [identity, recipients],
    productVariables: [identity, recipients].filter((name) => audienceOf(config)(name) === 'product'),
    async procedure() {
      const kept = doors?.backups ? (await doors.backups()).keptSeconds : 0;
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: false,
        settleSeconds: kept,
        says: [
          'new backups are for the old key and the new one',
          'one of them is made and restored with the new key alone (a drill)',
          `from then on backups are for the new key alone; ${identity} holds the old one beside it, which opens what was made before`,
          `the old key leaves ${identity} when no backup is left that only it opens${kept > 0 ? `: after ${formatDuration(kept * 1_000)}, and later where one is held` : ''}; a new backup must not open with it`,
          ...(rotation.emergency
            ? [
                `emergency: whoever has the old key opens every backup made for it until now, wherever they have a copy: what is in them counts as known to them. ${identity} keeps it, since nothing else opens those backups`,
              ]
            : []),
          `other hosts have these variables too: ${recipients} where backups are made, ${identity} with those who restore`,
        ],
      };
    },
    async refuse(old) {
      const key = await recipientOf(current(old));
      const to = listIn(old[recipients]);
      if (!to.includes(key)) throw notARecipient(secret, key);
      await (await backups()).list();
    },
    async make(old) {
      const { generateIdentity } = await import('age-encryption');
      const fresh = new Secret(await generateIdentity(), identity);
      const gone = await Promise.all(identitiesIn(old).map(recipientOf));
      const others = listIn(old[recipients]).filter((one) => !gone.includes(one));
      return { [identity]: fresh, [recipients]: recipientsText([await recipientOf(fresh), ...others]) };
    },
    // Whoever encrypts needs no word of anybody.
    async add() {},
    staged: (old, next) => ({
      [identity]: identityText(...identitiesIn(old), current(next)),
      [recipients]: recipientsText([...listIn(old[recipients]), ...listIn(next[recipients])]),
    }),
    async validate(old, next) {
      const fresh = await recipientOf(current(next));
      const id = await backupFor([fresh], [], [...listIn(old[recipients]), ...listIn(next[recipients])]);
      return (await backups()).drill(id, current(next));
    },
    promoted: (old, next) => ({
      [identity]: identityText(current(next), ...identitiesIn(old)),
      [recipients]: next[recipients] ?? null,
    }),
    stragglers: async (old, next) => oldBackups(await onlyOld(old, next), 'only the old key opens it'),
    async retire(old, next) {
      const left = rotation.emergency ? [] : await onlyOld(old, next);
      if (left.length > 0) throw stillNeeded(identity, left);
    },
    // What leaked is not forgotten by that: nothing else opens the backups that were made for it.
    retired: (_, next): Values => (rotation.emergency ? {} : next),
    async proof(old, next) {
      const fresh = await recipientOf(current(next));
      const gone = await Promise.all(identitiesIn(old).map(recipientOf));
      const id = await backupFor([fresh], gone, listIn(next[recipients]));
      if (!(await (await backups()).opens(id, current(next)))) throw notOpened(identity, id);
      for (const key of identitiesIn(old))
        if (await (await backups()).opens(id, key))
          return { verdict: 'alive', says: `the old key opens the backup ${id}` };
      const drill = rotation.emergency ? `; ${await (await backups()).drill(id, current(next))}` : '';
      return { verdict: 'dead', says: `the backup ${id} opens with the new key, and not with the old one${drill}` };
    },
    // Backups that were made for both open with the old one, as all others.
    async withdraw() {},
  };
};

/** Keys between commas and lines; comments beside them, as age's own files have them. */
function listIn(value: Secret | null | undefined): string[] {
  const lines = (value?.reveal() ?? '').split('\n').filter((line) => !line.trim().startsWith('#'));
  return lines
    .flatMap((line) => line.split(','))
    .map((one) => one.trim())
    .filter(Boolean);
}

async function recipientOf(identity: Secret): Promise<string> {
  const { identityToRecipient } = await import('age-encryption');
  try {
    return await identityToRecipient(identity.reveal());
  } catch {
    // What the library says may hold the key.
    throw usageError(
      'IDENTITY_MALFORMED',
      `${identity.label} is no private key of age: one begins with AGE-SECRET-KEY-1 and is whole to its last sign.`,
      'Copy it again from where it is kept.',
    );
  }
}

function notARecipient({ identity, recipients }: BackupIdentitySecret, key: string): OpsError {
  return new OpsError({
    code: 'IDENTITY_NOT_A_RECIPIENT',
    message: `${identity} is the private half of ${key}, and ${recipients} does not name that: no backup is made for it.`,
    hint: hint`Whose key is it? ${command('env:check')} shows where both come from.`,
    exit: EXIT.refused,
  });
}

function stillNeeded(identity: string, left: readonly SealedBackup[]): OpsError {
  return new OpsError({
    code: 'IDENTITY_STILL_NEEDED',
    message: `${counted(left.length, 'backup')} can only be opened with the old ${identity}; the newest is ${left[0]?.id} in ${left[0]?.store}.`,
    hint: hint`They go with their retention (${command('backup:prune')}); those that are held stay: ${command('backup:list')}`,
    exit: EXIT.no,
  });
}

function notOpened(identity: string, id: string): OpsError {
  return new OpsError({
    code: 'BACKUP_NOT_OPENED',
    message: `The new ${identity} does not open the backup ${id}, which says that it is for it.`,
    hint: hint`Look at it: ${command('backup:verify', { id })}`,
  });
}
