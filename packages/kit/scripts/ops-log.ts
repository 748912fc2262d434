#!/usr/bin/env node
import { counted } from '@drydock/kit';
import { anchorFile } from '../src/audit/anchor.ts';
import type { Log } from '../src/audit/log.ts';
import type { ChainedEvent } from '../src/audit/types.ts';
import { operatorUrl } from '../src/env/operator-url.ts';
import type { Finding } from '../src/finding.ts';
import type { Json } from '../src/json.ts';
import { withPostgres } from '../src/postgres.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { defineReadTask } from '../src/task/types.ts';

const task = defineReadTask({
  name: 'ops:log',
  summary: 'Lists what was done to an environment, and checks that no audit event was removed or edited.',
  description:
    'The check always covers the whole chain, and compares it with what this checkout saw of it before; the flags only choose what is\n' +
    'shown. A broken chain is exit 3.',
  examples: [
    'npm run ops:log -- --env production --since 7d',
    'npm run ops:log -- --env staging --event escrow.rollback --json',
  ],
  flags: {
    limit: flag.integer({ about: 'show at most this many, the newest (default 20)', min: 1 }),
    since: flag.duration({ about: 'only events younger than this' }),
    event: flag.text({ about: 'only events of this name', value: 'NAME' }),
    task: flag.text({ about: 'only events of this task', value: 'NAME' }),
    run: flag.text({ about: 'only events of this run', value: 'RUN' }),
  },
  async run({ config, env, environment, flags, out }) {
    const { readLog } = await import('../src/audit/log.ts');
    const { limit = 20, since, event, task, run } = flags;
    const after = since === undefined ? '' : new Date(Date.now() - since).toISOString();
    const log = await withPostgres(operatorUrl(config, environment), 'drydock ops:log', (client) =>
      readLog(client, config, env, { limit, after, event, task, run }),
    );
    const rows = log.shown.map((e) => [String(e.seq), e.at, e.event, e.outcome, who(e), e.run, e.reason ?? '']);
    if (rows.length > 0) out.table(['#', 'at', 'event', 'outcome', 'actor', 'run', 'reason'], rows);
    const chosen = since !== undefined || Boolean(event ?? task ?? run);
    return {
      verdict: verdictOf(log, env, chosen),
      data: { total: log.total, matching: log.matching, events: log.shown as unknown as Json },
      findings: findingsOf(log, env, anchorFile(config, env)),
    };
  },
});

/** Whoever calls themselves something else than the system does. */
function who({ actor, by }: ChainedEvent): string {
  return by && by.login !== actor ? `${actor} (${by.login})` : actor;
}

function verdictOf({ total, matching, shown, broken }: Log, env: string, chosen: boolean): string {
  if (broken) return `The audit chain of ${env} is broken.`;
  if (total === 0) return `No audit events of ${env}.`;
  if (!chosen) return `${total} audit events of ${env}, chain whole.`;
  const newest = matching > shown.length ? `, of which the newest ${shown.length} are shown` : '';
  return `${matching} of ${total} audit events of ${env} match${newest}; the chain of all is whole.`;
}

function findingsOf({ total, broken, anchored }: Log, env: string, seen: string): Finding[] {
  if (broken)
    return [
      {
        level: 'error',
        code: 'AUDIT_CHAIN_BROKEN',
        message: broken,
        hint: `Compare with a backup of ${env}, and with ops:log of another checkout; what was seen from here is in ${seen}: move it away once you know why.`,
      },
    ];
  if (anchored.elsewhere)
    return [
      {
        level: 'warn',
        code: 'AUDIT_DATABASE_REPLACED',
        message: `This checkout saw ${counted(anchored.anchor?.seq ?? 0, 'event')} of ${env} at ${anchored.anchor?.at}, in another database: it was restored or made anew since.`,
      },
    ];
  if (anchored.anchor || total === 0) return [];
  return [
    {
      level: 'info',
      code: 'AUDIT_NO_ANCHOR',
      message: `Until now nothing outside of the database said how many events of ${env} there are: had all been removed or written anew, it would not show. From now on this checkout knows.`,
    },
  ];
}

export default task;
await main(task, import.meta);
