import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { forgiveUncaught, reachableConfig, Secret, schemaOf } from '@drydock/kit';
import { compileForShortRuns } from '@drydock/kit/sql';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import type { ClientConfig } from 'pg';
import { EngineAdapterFactory, type MakeDatabase } from './adapter.ts';

const PACKAGE = dirname(fileURLToPath(import.meta.resolve('@prisma/schema-engine-wasm')));

/** The build of Prisma's engine this is; `prisma` of the same version wants exactly this one. */
export function engineVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { version: string };
  return version.split('.').at(-1) ?? version;
}

interface Bindings {
  SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: unknown): void;
}
let bindings: Promise<Bindings> | undefined;

export interface EngineOptions {
  datamodels?: [path: string, content: string][] | undefined;
  lockTimeoutMs?: number;
  makeShadow?: MakeDatabase;
}

/** Prisma's schema engine in this process, connected to `url`, for as long as `use` runs. */
export async function withEngine<T>(
  url: string,
  use: (engine: SchemaEngine) => Promise<T>,
  { datamodels, lockTimeoutMs, makeShadow }: EngineOptions = {},
): Promise<T> {
  bindings ??= instantiate();
  const { SchemaEngine: Engine } = await bindings;
  const secret = new Secret(url);
  const factory = new EngineAdapterFactory(await boundedConfig(secret, lockTimeoutMs), schemaOf(secret), makeShadow);
  const panic = nextPanic();
  const work = async () => {
    const engine = await Engine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
    try {
      return await use(engine);
    } finally {
      if (!panic.happened) engine.free();
    }
  };
  try {
    return await Promise.race([work(), panic.rejection]);
  } finally {
    panics.delete(panic);
    await factory.close();
  }
}

/** `lockTimeoutMs` bounds each of the engine's waits for a lock; none, as Prisma has it, if it is not given. */
async function boundedConfig(url: Secret, lockTimeoutMs: number | undefined): Promise<ClientConfig> {
  const config = await reachableConfig(url);
  if (lockTimeoutMs === undefined) return config;
  return { ...config, options: [config.options, `-c lock_timeout=${lockTimeoutMs}`].filter(Boolean).join(' ') };
}

interface Panic {
  happened: boolean;
  rejection: Promise<never>;
  reject(error: Error): void;
}
const panics = new Set<Panic>();

/** What the engine could not go on with ends the wait of everybody who uses this instance. */
function nextPanic(): Panic {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  const panic: Panic = { happened: false, rejection: promise, reject };
  panics.add(panic);
  return panic;
}

let deafened = false;

/** What still comes out of an instance that has given up was told already. */
function isOfDeadEngine(thrown: unknown): boolean {
  return (
    thrown instanceof WebAssembly.RuntimeError ||
    (thrown instanceof Error && thrown.stack?.includes('schema_engine_bg') === true)
  );
}

/**
 * The engine writes here, by this name, what it panics of, and then traps: often where nobody waits, which would end
 * the process. After that the instance is of no more use; the next call makes another.
 */
Object.assign(globalThis, {
  PRISMA_WASM_PANIC_REGISTRY: {
    set_message(message: string) {
      bindings = undefined;
      for (const panic of panics) {
        panic.happened = true;
        panic.reject(
          new Error(`Prisma's schema engine gave up: ${message.split('\n').slice(0, 2).join(' ').slice(0, 300)}`),
        );
      }
      if (!deafened) forgiveUncaught(isOfDeadEngine);
      deafened = true;
    },
  },
});

let instances = 0;

/** Node loads no WebAssembly through `import`, which is how the package would have it. */
async function instantiate(): Promise<Bindings> {
  compileForShortRuns();
  // A copy of its own for each instance: the glue keeps state, and a dead instance's would stay.
  const glue = new URL(`schema_engine_bg.js?instance=${instances++}`, pathToFileURL(`${PACKAGE}/`));
  const loaded = (await import(glue.href)) as Bindings;
  const bytes = readFileSync(join(PACKAGE, 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': loaded as never });
  loaded.__wbg_set_wasm(instance.exports);
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
  return loaded;
}
