import { audienceOf, formatDuration, Secret } from '@drydock/kit';
import type { Values } from '../../values.ts';
import { oldBackups } from '../old-backups.ts';
import type { OpenRotator } from '../types.ts';
import type { BackupSignerSecret } from './config.ts';
import {
  noSigningDoor,
  notBelieved,
  notInItsVariable,
  notSet,
  notVerified,
  pinnedInConfig,
  stillNeeded,
} from './errors.ts';
import type { SignedBackup, SigningDoor } from './signing-door.ts';

/** The key that signs backups: the new one is believed beside the old one before it signs, and the old one as long as a backup needs it. */
export const backupSignerRotator: OpenRotator<BackupSignerSecret> = (ctx) => {
  const { secret, config, rotation, doors } = ctx;
  const { variable, signers } = secret;
  const open = (): Promise<SigningDoor> => (doors?.signing ? doors.signing() : Promise.reject(noSigningDoor()));
  const signing = (values: Values): Secret => {
    const key = values[variable];
    if (key) return key;
    throw notSet(variable);
  };
  const believedIn = (values: Values) =>
    (values[signers]?.reveal() ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean);
  const list = (keys: readonly string[]) => new Secret([...new Set(keys)].join(','), signers);
  /** Backups that the old key alone stands for. */
  const onlyOld = async (door: SigningDoor, old: Values): Promise<SignedBackup[]> => {
    const key = door.keyOf(signing(old));
    return (await door.list()).filter(({ signedBy }) => signedBy === key);
  };
  /** The newest that the key signed; made where there is none. Every byte of it is read. */
  const verifiedOf = async (door: SigningDoor, key: Secret): Promise<string> => {
    const [found] = (await door.list()).filter(({ signedBy }) => signedBy === door.keyOf(key));
    if (!found) ctx.onLine('a backup that the new key signs');
    const id = found?.id ?? (await door.make(key));
    const why = await door.verify(id);
    if (why !== undefined) throw notVerified(id, why);
    return id;
  };

  return {
    variables: [variable, signers],
    productVariables: [variable, signers].filter((name) => audienceOf(config)(name) === 'product'),
    async procedure() {
      const kept = doors?.signing ? (await doors.signing()).keptSeconds : 0;
      return {
        overlap: 'both',
        outageSeconds: 0,
        redeploys: false,
        settleSeconds: kept,
        says: [
          `${signers} names both public keys before the new one signs; bring it to everybody who restores`,
          'a backup that the new key signs is made and read to its last byte, and so is the newest of the old one',
          `from then on the new key signs; what the old one signed is opened as long as ${signers} names it`,
          ...(rotation.emergency
            ? [
                `emergency: the old key leaves ${signers} at once. Backups of before are opened with --trust alone, one by one, as somebody looked at them`,
              ]
            : [
                `it leaves ${signers} when no backup is left that it signed${kept > 0 ? `: after ${formatDuration(kept * 1_000)}, and later where one is held` : ''}; one that it signs is refused from then on`,
              ]),
        ],
      };
    },
    async refuse(old) {
      const door = await open();
      const key = door.keyOf(signing(old));
      const pinned = door.believed().filter((one) => one.key === key);
      if (pinned.some((one) => one.variable === undefined)) throw pinnedInConfig(secret, key);
      if (!believedIn(old).includes(key) || !pinned.some((one) => one.variable === signers))
        throw notInItsVariable(secret, key);
      await door.list();
    },
    async make(old) {
      const door = await open();
      const fresh = door.newKey();
      const own = door.keyOf(signing(old));
      const others = believedIn(old).filter((key) => key !== own);
      return { [variable]: new Secret(fresh.secret, variable), [signers]: list([fresh.key, ...others]) };
    },
    // Whoever verifies reads it in the environment: there is no service to tell.
    async add() {},
    staged: (old, next) => ({ [signers]: list([...believedIn(old), ...believedIn(next)]) }),
    async validate(old, next) {
      const door = await open();
      const key = door.keyOf(signing(next));
      if (!door.believed().some((one) => one.key === key)) throw notBelieved(secret, key);
      const ids = [await verifiedOf(door, signing(next))];
      const [before] = await onlyOld(door, old);
      if (before && !ids.includes(before.id)) {
        const why = await door.verify(before.id);
        if (why !== undefined) throw notVerified(before.id, why);
        ids.push(before.id);
      }
      return `${ids.join(' and ')} ${ids.length === 1 ? 'is' : 'are'} whole and believed`;
    },
    // A backup is made for it, where there is none.
    triesByWriting: true,
    promoted: (old, next) => ({
      [variable]: next[variable] ?? null,
      [signers]: list([...believedIn(next), ...believedIn(old)]),
    }),
    stragglers: async (old) => oldBackups(await onlyOld(await open(), old), 'the old key signed it'),
    async retire(old) {
      const left = rotation.emergency ? [] : await onlyOld(await open(), old);
      if (left.length > 0) throw stillNeeded(variable, left);
    },
    retired: (_, next) => ({ [signers]: next[signers] ?? null }),
    async proof(old, next) {
      const door = await open();
      const was = door.keyOf(signing(old));
      if (door.believed().some((one) => one.key === was))
        return { verdict: 'alive', says: `backups.signers names the old key ${was} still` };
      const fresh = await verifiedOf(door, signing(next));
      const [before] = await onlyOld(door, old);
      const refused = before && (await door.verify(before.id));
      if (before && refused === undefined)
        return { verdict: 'alive', says: `${before.id}, which the old key signed, is believed` };
      return {
        verdict: 'dead',
        says: `${fresh}, which the new key signed, is whole and believed; ${before ? `${before.id} is not: ${refused}` : 'nothing that the old one signed is left, and nobody names it'}`,
      };
    },
    // What it signed until then is opened no more, and goes with its retention.
    async withdraw() {},
  };
};
