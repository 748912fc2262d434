import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { Secret } from '@drydock/kit';
import type { InstanceUse } from '../product.ts';
import type { LastRotated } from '../record/last.ts';
import type { Generation, Rotation, Written } from '../record/types.ts';
import type { Rotating } from '../rotation/rotating.ts';
import { lookWhether } from '../rotation/settle.ts';
import { rotatorFor } from '../rotation/stand.ts';
import { validateNow } from '../rotation/validate.ts';
import type { Straggler } from '../rotators/types.ts';
import { EnvFiles } from '../store/dotenv.ts';
import { type Fingerprints, fingerprintsOf } from '../values.ts';
import { type Answered, within } from './bounded.ts';
import type { Seen } from './drift.ts';

/** What the record of an environment says, asked once for all of its secrets. */
export interface Recorded {
  rotations: readonly Rotation[];
  generations: readonly Generation[];
  written: readonly Written[];
  /** As the audit log tells of those that have ended. */
  rotated: LastRotated;
  now: Date;
}

export interface Looked extends Omit<Seen, 'others'> {
  kind: string;
  everyDays: number;
  rotated: LastRotated | undefined;
  /** Who still uses the old one of a rotation that is open. */
  stragglers: Straggler[];
  /** What could not be asked, in words. */
  unknown: string[];
}

/** One secret, from every side: each is asked for a second at most, all at once. */
export async function lookAt(
  r: Rotating,
  recorded: Answered<Recorded>,
  atRest: Fingerprints | undefined,
): Promise<Looked> {
  const rotator = await rotatorFor(r, { id: '', generation: 0, emergency: false });
  const { variables, productVariables } = rotator;
  const record = 'told' in recorded ? recorded.told : undefined;
  const rotation = record?.rotations.find(({ name, outcome }) => name === r.name && outcome === 'open');
  const [stores, instances, tried, settled] = await Promise.all([
    Promise.all(r.stores.map(async (store) => [store.label, await within(store.read(variables))] as const)),
    within(productVariables.length > 0 ? r.product.uses(productVariables) : Promise.resolve<InstanceUse[]>([])),
    rotator.triesByWriting ? undefined : within(validateNow(r)),
    rotation ? within(lookWhether(r, { id: rotation.id, emergency: false })) : undefined,
  ]);
  const works =
    tried && 'told' in tried && ['yes', 'no'].includes(tried.told.works)
      ? { ok: tried.told.works === 'yes', says: tried.told.says }
      : undefined;
  return {
    ...{ name: r.name, kind: r.secret.kind, everyDays: r.secret.everyDays, variables, productVariables },
    ...readFiles(r, variables),
    stores: Object.fromEntries(
      stores.map(([label, said]) => [label, 'told' in said ? fingerprintsOf(said.told) : undefined]),
    ),
    atRest,
    rotated: record?.rotated,
    generations: record?.generations.filter(({ name }) => name === r.name),
    written: record?.written.filter(({ name }) => name === r.name) ?? [],
    rotation,
    instances: 'told' in instances ? instances.told : undefined,
    works,
    stragglers: settled && 'told' in settled ? settled.told.stragglers : [],
    now: record?.now ?? new Date(),
    unknown: [
      ...stores.flatMap(([label, said]) => ('why' in said ? [`${label}: ${said.why}`] : [])),
      ...('why' in instances ? [`what runs: ${instances.why}`] : []),
      ...(tried === undefined
        ? []
        : 'why' in tried
          ? [`whether it works: ${tried.why}`]
          : ['unknown', 'untried'].includes(tried.told.works)
            ? [`whether it works: ${tried.told.says}`]
            : []),
      ...(settled && 'why' in settled ? [`who uses the old one: ${settled.why}`] : []),
    ],
  };
}

type Files = Pick<Seen, 'file' | 'shell' | 'elsewhere' | 'layers'>;

/** What stands in files and in the shell: nobody has to be asked. */
function readFiles({ config, environment }: Rotating, variables: readonly string[]): Files {
  const own = new EnvFiles(config, environment.name);
  const all = own.read();
  const others = Object.keys(config.environments).filter((env) => env !== environment.name);
  return {
    file: printsOf((name) => all.get(name)?.value, variables),
    shell: printsOf(
      (name) => (environment.sourceOf(name)?.kind === 'shell' ? environment.get(name) : undefined),
      variables,
    ),
    elsewhere: Object.fromEntries(
      others.map((env) => {
        const theirs = new EnvFiles(config, env).read();
        return [env, printsOf((name) => theirs.get(name)?.value, variables)];
      }),
    ),
    layers: own.layers().flatMap(({ file, values }) => {
      if (!variables.some((name) => values[name])) return [];
      const { mode, uid } = statSync(file);
      const openTo = mode & 0o004 ? 'all' : mode & 0o040 ? 'group' : 'owner';
      return [
        {
          file: relative(config.root, file),
          values: printsOf((name) => values[name], variables),
          openTo: openTo as 'owner' | 'group' | 'all',
          foreign: uid !== process.geteuid?.() && uid !== 0,
        },
      ];
    }),
  };
}

function printsOf(textOf: (name: string) => string | undefined, variables: readonly string[]): Fingerprints {
  return Object.fromEntries(variables.map((name) => [name, fingerprint(textOf(name), name)]));
}

function fingerprint(text: string | undefined, name: string): string | null {
  return text ? new Secret(text, name).fingerprint() : null;
}
