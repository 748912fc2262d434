import { command, environmentSettings, hint } from '@drydock/kit';
import type { Patient, Probe, Row } from './probe.ts';

/** What the product itself uses, and how it says that it is. */
export async function productProbes({ config, environment }: Patient): Promise<Probe[]> {
  const { checkHealth, healthSection, probeChain, probeRedis, tellsHealth } = await import('@drydock/health');
  const address = hint`${command('env:check')} shows where its address comes from.`;
  const rows = (parts: { part: string; ok: boolean; required: boolean; detail: string }[]): Row[] =>
    parts.map(({ part, ok, required, detail }) => ({
      what: part,
      state: ok ? 'works' : required ? 'fails' : 'doubt',
      code: ok ? 'WORKS' : 'NOT_WELL',
      found: detail,
      ...(ok ? {} : { next: address }),
    }));
  return [
    {
      what: 'Redis',
      next: address,
      async ask() {
        return rows(await probeRedis(config, environment)).map((row) => ({ ...row, what: 'Redis' }));
      },
    },
    {
      what: 'chain',
      next: address,
      async ask() {
        return rows(await probeChain(config, environment));
      },
    },
    {
      what: 'health route',
      next: hint`Is it running, and is ${environmentSettings(config, environment.name).url} right? ${command('health:check')}`,
      async ask() {
        if (!tellsHealth(config, environment)) return [];
        const { healthy, version, parts } = await checkHealth(config, environment);
        if (healthy)
          return `${healthSection.of(config).path} says that all is well${version ? `, version ${version}` : ''}`;
        const bad = parts.filter(({ ok, required }) => required && !ok);
        const found = bad.map(({ part, detail }) => (detail ? `${part} ${detail}` : part)).join(', ');
        return [
          {
            what: 'health route',
            state: 'fails',
            code: 'NOT_WELL',
            found: found || 'it says that it is not well',
            next: command('health:check'),
          },
        ];
      },
    },
  ];
}
