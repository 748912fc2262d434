import { existsSync, rmSync } from 'node:fs';
import { OpsError, Secret, writeDurably } from '@drydock/kit';
import type { Values } from '../../values.ts';
import type { RotatorContext } from '../types.ts';
import type { ChainRights } from './chain-rights.ts';
import type { EscrowAdminSecret } from './config.ts';

type Context = Pick<RotatorContext<EscrowAdminSecret>, 'config' | 'environment' | 'secret' | 'rotation'>;

/**
 * The operator's keystore, where it holds the very key that is rotated: whoever rolls back an escrow would be without roles. A new file
 * stands beside the old one, with the same password, and the variable names it.
 */
export function operatorsKeystore(
  { config, environment, secret: { keystore }, rotation }: Context,
  rights: ChainRights,
) {
  const pathIn = (values: Values) => (keystore ? values[keystore.file]?.reveal() : undefined);
  const opened = async (path: string): Promise<Secret | undefined> => {
    if (!keystore || !environment.has(keystore.password) || !existsSync(config.path(path))) return undefined;
    return rights.openKeystore(config.path(path), environment.secret(keystore.password));
  };
  const movesOn = (old: Values, next: Values) => {
    const [from, to] = [pathIn(old), pathIn(next)];
    return to !== undefined && from !== to ? config.path(to) : undefined;
  };
  return {
    /** What the variable of its path is to hold. */
    async make(old: Values, oldKey: Secret): Promise<Values> {
      const path = pathIn(old);
      if (!keystore || path === undefined) return keystore ? { [keystore.file]: null } : {};
      const key = await opened(path);
      const shared = key !== undefined && rights.addressOf(key) === rights.addressOf(oldKey);
      return {
        [keystore.file]: shared
          ? new Secret(pathOf(path, rotation.generation, rotation.id), keystore.file)
          : (old[keystore.file] ?? null),
      };
    },
    async write(old: Values, next: Values, newKey: Secret): Promise<void> {
      const path = movesOn(old, next);
      if (!keystore || path === undefined) return;
      const password = environment.secret(keystore.password);
      if (existsSync(path)) {
        const key = await rights.openKeystore(path, password);
        if (rights.addressOf(key) === rights.addressOf(newKey)) return;
        throw new OpsError({
          code: 'KEYSTORE_IN_THE_WAY',
          message: `${path} is there already, and holds another key than the new one.`,
          hint: 'Find out whose it is, move it away, and go on.',
        });
      }
      writeDurably(path, await rights.sealKeystore(newKey, password));
    },
    remove(old: Values, next: Values): void {
      const path = movesOn(old, next);
      if (path !== undefined) rmSync(path, { force: true });
    },
  };
}

/** `keys/staging.json` → `keys/staging.g3-01jd.json`. */
function pathOf(path: string, generation: number, id: string): string {
  const [, stem = path, end = ''] = /^(.*?)(?:\.g\d+-\w+)?(\.[^./]+)?$/s.exec(path) ?? [];
  return `${stem}.g${generation}-${id.slice(-6).toLowerCase()}${end}`;
}
