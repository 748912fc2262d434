import { type LoadedConfig, opensSomething, secretPartsOf } from '@drydock/kit';
import { secretsConfig } from './config.ts';

const PRIVATE_KEY = /AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY/;

/** Is it a secret: by its declaration, by its name, by being under rotation, or because its value has a password or a key in it? */
export function isSecret(config: LoadedConfig, name: string, value: string): boolean {
  if (value === '') return false;
  if (config.variables[name]?.secret || PRIVATE_KEY.test(value)) return true;
  return (
    opensSomething(name) ||
    secretsUsing(config, name).length > 0 ||
    !secretPartsOf(value)[Symbol.iterator]().next().done
  );
}

/** The secrets of the config that a variable belongs to, by the names that people type. */
export function secretsUsing(config: LoadedConfig, variable: string): string[] {
  return Object.entries(secretsConfig(config).rotate).flatMap(([name, secret]) =>
    variablesIn(secret).includes(variable) ? [name] : [],
  );
}

/** What of a secret's config is the name of a variable: each kind has keys of its own for them. */
function variablesIn(value: unknown): string[] {
  if (typeof value === 'string') return /^[A-Z][A-Z0-9_]*$/.test(value) ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(variablesIn);
}
