import { type Environment, type LoadedConfig, loadConfig, loadEnvironment, Secret } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import type { SecretConfig } from '../src/config/rotate.ts';
import { secretsConfig } from '../src/config.ts';
import type { Doors } from '../src/doors.ts';
import type { Product } from '../src/product.ts';
import { rotatorOf } from '../src/rotators/all.ts';
import type { Proof, Rotator, RotatorContext } from '../src/rotators/types.ts';
import type { Values } from '../src/values.ts';

/** One secret of a stranger's product, with rotators that know nothing of each other: as after a kill. */
export interface Bench {
  config: LoadedConfig;
  /** What the environment holds. */
  values: Record<string, Secret | null>;
  said: string[];
  rotator(): Promise<Rotator>;
  /** Into the environment, and into the product. */
  put(values: Values): Promise<void>;
}

interface Wanted {
  secret: object;
  env: Record<string, string>;
  product?: Partial<Product>;
  /** What else the config says. */
  more?: object;
  /** Starts the product with what the environment holds then. */
  deploy?(values: Record<string, Secret | null>): Promise<void>;
  doors?(config: LoadedConfig, values: () => Record<string, string>): Doors;
  ctx?: Partial<RotatorContext<SecretConfig>>;
}

export const ID = '01KB0000000000000000000000';

export async function openBench({
  secret,
  env,
  product = {},
  more = {},
  deploy,
  doors = () => ({}),
  ctx = {},
}: Wanted): Promise<Bench> {
  const root = makeStrangeProduct({ ...more, secrets: { rotate: { it: secret } } }, env);
  const config = await loadConfig(undefined, root);
  const said: string[] = [];
  const values: Bench['values'] = Object.fromEntries(
    Object.entries(env).map(([name, text]) => [name, new Secret(text, name)]),
  );
  /** What the environment holds, as whoever starts next finds it. */
  const shell = () =>
    Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value ? [[name, value.reveal()]] : [])));
  const bench: Bench = {
    config,
    values,
    said,
    async rotator() {
      const environment: Environment = loadEnvironment(config, 'staging', shell());
      const { it } = secretsConfig(config).rotate;
      if (!it) throw new Error('The config has no secret `it`.');
      return (await rotatorOf(it))({
        ...{ config, environment, name: 'it', secret: it, rotation: { id: ID, generation: 1, emergency: false } },
        product: { ...NOTHING_RUNS, ...product },
        doors: doors(config, shell),
        ask: () => Promise.reject(new Error('Nobody is here.')),
        signal: new AbortController().signal,
        onLine: (line) => void said.push(line),
        ...ctx,
      });
    },
    async put(changed) {
      Object.assign(values, changed);
      await deploy?.(values);
    },
  };
  return bench;
}

const NOTHING_RUNS: Product = {
  describe: async () => undefined,
  redeploy: async () => {},
  uses: async () => [],
  addresses: async () => [],
};

export const held = ({ values }: Bench, names: readonly string[]): Values =>
  Object.fromEntries(names.map((name) => [name, values[name] ?? null]));

/** All phases of a rotation, each function twice and by rotators of their own: the first of the two was killed before it was written down. */
export async function rotate(
  bench: Bench,
  { until = 'proof' }: { until?: 'make' | 'validate' | 'promote' | 'proof' } = {},
) {
  const twice = async <T>(call: (rotator: Rotator) => Promise<T>): Promise<T> => {
    await call(await bench.rotator());
    return call(await bench.rotator());
  };
  const old = held(bench, (await bench.rotator()).variables);
  await twice((one) => one.refuse(old));
  let next = await (await bench.rotator()).make(old);
  const result: { old: Values; next: Values; says: string; proof: Proof | undefined } = {
    old,
    next,
    says: '',
    proof: undefined,
  };
  if (until === 'make') return result;
  const replaces = (await bench.rotator()).replace !== undefined;
  const validate = async () => {
    result.says = await twice((one) => one.validate(old, next));
  };
  if (!replaces) {
    await twice((one) => one.add(old, next));
    await bench.put((await bench.rotator()).staged(old, next));
    await validate();
  }
  if (until === 'validate') return result;
  if (replaces) next = (await twice(async (one) => one.replace?.(old, next))) ?? next;
  result.next = next;
  await bench.put((await bench.rotator()).promoted(old, next));
  if (replaces) await validate();
  if (until === 'promote') return result;
  const stragglers = await twice((one) => one.stragglers(old, next));
  if (stragglers.length > 0) throw new Error(`Still used by ${JSON.stringify(stragglers)}`);
  await twice((one) => one.retire(old, next));
  await bench.put((await bench.rotator()).retired(old, next));
  result.proof = await twice((one) => one.proof(old, next));
  return result;
}
