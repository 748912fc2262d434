import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BIN, type Command, ROOT } from './figures.ts';

/** `prisma migrate …` on a product of the bench, on the build of its engine that needs no download. */
export function prismaMigrate(command: 'deploy' | 'status', root: string, url: string): Command {
  const config = join(root, 'prisma.config.ts');
  const settings = {
    schema: join(root, 'prisma/schema.prisma'),
    migrations: { path: join(root, 'prisma/migrations') },
    datasource: { url },
  };
  writeFileSync(config, `export default ${JSON.stringify(settings)};\n`);
  return {
    program: join(BIN, 'prisma'),
    args: ['migrate', command, '--config', config],
    cwd: root,
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: join(ROOT, 'packages/db/bin/schema-engine') },
  };
}
