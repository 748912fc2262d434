import { type Environment, type LoadedConfig, usageError } from '@drydock/kit';
import { backupsSection } from '../config/backups.ts';

type Options = [name: string, value: string][];

/** Where pgBackRest keeps backups and WAL (pgbackrest.org, "Configuration Reference"). Keys come by environment. */
export function repositoryOptions(config: LoadedConfig, environment: Environment): Options {
  const { repository } = backupsSection.of(config).pitr;
  if (repository.kind === 'posix') return [['repo1-path', repository.path]];
  const region = environment.require(repository.region);
  const endpoint = environment.get(repository.endpoint);
  return [
    ['repo1-type', 's3'],
    ['repo1-path', repository.path],
    ['repo1-s3-bucket', environment.require(repository.bucket)],
    ['repo1-s3-region', region],
    ...(endpoint === undefined ? awsEndpoint(region) : endpointOptions(endpoint, repository.endpoint)),
    ['repo1-s3-uri-style', repository.pathStyle ? 'path' : 'host'],
  ];
}

/** Variables in the environment of PostgreSQL and of whoever runs pgBackRest; never in a file that others may read. */
export function repositorySecrets(config: LoadedConfig): string[] {
  const keys = ['PGBACKREST_REPO1_S3_KEY', 'PGBACKREST_REPO1_S3_KEY_SECRET'];
  return ['PGBACKREST_REPO1_CIPHER_PASS', ...(backupsSection.of(config).pitr.repository.kind === 's3' ? keys : [])];
}

function awsEndpoint(region: string): Options {
  return [['repo1-s3-endpoint', `s3.${region}.amazonaws.com`]];
}

function endpointOptions(endpoint: string, variable: string): Options {
  const url = URL.parse(endpoint);
  if (url?.protocol !== 'https:')
    throw usageError(
      'ENDPOINT_NOT_TLS',
      `pgBackRest speaks to S3 through TLS only, and ${variable} is no https:// address.`,
      'Give the store a certificate; or keep a repository on a disk of its own: backups.pitr.repository of kind posix.',
    );
  return [
    ['repo1-s3-endpoint', url.hostname],
    ...(url.port ? ([['repo1-storage-port', url.port]] satisfies Options) : []),
  ];
}
