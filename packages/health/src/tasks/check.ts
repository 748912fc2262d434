import { setTimeout as sleep } from 'node:timers/promises';
import { defineReadTask, flag, type Json } from '@drydock/kit';
import { checkHealth } from '../check/endpoint.ts';

const RETRY_MS = 500;

export const checkTask = defineReadTask({
  name: 'health:check',
  summary: "Asks the product's health endpoint; exit 3 when it is not healthy.",
  examples: ['npm run health:check -- --env production', 'npm run health:check -- --env staging --wait 60s'],
  flags: { wait: flag.duration({ about: 'ask again until it is healthy, for this long at most' }) },
  async run({ config, environment, env, flags, out, signal }) {
    const deadline = Date.now() + (flags.wait ?? 0);
    let result = await checkHealth(config, environment);
    while (!result.healthy && Date.now() < deadline) {
      await sleep(RETRY_MS, undefined, { signal });
      result = await checkHealth(config, environment);
    }
    out.table(
      ['', 'part', 'detail'],
      result.parts.map(({ ok, required, part, detail }) => [ok ? '✔' : required ? '✖' : '!', part, detail]),
    );
    return {
      verdict: result.healthy
        ? `${env} is healthy${result.version ? ` on version ${result.version}` : ''}.`
        : `${env} is not healthy.`,
      ok: result.healthy,
      data: { version: result.version ?? null, parts: result.parts as unknown as Json },
    };
  },
});
