import type { EnvName, Finding, Hint } from '@drydock/kit';
import { command, hint } from '@drydock/kit';
import { ageOf, UNKNOWN_AGE } from '../age.ts';
import { driftIn } from './drift.ts';
import type { Looked } from './look.ts';

export interface SecretStatus {
  name: string;
  kind: string;
  variables: readonly string[];
  /** Days since it came into use; null: nobody has written that down. */
  ageDays: number | null;
  everyDays: number;
  /** ISO 8601; null where its age is not known. */
  due: string | null;
  overdue: boolean;
  /** `in use`, `settles until …`, `waits at "retire"`. */
  state: string;
  /** Where it is read from. */
  from: string;
  /** `2 of 2 use it`; what cannot be seen is said. */
  product: string;
  stragglers: number;
  drift: Finding[];
  unknown: readonly string[];
}

/** What there is to say of each. */
export function statusOf(env: EnvName, all: readonly Looked[]): SecretStatus[] {
  return all.map((looked) => {
    const others = Object.fromEntries(
      all.filter(({ name }) => name !== looked.name).map(({ name, file }) => [name, file]),
    );
    const { rotated, generations = [], now } = looked;
    const { ageDays, due, overdue } = rotated ? ageOf(looked, generations, rotated, now) : UNKNOWN_AGE;
    return {
      ...{ name: looked.name, kind: looked.kind, variables: looked.variables, everyDays: looked.everyDays },
      ...{ ageDays, due, overdue },
      state: stateOf(looked),
      from: fromOf(looked),
      product: productOf(looked),
      stragglers: looked.stragglers.length,
      drift: driftIn({ ...looked, others }).map((finding) => ({
        ...finding,
        hint: hintFor(env, looked.name, finding),
      })),
      unknown: looked.unknown,
    };
  });
}

function stateOf({ rotation, generations, now }: Looked): string {
  if (generations === undefined) return 'not known';
  if (!rotation) return generations.length === 0 ? 'never rotated' : 'in use';
  if (rotation.reverting) return 'is being taken back';
  if (rotation.settlesAt !== null && Date.parse(rotation.settlesAt) > now.getTime())
    return `${rotation.phase === 'promote' ? 'stands by' : 'settles'} until ${rotation.settlesAt}`;
  return `waits at "${rotation.phase}"`;
}

function fromOf({ layers, shell, variables, stores }: Looked): string {
  if (variables.some((name) => shell[name])) return 'the shell';
  const [first] = Object.keys(stores);
  const held = layers.at(-1);
  return held ? held.file : (first ?? 'nowhere');
}

function productOf({ instances, productVariables, file }: Looked): string {
  if (productVariables.length === 0) return 'does not have it';
  if (instances === undefined) return 'not known';
  const seen = instances.filter(({ uses }) => uses !== undefined);
  if (instances.length === 0) return 'does not run';
  if (seen.length === 0) return `${instances.length} run, with what cannot be seen`;
  const good = seen.filter(({ uses }) =>
    productVariables.every((name) => (uses?.[name] ?? null) === (file[name] ?? null)),
  );
  return `${good.length} of ${instances.length} use it`;
}

/** By the code of the finding: what to type. */
function hintFor(env: EnvName, name: string, { code }: Finding): Hint {
  switch (code) {
    case 'INSTANCE_DIFFERS':
    case 'FILE_CHANGED_BY_HAND':
    case 'SHARED_WITH_ENVIRONMENT':
    case 'SHARED_WITH_SECRET':
      return command('secrets:rotate', { env }, name);
    case 'FILE_HOLDS_OLD':
      return command('secrets:open', { env });
    case 'AT_REST_DIFFERS':
      return command('secrets:seal', { env });
    case 'ROTATION_FORGOTTEN':
      return command('secrets:rotate', { env, continue: true }, name);
    case 'VALUE_REFUSED':
      return hint`See what was tried: ${command('secrets:validate', { env }, name)}`;
    case 'FILE_OPEN':
      return 'chmod 600 on that file';
    case 'SHELL_WINS':
      return 'unset it in your shell';
    default:
      return command('env:check', { env });
  }
}
