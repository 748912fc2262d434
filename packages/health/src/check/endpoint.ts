import type { Environment, LoadedConfig } from '@drydock/kit';

export interface PartResult {
  part: string;
  ok: boolean;
  required: boolean;
  detail: string;
}

export interface HealthResult {
  healthy: boolean;
  /** What the product says it is. */
  version: string | undefined;
  parts: PartResult[];
}

type Expected = LoadedConfig['health']['expect'];

/** Asks the product's health endpoint, at its public address or at that of one instance. Never throws for an outage. */
export async function checkHealth(
  config: LoadedConfig,
  environment: Environment,
  baseUrl = publicUrl(config, environment),
): Promise<HealthResult> {
  const { path, token, timeoutMs, expect } = config.health;
  const headers = token === null ? {} : { authorization: `Bearer ${environment.secret(token).reveal()}` };
  const began = performance.now();
  let answer: Response;
  try {
    answer = await fetch(new URL(path, baseUrl), { headers, signal: AbortSignal.timeout(timeoutMs) });
  } catch (cause) {
    return unreachable(describe(cause, timeoutMs));
  }
  if (answer.status === 401 || answer.status === 403)
    return unreachable(
      token === null
        ? `answered ${answer.status}, and health.token names no variable with a token for it`
        : `answered ${answer.status}: it does not take the token of ${token}`,
    );
  const body = await readBody(answer);
  if (!body) return unreachable(`answered ${answer.status} with something that is no health report`);
  const ms = Math.round(performance.now() - began);
  const endpoint = { part: 'endpoint', ok: answer.ok, required: true, detail: `answered ${answer.status} in ${ms} ms` };
  return readReport(body, answer.ok, expect, endpoint);
}

/** What is wrong, in a line; null for nothing. A part that is down says more than the status that it brings about. */
export function problemOf({ healthy, parts }: HealthResult): string | null {
  if (healthy) return null;
  const bad = parts.filter(({ ok, required }) => required && !ok);
  const named = bad.find(({ part }) => part !== 'endpoint') ?? bad[0];
  return named ? `${named.part}: ${named.detail}` : 'the endpoint says so';
}

export function publicUrl(config: LoadedConfig, environment: Environment): string {
  return environment.require(config.environments[environment.name].url);
}

/** The report's own words, by the shape of the config. */
export function readReport(body: object, answeredOk: boolean, expected: Expected, endpoint: PartResult): HealthResult {
  const said = valueAt(body, expected.ok);
  const version = valueAt(body, expected.version);
  const parts = valueAt(body, expected.parts);
  return {
    healthy: answeredOk && (said === undefined || isHealthy(said, expected)),
    version: version === undefined || version === null ? undefined : String(version),
    parts: [
      endpoint,
      ...Object.entries(isObject(parts) ? parts : {}).map(([part, value]) => readPart(part, value, expected)),
    ],
  };
}

/** `{ ok, required?, ms?, error? }`, `{ status: "up" }`, or the bare word. */
function readPart(part: string, value: unknown, expected: Expected): PartResult {
  if (!isObject(value)) return { part, ok: isHealthy(value, expected), required: true, detail: '' };
  const { ok, status, required, ms, error } = value as Record<string, unknown>;
  const detail = error ? String(error) : typeof ms === 'number' ? `${ms} ms` : '';
  return { part, ok: isHealthy(ok ?? status, expected), required: required !== false, detail };
}

function isHealthy(said: unknown, { healthy }: Expected): boolean {
  return healthy.some((word) => word === said);
}

function valueAt(body: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), body);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function unreachable(detail: string): HealthResult {
  return { healthy: false, version: undefined, parts: [{ part: 'endpoint', ok: false, required: true, detail }] };
}

async function readBody(answer: Response): Promise<object | undefined> {
  try {
    const body: unknown = await answer.json();
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

function describe(cause: unknown, timeoutMs: number): string {
  const { name, message, cause: inner } = cause as Error & { cause?: { code?: string } };
  if (name === 'TimeoutError') return `did not answer within ${timeoutMs} ms`;
  return `cannot be reached (${inner?.code ?? message})`;
}
