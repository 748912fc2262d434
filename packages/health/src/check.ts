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

interface HealthBody {
  ok?: boolean;
  version?: string;
  parts?: Record<string, { ok: boolean; required?: boolean; ms?: number; error?: string }>;
}

/** Asks the product's health endpoint, at its public address or at that of one instance. Never throws for an outage. */
export async function checkHealth(
  config: LoadedConfig,
  environment: Environment,
  baseUrl = publicUrl(config, environment),
): Promise<HealthResult> {
  const { path, token, timeoutMs } = config.health;
  const secret = environment.secret(token);
  let answer: Response;
  try {
    answer = await fetch(new URL(path, baseUrl), {
      headers: { authorization: `Bearer ${secret.reveal()}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    return unreachable(describe(cause, timeoutMs));
  }
  const body = await readBody(answer);
  if (!body) return unreachable(`answered ${answer.status} with something that is no health report`);
  const parts = Object.entries(body.parts ?? {}).map(([part, { ok, required = true, ms, error }]) => ({
    part,
    ok,
    required,
    detail: error ?? (ms === undefined ? '' : `${ms} ms`),
  }));
  const endpoint = { part: 'endpoint', ok: answer.ok, required: true, detail: `answered ${answer.status}` };
  return { healthy: answer.ok && body.ok !== false, version: body.version, parts: [endpoint, ...parts] };
}

export function publicUrl(config: LoadedConfig, environment: Environment): string {
  return environment.require(config.environments[environment.name].url);
}

function unreachable(detail: string): HealthResult {
  return { healthy: false, version: undefined, parts: [{ part: 'endpoint', ok: false, required: true, detail }] };
}

async function readBody(answer: Response): Promise<HealthBody | undefined> {
  try {
    const body: unknown = await answer.json();
    return typeof body === 'object' && body !== null ? (body as HealthBody) : undefined;
  } catch {
    return undefined;
  }
}

function describe(cause: unknown, timeoutMs: number): string {
  const { name, message, cause: inner } = cause as Error & { cause?: { code?: string } };
  if (name === 'TimeoutError') return `did not answer within ${timeoutMs} ms`;
  return `cannot be reached (${inner?.code ?? message})`;
}
