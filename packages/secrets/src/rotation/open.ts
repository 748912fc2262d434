import { askSecret, Secret, type TaskContext } from '@drydock/kit';
import type { SecretConfig } from '../config/rotate.ts';
import type { Doors } from '../doors.ts';
import { secretOf } from '../names.ts';
import type { Product } from '../product.ts';
import { withSecretRecord } from '../record/record.ts';
import { rotatorOf } from '../rotators/all.ts';
import type { RotatorContext } from '../rotators/types.ts';
import { storesOf } from '../store/stores.ts';
import { teamOf } from '../team/team.ts';
import type { Rotating } from './rotating.ts';

/** What a rotation needs of others. Whoever composes tasks gives it: this feature knows no driver, and no other feature. */
export interface Around {
  product: Product;
  doors: Doors;
}

/** Everything that the steps of one secret's rotation work with. Nothing is asked of anybody yet. */
export function openRotating(
  { config, environment, signal, out }: Pick<TaskContext, 'config' | 'environment' | 'signal' | 'out'>,
  name: string,
  { product, doors }: Around,
): Rotating {
  const secret = secretOf(config, name);
  const team = teamOf(config, environment);
  const onLine = (line: string) => out.line(`    ${line}`);
  return {
    config,
    environment,
    name,
    secret,
    product,
    stores: storesOf({ config, environment, team, signal }, secret.stores),
    team,
    withRecord: (work) => withSecretRecord(config, environment, work),
    async rotator(rotation) {
      const ctx: RotatorContext<SecretConfig> = {
        ...{ config, environment, name, secret, rotation, product, doors, signal, onLine },
        ask: async (what) => new Secret(await askSecret(what, signal), what),
      };
      return (await rotatorOf(secret))(ctx);
    },
    signal,
    onLine,
  };
}
