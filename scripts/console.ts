#!/usr/bin/env node
import { command, defineReadTask, flag, hint, main, OpsError } from '@drydock/kit';
import { readers } from './report/readers.ts';

const DAY_MS = 86_400_000;

const task = defineReadTask({
  name: 'console',
  summary: 'Serves the report live on this machine, read only, until Ctrl-C.',
  description:
    'The page of health:report, renewed every ten seconds; a button pauses it. Listens on 127.0.0.1 alone, answers GET alone, and only to a\n' +
    'browser that calls it by that name.',
  examples: ['npm run console', 'npm run console -- --port 7007 --since 2h'],
  perEnvironment: false,
  untilStopped: true,
  flags: {
    port: flag.integer({ about: 'where to listen (default 7007; 0 takes a free one)', max: 65_535 }),
    since: flag.duration({ about: 'how far to look back (default 24h)' }),
    env: flag.environment({ about: 'this environment alone (default: all)' }),
  },
  async run({ config, environmentOf, flags, out, signal }) {
    const { collect, createConsole, liveScript, renderReport } = await import('@drydock/health/report');
    const environments = flags.env ? [flags.env] : Object.keys(config.environments);
    const options = { environments, environmentOf, sinceMs: flags.since ?? DAY_MS, readers, signal };
    const app = createConsole({
      script: liveScript(),
      page: async (live) => renderReport(await collect(config, options), live),
      freshMs: 2_000,
    });
    const url = await app.listen({ host: '127.0.0.1', port: flags.port ?? 7_007 }).catch((cause) => {
      throw new OpsError({
        code: 'PORT_TAKEN',
        message: `The console cannot listen on 127.0.0.1:${flags.port ?? 7_007} (${cause.code}).`,
        hint: hint`Take another port: ${command('console', { port: 0 })}`,
        cause,
      });
    });
    out.line(`${url} (Ctrl-C ends it)`);
    await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
    await app.close();
    return { verdict: 'The console has ended.' };
  },
});

export default task;
await main(task, import.meta);
