import type { Folder } from './files.ts';
import { isRecord } from './manifest.ts';

export interface Service {
  name: string;
  /** What it is by its image. */
  is: 'postgres' | 'redis' | 'other';
  /** Of the product's own, which is built here. */
  built: boolean;
  /** What its health check asks for. */
  healthPath: string | undefined;
  /** Names of variables that it is given. */
  variables: string[];
}

export interface ComposeFound {
  file: string;
  services: Service[];
  problem: string | undefined;
}

const FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

export async function readCompose(folder: Folder): Promise<ComposeFound | undefined> {
  const file = FILES.find((name) => folder.has(name));
  const text = file && folder.text(file);
  if (!file || text === undefined) return undefined;
  const { parse } = await import('yaml');
  try {
    const read: unknown = parse(text, { merge: true });
    const services = isRecord(read) && isRecord(read.services) ? read.services : {};
    return {
      file,
      services: Object.entries(services).flatMap(([name, one]) => (isRecord(one) ? [serviceOf(name, one)] : [])),
      problem: undefined,
    };
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    return { file, services: [], problem: `${file} is no YAML, and was left out: ${reason}` };
  }
}

function serviceOf(name: string, { image, build, healthcheck, environment }: Record<string, unknown>): Service {
  const test = isRecord(healthcheck) ? healthcheck.test : undefined;
  return {
    name,
    is: kindOf(String(image ?? '')),
    built: build !== undefined,
    healthPath: pathAsked(Array.isArray(test) ? test.join(' ') : String(test ?? '')),
    variables: Array.isArray(environment)
      ? environment.map((one) => String(one).split('=')[0] ?? '')
      : Object.keys(isRecord(environment) ? environment : {}),
  };
}

function kindOf(image: string): Service['is'] {
  const name =
    image
      .replace(/[:@].*$/, '')
      .split('/')
      .at(-1) ?? '';
  if (/^(postgres|postgis|pgvector|timescaledb|supabase-postgres)/.test(name)) return 'postgres';
  return /^(redis|valkey|keydb|dragonfly)/.test(name) ? 'redis' : 'other';
}

/** `curl -f http://localhost:3000/healthz || exit 1` → `/healthz` */
export function pathAsked(command: string): string | undefined {
  const [, path] = /https?:\/\/[^/\s'"`]+(\/[^\s'"`|)?#;,]*)/.exec(command) ?? [];
  return path && path !== '/' ? path : undefined;
}
