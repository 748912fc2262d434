import { z } from 'zod';

/** What zod writes of a schema, as far as it is read here; `byItself` is our own: in words, what a key without a value follows from. */
export interface JsonSchema {
  type?: string | string[];
  /** Standard: values in real use. */
  examples?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  description?: string;
  byItself?: string;
}

/** Of what a person writes, before defaults are filled in. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema;
}
