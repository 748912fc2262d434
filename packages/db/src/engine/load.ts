import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import { EngineAdapterFactory } from './adapter.ts';

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

/** Prisma's schema engine in this process, connected to `url`, for as long as `use` runs. */
export async function withEngine<T>(
  url: string,
  use: (engine: SchemaEngine) => Promise<T>,
  datamodels?: [path: string, content: string][],
): Promise<T> {
  bindings ??= instantiate();
  const { SchemaEngine: Engine } = await bindings;
  const factory = new EngineAdapterFactory(url);
  try {
    const engine = await Engine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
    try {
      return await use(engine);
    } finally {
      engine.free();
    }
  } finally {
    await factory.close();
  }
}

/** Node loads no WebAssembly through `import`, which is how the package would have it. */
async function instantiate(): Promise<Bindings> {
  const loaded = (await import('@prisma/schema-engine-wasm/schema_engine_bg' as string)) as Bindings;
  const bytes = readFileSync(join(PACKAGE, 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': loaded as never });
  loaded.__wbg_set_wasm(instance.exports);
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
  return loaded;
}
