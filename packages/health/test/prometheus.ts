import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, requireTool } from '@drydock/kit';
import { testRoot } from '@drydock/sandbox/testing';

export interface Page {
  at: number;
  text: string;
}

/** A real, throw-away Prometheus that scrapes these addresses every second, and has scraped `pages` before, as the job `past`. */
export async function startTestPrometheus(
  targets: string[],
  pages: Page[],
): Promise<{ url: string; stop(): Promise<void> }> {
  const root = testRoot('prometheus');
  mkdirSync(join(root, 'data'));
  writeFileSync(join(root, 'past.txt'), openMetrics(pages));
  const backfill = ['tsdb', 'create-blocks-from', 'openmetrics', join(root, 'past.txt'), join(root, 'data')];
  execFileSync(requireTool('promtool'), backfill, { stdio: 'pipe' });
  const hosts = targets.map((target) => new URL(target).host);
  const job = { job_name: 'shop', scrape_interval: '1s', scrape_timeout: '1s', static_configs: [{ targets: hosts }] };
  // JSON is YAML as well.
  writeFileSync(join(root, 'prometheus.yml'), JSON.stringify({ scrape_configs: [job] }));
  const port = await freePort();
  const child = spawn(
    requireTool('prometheus'),
    [
      `--config.file=${root}/prometheus.yml`,
      `--storage.tsdb.path=${root}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const url = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let tries = 0; !(await isReady()); tries++) {
    if (child.exitCode !== null || tries > 400) throw new Error('Prometheus for a test did not come up');
    await sleep(50);
  }
  return {
    url,
    async stop() {
      process.off('exit', kill);
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Samples without their types, each with its time: as much of OpenMetrics as promtool needs. */
function openMetrics(pages: Page[]): string {
  const lines = pages.flatMap(({ at, text }) =>
    text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      return name ? [`${name}{job="past",instance="a"${labels && ','}${labels}} ${value} ${at / 1_000}`] : [];
    }),
  );
  return `${lines.join('\n')}\n# EOF\n`;
}
