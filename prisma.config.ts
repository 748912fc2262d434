import { join } from 'node:path';
import { defineConfig } from 'prisma/config';

// The stock CLI runs on the WebAssembly build of the same engine and downloads nothing.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= join(import.meta.dirname, 'packages/db/bin/schema-engine');

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.OPS_DATABASE_URL ?? process.env.DATABASE_URL ?? '' },
});
