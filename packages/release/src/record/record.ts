import {
  appendAudit,
  type Environment,
  type Json,
  type LoadedConfig,
  operatorUrl,
  redactData,
  withPostgres,
} from '@drydock/kit';
import type { Client } from 'pg';
import { insertDecision, insertEvidence, readDecision, readEvidence } from './evidence.ts';
import { bakeRelease, insertRelease, readReleases, undoRelease } from './releases.ts';
import { standingOf } from './standing.ts';
import type { Release, ReleaseRecord } from './types.ts';

/**
 * The record of one environment, for as long as `work` takes. What cannot be read or written there is an error: nothing is told from
 * memory. What is written stands in the audit log as well, once.
 */
export async function withRecord<T>(
  config: LoadedConfig,
  environment: Environment,
  work: (record: ReleaseRecord) => Promise<T>,
): Promise<T> {
  return withPostgres(operatorUrl(config, environment), 'drydock release:record', (client) =>
    work(recordIn(client, config, environment)),
  );
}

function recordIn(client: Client, config: LoadedConfig, environment: Environment): ReleaseRecord {
  const env = environment.name;
  const history = (limit?: number) => readReleases(client, env, limit);
  const standing = async () => standingOf((await history()).toReversed());
  const audit = async (event: string, { id, ...said }: Said) => {
    await appendAudit(environment, { config, event, outcome: 'done', ...said, ...(id ? { id } : {}) });
  };
  return {
    history,
    standing,
    live: async () => (await history()).find(({ outcome }) => outcome === 'live'),
    before: async () => (await standing())[1],
    passed: async (digest) =>
      (await history()).find((release) => release.digest === digest && release.outcome !== 'went back'),
    async wentLive(given) {
      const release = redactData(given);
      const id = await insertRelease(client, env, release);
      // By its number: one that went back and goes live again is told of again.
      await audit('release.live', { ...toldOf(release), id: `${release.run}-live-${id}` });
    },
    async wentBack(run) {
      const id = await undoRelease(client, env, run);
      const undone = (await history()).find((release) => release.id === id);
      if (undone) await audit('release.back', { ...toldOf(undone), id: `${run}-back-${id}` });
    },
    bakes: (run, seconds) => bakeRelease(client, env, run, seconds),
    async putEvidence(...given) {
      const all = redactData(given);
      for (const evidence of all) await insertEvidence(client, env, evidence);
      const [first] = all;
      if (!first) return;
      const metadata = { commit: first.commit, items: all };
      await audit('release.evidence', {
        ...{ run: first.run ?? '', task: 'release:checklist', actor: first.by, reason: undefined, metadata },
      });
    },
    evidence: (commit) => readEvidence(client, env, commit),
    async decide(run, step, decision, by, reason) {
      await insertDecision(client, redactData({ run, step, decision, by, reason }));
      const metadata = { step, decision };
      await audit('release.decision', { run, task: `release:${decision}`, actor: by, reason, metadata });
    },
    decision: (run, step) => readDecision(client, run, step),
  };
}

interface Said {
  id?: string;
  run: string;
  task: string;
  actor: string;
  reason: string | undefined;
  metadata: { [key: string]: Json };
}

const TASKS = { release: 'release', rollback: 'release:rollback', hotfix: 'release:hotfix' };

function toldOf(release: Pick<Release, 'run' | 'kind' | 'actor' | 'reason'> & Partial<Release>): Said {
  const { run, kind, actor, reason, version, digest, commit, tag, migrations, backup } = release;
  const metadata = { version, digest, commit, tag, migrations, backup } as { [key: string]: Json };
  return { run, task: TASKS[kind], actor, reason: reason ?? undefined, metadata };
}
