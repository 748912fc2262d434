import { databaseSection } from '../config/database.ts';
import type { LoadedConfig } from '../config/load.ts';
import { toOpsError } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { redact, unmaskable } from '../redact.ts';
import { passwordsIn } from '../url-secrets.ts';
import { noDatabase } from './operator-url.ts';
import { describeSource } from './parity.ts';
import type { Environment } from './types.ts';

/** A variable as env:check shows it. */
export interface Described {
  name: string;
  /** `***` for a secret, `not set`, `missing`, `malformed`. */
  value: string;
  source: string;
  finding?: Finding;
}

/** What is declared, what sections go by and is set, and the address of the database, which must be there. */
export function describeVariables(config: LoadedConfig, environment: Environment): Described[] {
  const declared = Object.keys(config.variables);
  const used = [...config.kinds.keys()].filter((name) => !config.variables[name] && environment.has(name));
  const all = [...used, ...declared].map((name) => describe(config, environment, name));
  const { url, appUrl } = databaseSection.of(config);
  const isThere = environment.has(url) || environment.has(appUrl);
  // One that is declared as required is told as that.
  const isTold = all.some(({ name, finding }) => finding && (name === url || name === appUrl));
  return isThere || isTold ? all : [missing(config, environment), ...all.filter(({ name }) => name !== appUrl)];
}

function missing(config: LoadedConfig, environment: Environment): Described {
  return wrong(databaseSection.of(config).appUrl, noDatabase(config, environment), config, environment);
}

function describe(config: LoadedConfig, environment: Environment, name: string): Described {
  const spec = config.variables[name];
  const source = describeSource(config, environment, name);
  try {
    const value = spec?.required.includes(environment.name) ? environment.require(name) : environment.get(name);
    if (value === undefined) return { name, value: 'not set', source };
    const secret = spec?.secret || passwordsIn(value).length > 0;
    const parts = secret ? [value, ...passwordsIn(value)] : [];
    const plain = parts.map((part, i) => ({ what: i === 0 ? name : `The password in ${name}`, ...unmaskable(part) }));
    const told = plain.find(({ code }) => code);
    return {
      name,
      value: secret ? '***' : redact(value),
      source,
      ...(told?.code ? { finding: { level: 'warn', code: told.code, message: `${told.what} is ${told.why}.` } } : {}),
    };
  } catch (thrown) {
    return wrong(name, thrown, config, environment);
  }
}

function wrong(name: string, thrown: unknown, config: LoadedConfig, environment: Environment): Described {
  const { code, message, hint } = toOpsError(thrown);
  return {
    name,
    value: code === 'VARIABLE_MISSING' ? 'missing' : 'malformed',
    source: describeSource(config, environment, name),
    finding: { level: 'error', code, message, hint },
  };
}
