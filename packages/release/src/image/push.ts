import { type Environment, type LoadedConfig, OpsError, usageError } from '@drydock/kit';
import type { Artifact } from '../artifact/types.ts';
import { releaseConfig } from '../config.ts';
import type { Question } from '../question.ts';
import { type Image, type ImageInput, makeImage } from './image.ts';
import { type Registry, skopeo } from './skopeo.ts';

const ASK_WITHIN_MS = 10_000;

/** The repository of the config, or a usage error that says where it belongs. */
export function repositoryOf(config: LoadedConfig): string {
  const { repository } = releaseConfig(config).image;
  if (repository) return repository;
  throw usageError(
    'IMAGE_REPOSITORY_MISSING',
    `${config.file} does not say where images are pushed to.`,
    "Set release.image.repository: 'registry.example/shop'",
  );
}

/** What images need: skopeo, and a registry that answers. */
export function imageQuestions(config: LoadedConfig): Question[] {
  return [
    {
      about: 'registry',
      async ask(signal) {
        const host = hostOf(repositoryOf(config));
        const { insecure } = releaseConfig(config).image;
        for (const scheme of insecure ? ['http', 'https'] : ['https']) {
          const status = await statusOf(`${scheme}://${host}/v2/`, signal);
          // 401: it wants to know who we are, and is a registry.
          if (status === 200 || status === 401) return `${host} answers`;
        }
        throw new OpsError({
          code: 'REGISTRY_UNREACHABLE',
          message: `The registry ${host} does not answer.`,
          hint: 'Check release.image.repository and the network; one that speaks plain HTTP wants release.image.insecure.',
        });
      },
    },
  ];
}

async function statusOf(url: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_WITHIN_MS)]) });
    return answer.status;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** The image of an artefact at the registry, as it is pulled; undefined where it has none. */
export async function findImage(input: Omit<ImageInput, 'onLine'>): Promise<string | undefined> {
  const { config, artifact, signal } = input;
  const repository = repositoryOf(config);
  const registry = registryOf(input);
  const args = ['inspect', '--no-tags', ...tls(registry, ''), `docker://${repository}:${artifact.version}`];
  const { stdout, stderr, code } = await skopeo(args, registry, { host: hostOf(repository), okCodes: [1, 2], signal });
  if (code === 0) {
    const { Digest, Labels } = JSON.parse(stdout) as { Digest: string; Labels?: Record<string, string> };
    const same = Labels?.['dev.drydock.digest'] === artifact.digest;
    return same ? referenceOf(repository, artifact, Digest) : undefined;
  }
  if (/manifest unknown|name unknown|not found|not known to registry/i.test(stderr)) return undefined;
  // Said again, for the error that it is.
  await skopeo(args, registry, { host: hostOf(repository), signal });
  return undefined;
}

/** Pushes a made image; what the registry then has under the version's name must be it. Returns the reference by digest. */
export async function pushImage(image: Image, input: Omit<ImageInput, 'onLine'>): Promise<string> {
  const { config, artifact, signal } = input;
  const repository = repositoryOf(config);
  const registry = registryOf(input);
  const to = `docker://${repository}:${artifact.version}`;
  const host = hostOf(repository);
  const from = `oci:${image.folder}:${artifact.version}`;
  await skopeo(['copy', '--quiet', '--preserve-digests', ...tls(registry, 'dest-'), from, to], registry, {
    host,
    signal,
  });
  const { stdout } = await skopeo(
    ['inspect', '--no-tags', '--format', '{{.Digest}}', ...tls(registry, ''), to],
    registry,
    { host, signal },
  );
  if (stdout.trim() === image.digest) return referenceOf(repository, artifact, image.digest);
  throw new OpsError({
    code: 'IMAGE_CHANGED',
    message: `${repository}:${artifact.version} is ${stdout.trim()} at the registry, and not what was pushed (${image.digest}).`,
    hint: 'Does somebody else push there?',
  });
}

/** The image of an artefact, by digest: the one that the registry has, or a new one. For drivers; may be repeated. */
export async function pushedImage(input: ImageInput): Promise<string> {
  const found = await findImage(input);
  if (found) return found;
  input.onLine('no image at the registry yet');
  return pushImage(await makeImage(input), input);
}

function referenceOf(repository: string, { version }: Artifact, digest: string): string {
  return `${repository}:${version}@${digest}`;
}

function registryOf({ config, environment }: { config: LoadedConfig; environment: Environment }): Registry {
  return { release: releaseConfig(config), environment };
}

function hostOf(repository: string): string {
  return repository.split('/')[0] ?? '';
}

function tls({ release }: Registry, side: 'dest-' | ''): string[] {
  return release.image.insecure ? [`--${side}tls-verify=false`] : [];
}
