import { startTestPrometheus } from '@drydock/sandbox/testing';

export interface Page {
  at: number;
  text: string;
}

/** A Prometheus that scrapes these addresses every second, and has scraped `pages` before, as the job `past`. */
export function startPrometheusWithPast(targets: string[], pages: Page[]): ReturnType<typeof startTestPrometheus> {
  const hosts = targets.map((target) => new URL(target).host);
  const job = { job_name: 'shop', scrape_interval: '1s', scrape_timeout: '1s', static_configs: [{ targets: hosts }] };
  return startTestPrometheus({ scrape_configs: [job] }, openMetrics(pages));
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
