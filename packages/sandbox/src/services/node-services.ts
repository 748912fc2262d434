import { join, resolve } from 'node:path';
import { makeFolder } from '@drydock/kit';
import { accepts } from '../ports.ts';
import { hasWorld } from '../provision/sink.ts';
import type { Service } from './types.ts';

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');
/** As for a task: half of a start is compiling. */
const COMPILED = ['--require', resolve(import.meta.dirname, '../../../../scripts/first.cjs')];

/** s3rver makes its continuation tokens with a cipher that OpenSSL 3 counts as legacy: beyond 1,000 objects it fails without. */
export function nodeArgs(script: 'serve-s3.ts' | 'serve-sink.ts', port: number, folder: string): string[] {
  const legacy = script === 'serve-s3.ts' ? ['--openssl-legacy-provider'] : [];
  return [...legacy, ...COMPILED, join(SCRIPTS, script), String(port), folder];
}
export const BUCKET = 'drydock-backups';

/** s3rver, in a process of its own. */
export const s3: Service = nodeService('s3', 'serve-s3.ts');
/** Stands in for Sentry and PostHog, and shows what it was sent. One of before there were projects in it is started again. */
export const sink: Service = { ...nodeService('sink', 'serve-sink.ts'), ready: ({ port }) => hasWorld(port) };

function nodeService(name: string, script: Parameters<typeof nodeArgs>[0]): Service {
  return {
    name,
    tools: [],
    graceMs: 3_000,
    async prepare({ folder, port }) {
      const data = join(folder, name);
      makeFolder(data);
      return {
        command: process.execPath,
        args: nodeArgs(script, port, data),
        env: { PATH: process.env.PATH },
        cwd: data,
      };
    },
    ready: ({ port }) => accepts(port),
  };
}
