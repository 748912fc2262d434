import { confirmation, jobsOf, operationsPod } from '@drydock/backups/schedule';
import { type EnvName, type LoadedConfig, taskWords } from '@drydock/kit';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { ImageName, Names } from './names.ts';

/** Kept so long after its end, to be read. */
const KEEP_SECONDS = 7 * 86_400;
const LONGEST_SECONDS = 6 * 3_600;

export interface Migration {
  name: string;
  labels: Record<string, string>;
  /** That must reach it. */
  variables: string[];
  job: IJob;
}

/**
 * db:deploy once, before the new version: it rehearses, backs up, applies and proves. Named after its image: that of another version is
 * another Job, and applying the same one again changes nothing. It is not tried twice: what failed is looked at first.
 */
export function migration(
  { config, env, names, image }: { config: LoadedConfig; env: EnvName; names: Names; image: ImageName },
  configFile: string | undefined,
): Migration {
  const name = `${names.instance}-migrate`;
  const labels = { ...names.labels, 'app.kubernetes.io/component': 'migrate' };
  const version =
    image.digest?.slice('sha256:'.length).slice(0, 10) ?? image.tag?.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const where = ['--env', env, ...(configFile ? ['--config', configFile] : [])];
  const command = taskWords('db:deploy', [...where, ...confirmation(config, env, `release ${version ?? ''}`.trim())]);
  const backup = jobsOf(config, env).find(({ kind }) => kind === 'backup');
  return {
    name,
    labels,
    variables: backup?.variables ?? [],
    job: {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: version ? `${name}-${version}`.slice(0, 63).replace(/-+$/, '') : name, labels },
      spec: {
        backoffLimit: 0,
        activeDeadlineSeconds: LONGEST_SECONDS,
        ttlSecondsAfterFinished: KEEP_SECONDS,
        template: {
          metadata: { labels },
          spec: operationsPod({ container: 'migrate', image: image.text, command, secret: name }),
        },
      },
    },
  };
}
