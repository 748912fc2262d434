import {
  type Answered,
  ask,
  bearer,
  type Environment,
  environmentSettings,
  type LoadedConfig,
  NoAnswer,
} from '@drydock/kit';
import type { HealthConfig } from '../config/health.ts';
import { healthSection } from '../config/health.ts';

const NO_CONTENT = 204;
/** A report is a few lines a part. */
const MOST_BYTES = 1_048_576;

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

type Expected = HealthConfig['expect'];

/** Asks the product's health endpoint, at its public address or at that of one instance. Never throws for an outage. */
export async function checkHealth(
  config: LoadedConfig,
  environment: Environment,
  baseUrl = publicUrl(config, environment),
): Promise<HealthResult> {
  const { path, timeoutMs, expect } = healthSection.of(config);
  const token = healthToken(config, environment);
  const headers: Record<string, string> = token === null ? {} : { authorization: bearer(environment.secret(token)) };
  const began = performance.now();
  let answer: Answered;
  try {
    answer = await ask(new URL(path, baseUrl), { timeoutMs, mostBytes: MOST_BYTES, headers });
  } catch (cause) {
    if (cause instanceof NoAnswer) return unreachable(cause.message);
    throw cause;
  }
  if (answer.status === 401 || answer.status === 403)
    return unreachable(
      token === null
        ? `answered ${answer.status}, and health.token names no variable with a token for it`
        : `answered ${answer.status}: it does not take the token of ${token}`,
    );
  const body = readBody(answer.text) ?? plainWord(answer, expect);
  if (answer.status === 404 && expect.status !== 404)
    return unreachable(`answered 404: there is nothing at ${path}, which health.path names`);
  const ms = Math.round(performance.now() - began);
  const ok = expect.status === undefined ? answer.ok : answer.status === expect.status;
  const detail = `answered ${answer.status}${ok || expect.status === undefined ? '' : `, not ${expect.status},`} in ${ms} ms`;
  const endpoint = { part: 'endpoint', ok, required: true, detail };
  if (expect.status !== undefined) {
    const { version, parts } = readReport(body ?? {}, ok, expect, endpoint);
    return { healthy: ok, version, parts: [endpoint, ...parts.slice(1).map((part) => ({ ...part, required: false }))] };
  }
  if (!body)
    return unreachable(
      `answered ${answer.status} with something that is no health report: where the status alone says it, name that in health.expect.status`,
    );
  return readReport(body, ok, expect, endpoint);
}

/** The variable with the token that is sent, or null: the usual one, where the config names none, only where it is set. */
export function healthToken(config: LoadedConfig, environment: Environment): string | null {
  const { token } = healthSection.of(config);
  const named = (config.written.health as { token?: unknown } | undefined)?.token !== undefined;
  return token !== null && (named || environment.has(token)) ? token : null;
}

/** What is wrong, in a line; null for nothing. A part that is down says more than the status that it brings about. */
export function problemOf({ healthy, parts }: HealthResult): string | null {
  if (healthy) return null;
  const bad = parts.filter(({ ok, required }) => required && !ok);
  const named = bad.find(({ part }) => part !== 'endpoint') ?? bad[0];
  return named ? `${named.part}: ${named.detail}` : 'the endpoint says so';
}

export function publicUrl(config: LoadedConfig, environment: Environment): string {
  return environment.require(environmentSettings(config, environment.name).url);
}

/** The report's own words, by the shape of the config. One that does not say that all is well has not said it. */
export function readReport(body: object, answeredOk: boolean, expected: Expected, endpoint: PartResult): HealthResult {
  const version = valueAt(body, expected.version);
  const all = valueAt(body, expected.parts);
  const parts = Object.entries(isObject(all) ? all : {}).map(([part, value]) => readPart(part, value, expected));
  const said = saysHealthy(body, parts, expected);
  const silent = answeredOk && said === undefined;
  return {
    healthy: answeredOk && said === true,
    version: version === undefined || version === null ? undefined : String(version),
    parts: [silent ? { ...endpoint, ok: false, detail: `${endpoint.detail}, ${SILENT}` } : endpoint, ...parts],
  };
}

const SILENT = 'and does not say whether it is healthy: name the key that does in health.expect.ok';
/** Where products say it that have not been told how. */
const USUAL = ['status', 'healthy', 'health', 'state', 'ready', 'alive', 'success', 'result', 'message'];

/** By the key of the config; where that is the usual one and is not there, by another usual one, or by the parts. Undefined: it does not say. */
function saysHealthy(body: object, parts: readonly PartResult[], expected: Expected): boolean | undefined {
  const said = valueAt(body, expected.ok);
  if (said !== undefined && said !== null) return isHealthy(said, expected);
  if (expected.ok === 'ok') {
    const usual = USUAL.map((key) => valueAt(body, key)).find((value) => ['string', 'boolean'].includes(typeof value));
    if (usual !== undefined) return isHealthy(usual, expected);
  }
  return parts.length > 0 ? parts.every(({ ok, required }) => ok || !required) : undefined;
}

/** `{ ok, required?, ms?, error? }`, `{ status: "up" }`, or the bare word. */
function readPart(part: string, value: unknown, expected: Expected): PartResult {
  if (!isObject(value)) return { part, ok: isHealthy(value, expected), required: true, detail: '' };
  const { ok, status, required, ms, error } = value as Record<string, unknown>;
  const detail = error ? String(error) : typeof ms === 'number' ? `${ms} ms` : '';
  return { part, ok: isHealthy(ok ?? status, expected), required: required !== false, detail };
}

function isHealthy(said: unknown, { healthy }: Expected): boolean {
  const plain = (value: unknown) => (typeof value === 'string' ? value.trim().toLowerCase() : value);
  return healthy.some((word) => plain(word) === plain(said));
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

/** `OK` alone says it as well, where it is a word of the config and no other key is asked for; so does a status that means just that. */
function plainWord({ status, text }: Answered, expect: Expected): object | undefined {
  if (expect.ok !== 'ok') return undefined;
  const word = text.trim().replace(/^"(.*)"$/, '$1');
  if (word === '' && status === NO_CONTENT) return { ok: expect.healthy[0] };
  return isHealthy(word.replace(/[.!]$/, ''), expect) ? { ok: word.replace(/[.!]$/, '') } : undefined;
}

function readBody(text: string): object | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) && !Array.isArray(body) ? body : undefined;
  } catch {
    return undefined;
  }
}
