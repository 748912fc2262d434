import { readDeployed, readState, targetOf } from '@drydock/db';
import { checkHealth, probeChain, probeRedis } from '@drydock/health';
import { askCi } from '../ci/ask.ts';
import { releaseConfig } from '../config.ts';
import { PASSED } from '../pipeline/passed.ts';
import { withRecord } from '../record/record.ts';
import type { About, Answer } from './types.ts';

/** Of the tests, the types and the lint alike: CI runs them all, and so does what is recorded. */
export async function ci({ config, environment, before, commit, offline, signal }: About): Promise<Answer> {
  const { ci: settings } = releaseConfig(config);
  if (settings.by === 'none') return { state: 'unknown', says: 'nobody is asked (release.ci.by)' };
  const environments = before ? [before, environment] : [environment];
  const { state, says, link, by, at } = await askCi({ config, ci: settings, environments, commit, offline, signal });
  const known = { green: 'yes', red: 'no', pending: 'no', none: 'unknown', unknown: 'unknown' } as const;
  return { state: known[state], says, link, by, at };
}

export async function migrations({ config, before }: About): Promise<Answer> {
  if (!before) return { state: 'none', says: 'a release begins here' };
  const target = targetOf(config, before);
  const { pending, applied, failed, squashed, partly } = await readState(target);
  const open = [...pending, ...squashed, ...[...failed, ...partly].map(({ name }) => name)];
  if (open.length > 0) return { state: 'no', says: `on ${before.name} not applied: ${open.join(', ')}` };
  const [deployed] = await readDeployed(target);
  const since = deployed?.commit ? `, deployed by ${deployed.commit.slice(0, 10)}` : '';
  return { state: 'yes', says: `${applied.length} applied to ${before.name}${since}` };
}

/** A release of this commit went through all of its steps, and the flow is one of them. */
export async function flow({ config, before, commit }: About): Promise<Answer> {
  if (!releaseConfig(config).flow) return { state: 'unknown', says: 'there is none (release.flow)' };
  if (!before) return { state: 'unknown', says: 'no environment comes before this one' };
  const said = await withRecord(config, before, (record) => record.evidence(commit));
  const passed = said.find(({ item, ok }) => item === PASSED && ok);
  if (!passed) return { state: 'no', says: `${commit.slice(0, 10)} has not passed on ${before.name}` };
  const { by, at, run } = passed;
  return { state: 'yes', says: `passed on ${before.name}`, by, at, run: run ?? undefined };
}

/** Where the version was tried: its own word, and its cache and chain as an operator sees them. */
export async function metrics({ config, environment, before }: About): Promise<Answer> {
  const where = before ?? environment;
  const [own, ...probed] = await Promise.all([
    checkHealth(config, where),
    probeRedis(config, where),
    probeChain(config, where),
  ]);
  const parts = [...own.parts, ...probed.flat()];
  const bad = parts.find(({ ok, required }) => required && !ok);
  if (!own.healthy || bad)
    return {
      state: 'no',
      says: `${where.name} is not healthy: ${bad ? `${bad.part} ${bad.detail}` : 'the endpoint says so'}`,
    };
  const asked = [...new Set(parts.map(({ part }) => part))].join(', ');
  return { state: 'yes', says: `${where.name} is healthy${own.version ? ` on version ${own.version}` : ''}: ${asked}` };
}
