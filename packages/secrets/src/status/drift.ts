import type { Finding } from '@drydock/kit';
import type { InstanceUse } from '../product.ts';
import type { Generation, Rotation, Written } from '../record/types.ts';
import { behindIn } from '../rotation/behind.ts';
import { type Fingerprints, sameValues } from '../values.ts';

/** What is known of one secret of one environment; undefined is what could not be asked. */
export interface Seen {
  name: string;
  variables: readonly string[];
  productVariables: readonly string[];
  /** As the env files have it, the shell not counted. */
  file: Fingerprints;
  /** What the shell has of these variables. */
  shell: Fingerprints;
  /** Each store by its label. */
  stores: Readonly<Record<string, Fingerprints | undefined>>;
  /** The same variables in the files of other environments. */
  elsewhere: Readonly<Record<string, Fingerprints>>;
  /** Other secrets of this environment by name. */
  others: Readonly<Record<string, Fingerprints>>;
  /** Env files that hold it, from the one that counts least: several with different values hide one another. */
  layers: readonly { file: string; values: Fingerprints; openTo: 'owner' | 'group' | 'all'; foreign: boolean }[];
  /** Values at rest for the team; undefined where there are none, or no key to open them. */
  atRest: Fingerprints | undefined;
  generations: readonly Generation[] | undefined;
  /** What rotations have put into files. */
  written: readonly Written[];
  rotation: Rotation | undefined;
  instances: readonly InstanceUse[] | undefined;
  /** Was the value of now tried? Undefined where nothing could be told. */
  works: { ok: boolean; says: string } | undefined;
  now: Date;
}

/** A rotation that nobody has gone on with for so long after it could end was forgotten. */
const FORGOTTEN_MS = 3 * 86_400_000;

/** Where what is written down, what the files hold, and what runs differ. */
export function driftIn(seen: Seen): Finding[] {
  return RULES.flatMap((rule) => rule(seen));
}

type Rule = (seen: Seen) => Finding[];

const says = (level: Finding['level'], code: string, message: string): Finding => ({ level, code, message });
const nameThem = (names: readonly string[]) => names.join(', ');
const differing = (a: Fingerprints, b: Fingerprints, variables: readonly string[]) =>
  variables.filter((variable) => (a[variable] ?? null) !== (b[variable] ?? null));

const missing: Rule = ({ name, variables, file, shell }) => {
  const none = variables.filter((variable) => !file[variable] && !shell[variable]);
  return none.length === 0 ? [] : [says('error', 'SECRET_MISSING', `${name}: ${nameThem(none)} is not set`)];
};

const shellWins: Rule = ({ name, file, shell, variables }) => {
  const other = variables.filter((variable) => shell[variable] && file[variable] && shell[variable] !== file[variable]);
  return other.length === 0
    ? []
    : [
        says(
          'error',
          'SHELL_WINS',
          `${name}: the shell exports another ${nameThem(other)} than the file holds, and wins`,
        ),
      ];
};

const retiredInFile: Rule = ({ name, file, generations = [], written, variables, rotation }) => {
  const current = generations.findLast(({ state }) => state === 'current');
  const isHeld = ({ fingerprints }: Generation) => sameValues(pick(fingerprints, variables), pick(file, variables));
  if (!current || isHeld(current)) return [];
  const behind = behindIn(file, { generations, written, isOpen: rotation !== undefined });
  if (behind)
    return [says('error', 'FILE_HOLDS_OLD', `${name}: the file holds ${behind.held}; ${current.generation} is in use`)];
  const known = generations.findLast(isHeld);
  if (known?.state === 'pending') return [];
  // A ring holds old and new together while it is rotated.
  if (!known && rotation) return [];
  return known
    ? [
        says(
          'error',
          'FILE_HOLDS_OLD',
          `${name}: the file holds generation ${known.generation} (${known.state}); ${current.generation} is in use`,
        ),
      ]
    : [says('warn', 'FILE_CHANGED_BY_HAND', `${name}: the file holds a value that no rotation has made`)];
};

const storesDiffer: Rule = ({ name, stores, variables }) => {
  const [first, ...rest] = Object.entries(stores);
  if (!first?.[1]) return [];
  const [label, values] = first;
  return rest.flatMap(([other, theirs]) => {
    const far = theirs ? differing(values ?? {}, theirs, variables) : [];
    return far.length === 0
      ? []
      : [says('error', 'STORES_DIFFER', `${name}: ${other} holds another ${nameThem(far)} than ${label}`)];
  });
};

