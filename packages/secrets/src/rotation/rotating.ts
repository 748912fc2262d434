import type { Environment, LoadedConfig, Secret } from '@drydock/kit';
import type { SecretConfig } from '../config/rotate.ts';
import type { Product } from '../product.ts';
import type { Generation, Rotation, SecretRecord } from '../record/types.ts';
import type { Rotator, RotatorContext } from '../rotators/types.ts';
import type { SecretStore } from '../store/types.ts';
import type { Team } from '../team/team.ts';
import { type Fingerprints, fingerprintsOf, sameValues, type Values } from '../values.ts';

/** What the steps of a rotation work with. */
export interface Rotating {
  readonly config: LoadedConfig;
  readonly environment: Environment;
  readonly name: string;
  readonly secret: SecretConfig;
  readonly product: Product;
  /** The first is read. */
  readonly stores: readonly SecretStore[];
  /** Whom values are encrypted to. */
  readonly team: Team;
  withRecord<T>(work: (record: SecretRecord) => Promise<T>): Promise<T>;
  rotator(rotation: RotatorContext<SecretConfig>['rotation']): Promise<Rotator>;
  readonly signal: AbortSignal;
  onLine(line: string): void;
}

/** A rotation as it stands, with its values in the clear. */
export interface Standing {
  rotation: Rotation;
  rotator: Rotator;
  old: Values;
  next: Values;
}

type Clear = Record<string, string | null>;

export async function sealValues(
  { team }: Rotating,
  values: Values,
): Promise<{ fingerprints: Fingerprints; sealed: string }> {
  const clear: Clear = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value?.reveal() ?? null]),
  );
  return { fingerprints: fingerprintsOf(values), sealed: await team.seal(JSON.stringify(clear)) };
}

/** Throws where the operator's key does not open it, or where what was sealed is not what was written down. */
export async function openValues(
  { team }: Rotating,
  { sealed, fingerprints, name, generation }: Generation,
  toSecret: (text: string, variable: string) => Secret,
): Promise<Values> {
  if (sealed === null) throw new Error(`Generation ${generation} of ${name} is not kept any more.`);
  const clear = JSON.parse(await team.open(sealed, `generation ${generation} of ${name}`)) as Clear;
  const values = Object.fromEntries(
    Object.entries(clear).map(([variable, text]) => [variable, text === null ? null : toSecret(text, variable)]),
  );
  if (!sameValues(fingerprintsOf(values), fingerprints))
    throw new Error(`What is kept of generation ${generation} of ${name} is not what was written down of it.`);
  return values;
}
