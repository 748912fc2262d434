import { command, EXIT, hint, OpsError } from '@drydock/kit';
import type { Artifact } from './types.ts';

export function missing({ version, commit }: Artifact, where: string): OpsError {
  return new OpsError({
    code: 'ARTIFACT_MISSING',
    message: `The artefact ${version} is not in ${where}.`,
    hint: hint`Build it again: git checkout ${commit.slice(0, 10)}, then ${command('release:build')}`,
    exit: EXIT.refused,
  });
}

export function changed({ version, commit }: Artifact, where: string, found: string): OpsError {
  return new OpsError({
    code: 'ARTIFACT_CHANGED',
    message: `The artefact ${version} in ${where} is not what was built: ${found}.`,
    hint: hint`Find out who changed it. Built again it is mended: git checkout ${commit.slice(0, 10)}, then ${command('release:build')}`,
    exit: EXIT.refused,
  });
}

export function unsigned({ version, commit }: Artifact, signers: string[], why: string): OpsError {
  return new OpsError({
    code: 'ARTIFACT_UNSIGNED',
    message: `The record of the artefact ${version} ${why}: it must be signed by ${signers.join(' or ')}.`,
    hint: hint`Build it where the key is: git checkout ${commit.slice(0, 10)}, then ${command('release:build')}`,
    exit: EXIT.refused,
  });
}