const hidden: Rule = ({ name, layers, variables }) =>
  layers.slice(0, -1).flatMap((layer, at) => {
    const above = layers.slice(at + 1);
    const far = variables.filter(
      (variable) =>
        layer.values[variable] &&
        above.some(({ values }) => values[variable] && values[variable] !== layer.values[variable]),
    );
    return far.length === 0
      ? []
      : [
          says(
            'warn',
            'HIDDEN_VALUE',
            `${name}: ${layer.file} holds another ${nameThem(far)}, which ${above.at(-1)?.file} hides`,
          ),
        ];
  });

const openFile: Rule = ({ name, layers }) =>
  layers.flatMap(({ file, openTo, foreign }) => [
    ...(openTo === 'owner'
      ? []
      : [
          says(
            'warn',
            'FILE_OPEN',
            `${name}: ${file} can be read by ${openTo === 'all' ? 'everybody' : 'its group'} of this host`,
          ),
        ]),
    ...(foreign ? [says('warn', 'FILE_FOREIGN', `${name}: ${file} belongs to another user`)] : []),
  ]);

const atRestDiffers: Rule = ({ name, atRest, file, variables }) => {
  const far = atRest
    ? differing(
        atRest,
        file,
        variables.filter((variable) => variable in atRest),
      )
    : [];
  return far.length === 0
    ? []
    : [
        says(
          'warn',
          'AT_REST_DIFFERS',
          `${name}: what the team keeps encrypted has another ${nameThem(far)} than the file`,
        ),
      ];
};

const instancesDiffer: Rule = ({ name, instances, file, generations, productVariables }) =>
  (instances ?? []).flatMap(({ instance, host, uses }) => {
    const far = uses ? differing(uses, file, productVariables) : [];
    if (far.length === 0) return [];
    const theirs = generations?.findLast(({ fingerprints }) =>
      sameValues(pick(fingerprints, far), pick(uses ?? {}, far)),
    );
    const which = theirs ? `generation ${theirs.generation} (${theirs.state})` : 'a value that is not known';
    return [
      says(
        'error',
        'INSTANCE_DIFFERS',
        `${name}: ${instance} on ${host} runs with ${which} of ${nameThem(far)}, not with what the file holds`,
      ),
    ];
  });

const shared: Rule = ({ name, file, elsewhere, variables }) =>
  Object.entries(elsewhere).flatMap(([env, theirs]) => {
    const same = variables.filter((variable) => file[variable] && file[variable] === theirs[variable]);
    return same.length === 0
      ? []
      : [says('error', 'SHARED_WITH_ENVIRONMENT', `${name}: ${nameThem(same)} is the same in ${env}`)];
  });

const doubled: Rule = ({ name, file, others }) => {
  const own = new Set(Object.values(file).filter((one) => one !== null));
  return Object.entries(others).flatMap(([other, theirs]) =>
    other > name && Object.values(theirs).some((one) => one !== null && own.has(one))
      ? [says('warn', 'SHARED_WITH_SECRET', `${name}: its value is that of ${other} too`)]
      : [],
  );
};

const forgotten: Rule = ({ name, rotation, now }) => {
  if (!rotation) return [];
  const due = Date.parse(rotation.settlesAt ?? rotation.startedAt);
  return now.getTime() - due < FORGOTTEN_MS
    ? []
    : [
        says(
          'warn',
          'ROTATION_FORGOTTEN',
          `${name}: its rotation of ${rotation.startedAt} waits at "${rotation.phase}", and could have ended`,
        ),
      ];
};

const refused: Rule = ({ name, works }) =>
  works === undefined || works.ok
    ? []
    : [says('error', 'VALUE_REFUSED', `${name}: what the file holds does not work: ${works.says}`)];

const RULES: readonly Rule[] = [
  missing,
  shellWins,
  retiredInFile,
  storesDiffer,
  hidden,
  openFile,
  atRestDiffers,
  instancesDiffer,
  shared,
  doubled,
  forgotten,
  refused,
];

function pick(values: Fingerprints, variables: readonly string[]): Fingerprints {
  return Object.fromEntries(variables.map((variable) => [variable, values[variable] ?? null]));
}
