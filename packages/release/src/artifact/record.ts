import { z } from 'zod';
import type { Artifact } from './types.ts';

const sum = z.string().regex(/^[0-9a-f]{64}$/);

/** The version names a folder that is unpacked, started and deleted: it is the digest's, and nothing else. */
const recordSchema = z
  .object({
    digest: sum,
    version: z.string().regex(/^[0-9a-f]{12}$/),
    commit: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/),
    builtAt: z.iso.datetime(),
    files: z.int(),
    bytes: z.int(),
    platform: z.string(),
    inputs: sum,
    bom: sum,
    tag: z.string().min(1).optional(),
    changelog: z.string().optional(),
  })
  .refine(({ digest, version }) => digest.startsWith(version), { path: ['version'] });

export const TREE = 'tree.tar.zst';
/** SHA-256 of the archive as it is stored: nothing of it can be changed unseen, not even what unpacks to the same. */
export const SUM = 'tree.tar.zst.sha256';
export const BOM = 'bom.cdx.json';
export const SIGNATURE = '.sig';

/**
 * `<digest>/<commit>.<inputs>[.<tag>].json`: one of its own for each commit that the same content was built from, and for each tag.
 * Nothing that was written is written over.
 */
export function recordKey({ digest, commit, inputs, tag }: Artifact): string {
  const tagged = tag === undefined ? '' : `.${encodeURIComponent(tag)}`;
  return `${digest}/${commit}.${inputs.slice(0, 12)}${tagged}.json`;
}

export function recordText(artifact: Artifact): string {
  return `${JSON.stringify(artifact, null, 2)}\n`;
}

/** Undefined for what is no record, or not the one of its place. */
export function readRecord(text: string, key: string): Artifact | undefined {
  try {
    const { data } = recordSchema.safeParse(JSON.parse(text));
    return data && recordKey(data as Artifact) === key ? (data as Artifact) : undefined;
  } catch {
    // That it cannot be read is the answer.
    return undefined;
  }
}
