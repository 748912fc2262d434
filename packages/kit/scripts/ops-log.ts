#!/usr/bin/env node
import { findBreak } from '../src/audit/chain.ts';
import { readEvents, readHead } from '../src/audit/store.ts';
import { operatorUrl } from '../src/env/operator-url.ts';
import type { Json } from '../src/json.ts';
import { withPostgres } from '../src/postgres.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { defineReadTask } from '../src/task/types.ts';

const task = defineReadTask({
  name: 'ops:log',
  summary: 'Lists what was done to an environment, and checks that no audit event was removed or edited.',
  description:
    'The check always covers the whole chain; the flags only choose what is shown. A broken chain is exit 3.',
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
  async run(ctx) {
    return withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock ops:log', async (client) => {
      const events = await readEvents(client);
      const broken = findBreak(events, await readHead(client));
      const { limit = 20, since, event, task, run } = ctx.flags;
      const after = since === undefined ? '' : new Date(Date.now() - since).toISOString();
      const shown = events
        .filter(
          (e) =>
            e.at >= after && (!event || e.event === event) && (!task || e.task === task) && (!run || e.run === run),
        )
        .slice(-limit);
      const rows = shown.map((e) => [String(e.seq), e.at, e.event, e.outcome, e.actor, e.run, e.reason ?? '']);
      if (rows.length > 0) ctx.out.table(['#', 'at', 'event', 'outcome', 'actor', 'run', 'reason'], rows);
      return {
        verdict: broken
          ? `The audit chain of ${ctx.env} is broken.`
          : `${events.length} audit events of ${ctx.env}, chain whole.`,
        data: { total: events.length, events: shown as unknown as Json },
        findings: broken ? [{ level: 'error', code: 'AUDIT_CHAIN_BROKEN', message: `In ${ctx.env}, ${broken}.` }] : [],
      };
    });
  },
});

export default task;
await main(task, import.meta);
