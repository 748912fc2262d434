import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct, tasksHere } from '@drydock/kit/testing';
import { writeMigration } from './world.ts';

/** A stranger's product with these migrations, whose tasks end as they do for a person. */
export function makeProduct(url: string, schema: string, migrations: Record<string, string>, config: object = {}) {
  const root = makeStrangeProduct(config, { OPS_DATABASE_URL: url });
  mkdirSync(join(root, 'prisma'));
  writeFileSync(join(root, 'prisma/schema.prisma'), `datasource db {\n  provider = "postgresql"\n}\n${schema}`);
  for (const [name, sql] of Object.entries(migrations)) writeMigration(join(root, 'prisma'), name, sql);
  return {
    ...tasksHere(root),
    /** Another migration, or the down.sql of one. */
    write(name: string, sql: string | undefined, down: string): void {
      if (sql !== undefined) writeMigration(join(root, 'prisma'), name, sql);
      writeFileSync(join(root, 'prisma/migrations', name, 'down.sql'), down);
    },
  };
}

export type Product = ReturnType<typeof makeProduct>;
