import { exec } from '@drydock/kit';
import { aged, secretAges } from '@drydock/secrets';
import { releaseConfig } from '../config.ts';
import type { About, Answer } from './types.ts';

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

/** Each secret by its own limit (secrets.rotate), declared ones that are under no rotation by `secretDays`. */
export async function secrets({ config, environment }: About): Promise<Answer> {
  const { secretDays } = releaseConfig(config).checklist;
  const { secrets: rotated, unrotated, now } = await secretAges(config, environment);
  const limited = unrotated.map(({ variable, since }) => ({
    name: variable,
    ...{ everyDays: secretDays, since, overdue: secretDays !== undefined && aged(since, secretDays, now).overdue },
  }));
  const by = secretDays === undefined ? rotated : [...rotated, ...limited];
  const also =
    unrotated.length > 0 ? `; under no rotation: ${unrotated.map(({ variable }) => variable).join(', ')}` : '';
  if (by.length === 0) return { state: 'none', says: `no secret has an age (secrets.rotate)${also}` };
  const overdue = by.filter((one) => one.overdue);
  if (overdue.length > 0)
    return {
      state: 'no',
      says: `overdue: ${overdue.map(({ name, everyDays }) => `${name}, older than ${everyDays} days`).join('; ')}${also}`,
    };
  const unknown = by.filter(({ since }) => since === null);
  if (unknown.length > 0)
    return { state: 'unknown', says: `nobody knows how old ${unknown.map(({ name }) => name).join(', ')} is${also}` };
  return { state: 'yes', says: `${by.length} secrets, none overdue${also}` };
}
