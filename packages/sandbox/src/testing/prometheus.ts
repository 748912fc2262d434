import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { startThrowAway, testRoot } from './root.ts';

/**
 * A real, throw-away Prometheus; `config` is JSON, which is YAML as well. Files that it names are looked for from its root
 * folder. `past` is OpenMetrics with a time for each sample: what it has scraped before.
 */
export async function startTestPrometheus(
  config: object,
  past?: string,
): Promise<{ url: string; stop(): Promise<void> }> {
  const root = testRoot('prometheus');
  const data = join(root, 'data');
  mkdirSync(data);
  if (past !== undefined) {
    writeFileSync(join(root, 'past.txt'), past);
    const backfill = ['tsdb', 'create-blocks-from', 'openmetrics', join(root, 'past.txt'), data];
    execFileSync(requireTool('promtool'), backfill, { stdio: 'pipe' });
  }
  const file = join(root, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config));
  const { port, stop } = await startThrowAway(
    root,
    'prometheus',
    async (port) => ({
      command: requireTool('prometheus'),
      args: [`--config.file=${file}`, `--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${port}`],
      env: { PATH: process.env.PATH },
      cwd: root,
    }),
    (port) =>
      fetch(`http://127.0.0.1:${port}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
  );
  return { url: `http://127.0.0.1:${port}`, stop };
}
