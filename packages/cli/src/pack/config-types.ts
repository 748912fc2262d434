import { type AnySection, coreSchema } from '@drydock/kit/config';
import { type JsonSchema, jsonSchemaOf } from '../json-schema.ts';

/** Types of drydock.config.ts that stand for themselves: whoever writes one needs neither our sources nor zod. */
export function configTypes(sections: readonly AnySection[]): string {
  const whole = jsonSchemaOf(coreSchema);
  const core = object(whole, '  ', whole.required ?? []);
  const keys = Map.groupBy(sections, ({ key }) => key);
  const rest = [...keys].map(([key, ofIt]) => {
    const about = comment(ofIt.map((one) => one.about).join(' '), '  ');
    return `${about}  ${key}?: ${ofIt.map(({ schema }) => typeOf(jsonSchemaOf(schema), '  ')).join(' & ')};\n`;
  });
  return `/** What a product writes in drydock.config.ts. */
export interface DrydockConfig {
${core}${rest.join('')}}

/** Identity, for types while writing. The check happens when a task loads the file. */
export declare function defineConfig(config: DrydockConfig): DrydockConfig;
`;
}

function typeOf(json: JsonSchema, indent: string): string {
  if (json.const !== undefined) return JSON.stringify(json.const);
  if (json.enum) return json.enum.map((value) => JSON.stringify(value)).join(' | ');
  const options = json.anyOf ?? json.oneOf;
  if (options) return [...new Set(options.map((option) => typeOf(option, indent)))].join(' | ');
  if (json.allOf) return json.allOf.map((one) => `(${typeOf(one, indent)})`).join(' & ');
  if (Array.isArray(json.type)) return json.type.map((type) => typeOf({ ...json, type }, indent)).join(' | ');
  if (json.type === 'array') return `readonly (${json.items ? typeOf(json.items, indent) : 'unknown'})[]`;
  if (json.type === 'integer') return 'number';
  if (json.type !== 'object') return json.type ?? 'unknown';
  if (json.properties) return `{\n${object(json, `${indent}  `, json.required ?? [])}${indent}}`;
  const values = json.additionalProperties;
  return `{ readonly [name: string]: ${typeof values === 'object' ? typeOf(values, indent) : 'unknown'} }`;
}

function object(json: JsonSchema, indent: string, required: readonly string[]): string {
  return Object.entries(json.properties ?? {})
    .map(([name, own]) => {
      const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
      const isNeeded = required.includes(name);
      return `${comment(own.description, indent)}${indent}${key}${isNeeded ? '' : '?'}: ${typeOf(own, indent)};\n`;
    })
    .join('');
}

function comment(text: string | undefined, indent: string): string {
  return text ? `${indent}/** ${text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ')} */\n` : '';
}
