import { checkHealth } from '@drydock/health';
import { type Environment, type LoadedConfig, toOpsError } from '@drydock/kit';
import { driverOf } from './driver/driver.ts';
import { type Found, UNKNOWN_VERSION } from './driver/types.ts';
import { releasedVersion } from './version/said.ts';

export interface Serving extends Found {
  env: string;
  /** What the live version says of itself at the public address. */
  said: string | undefined;
  /** `staging is on version 25d76cbb6957 (c1a5067dd6), slot green.` */
  sentence: string;
}

/** Asked of what sends the traffic, and of what answers. */
export async function whatServes(config: LoadedConfig, environment: Environment): Promise<Serving> {
  const driver = driverOf(config, environment);
  const found = await driver.inspect();
  const { live, up } = found;
  const env = environment.name;
  if (!live) return { ...found, env, said: undefined, sentence: `Nothing is live on ${env}.` };
  const said = await checkHealth(config, environment).then(
    ({ version }) => version,
    () => undefined,
  );
  const known = live.version === UNKNOWN_VERSION ? undefined : live.version;
  const version = known ?? said;
  const name = version ? `version ${version}` : 'a version that does not tell its name';
  const details = [
    ...(known && releasedVersion(said) && said !== known ? [`which calls itself ${said}`] : []),
    driver.placeOf(live),
    ...(!known ? ['which was not released from this host'] : []),
    ...(up ? [] : ["which does not pass the proxy's check"]),
  ];
  const commit = !known ? '' : ` (${live.commit.slice(0, 10)})`;
  return { ...found, env, said, sentence: `${env} is on ${name}${commit}, ${details.join(', ')}.` };
}

/** For last words, where an answer that cannot be had is one as well. */
export async function sayWhatServes(config: LoadedConfig, environments: Environment[]): Promise<string> {
  const sentences = environments.map((environment) =>
    whatServes(config, environment).then(
      ({ sentence }) => sentence,
      (thrown) => `What is live on ${environment.name} cannot be told: ${toOpsError(thrown).message}`,
    ),
  );
  return (await Promise.all(sentences)).join(' ');
}
