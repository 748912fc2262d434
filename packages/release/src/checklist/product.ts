import { exec, operatorUrl, readEventsNamed, withPostgres } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import type { About, Answer } from './types.ts';

const DAY_MS = 86_400_000;

/** "Major feature toggles": each that the config knows is named in the README of this very commit. */
export async function readme({ config, commit, signal }: About): Promise<Answer> {
  const { readme: file } = releaseConfig(config).checklist;
  const { all } = config.features;
  if (all.length === 0) return { state: 'none', says: 'there are no feature flags (features.all)' };
  const { stdout, code } = await exec('git', ['show', `${commit}:./${file}`], {
    ...{ cwd: config.root, okCodes: [128], signal },
  });
  if (code !== 0) return { state: 'no', says: `${commit.slice(0, 10)} has no ${file}` };
  const untold = all.filter((flag) => !stdout.includes(flag));
  return untold.length === 0
    ? {
        state: 'yes',
        says: `${file} names ${all.length === 1 ? 'the feature flag' : `all ${all.length} feature flags`}`,
      }
    : { state: 'no', says: `${file} does not name ${untold.join(', ')}` };
}

/** By the rotations that the audit log tells of. One that was never rotated by a task has an age that nobody knows. */
export async function secrets({ config, environment }: About): Promise<Answer> {
  const { secretDays } = releaseConfig(config).checklist;
  if (secretDays === undefined) return { state: 'none', says: 'no secret has an age (release.checklist.secretDays)' };
  const names = Object.entries(config.variables).flatMap(([name, { secret }]) =>
    secret && environment.has(name) ? [name] : [],
  );
  const rotated = await lastRotations({ config, environment });
  const ageOf = (name: string) => (Date.now() - Date.parse(rotated.get(name) ?? '')) / DAY_MS;
  const overdue = names.filter((name) => ageOf(name) > secretDays);
  if (overdue.length > 0) return { state: 'no', says: `older than ${secretDays} days: ${overdue.join(', ')}` };
  const unknown = names.filter((name) => !rotated.has(name));
  if (unknown.length > 0) return { state: 'unknown', says: `nobody knows how old ${unknown.join(', ')} is` };
  return { state: 'yes', says: `${names.length} secrets, none older than ${secretDays} days` };
}

/** Each event `secrets.rotated` names the variable in its metadata. */
async function lastRotations({
  config,
  environment,
}: Pick<About, 'config' | 'environment'>): Promise<Map<string, string>> {
  const events = await withPostgres(operatorUrl(config, environment), 'drydock checklist', (client) =>
    readEventsNamed(client, 'secrets.rotated', 1_000),
  );
  const last = new Map<string, string>();
  for (const { metadata, at } of events) {
    const { variable } = metadata as { variable?: string };
    if (variable && !last.has(variable)) last.set(variable, at);
  }
  return last;
}
