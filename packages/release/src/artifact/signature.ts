import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, exec, OpsError, requireTool, Secret, temporaryFolder } from '@drydock/kit';
import type { ReleaseConfig } from '../config.ts';

/** `ssh-keygen -Y` (PROTOCOL.sshsig): a signature of the same key on anything else, a commit for one, is none on an artefact. */
const NAMESPACE = 'drydock-artifact';

/** Signs with the configured key; undefined where this machine has none. */
export async function signRecord(
  text: string,
  { signingKey }: ReleaseConfig['artifact'],
  environment: Environment,
  signal: AbortSignal,
): Promise<string | undefined> {
  const key = environment.get(signingKey);
  if (!key) return undefined;
  return inFolder(async (folder) => {
    const file = key.includes('PRIVATE KEY') ? writeKey(folder, new Secret(key, signingKey)) : key;
    const said = await sshKeygen(['-Y', 'sign', '-n', NAMESPACE, '-f', file], { input: text, signal }).catch(
      (cause) => {
        signal.throwIfAborted();
        throw new OpsError({
          code: 'ARTIFACT_KEY_UNUSABLE',
          message: `The record of the artefact cannot be signed with ${signingKey}: ${lastLine(cause)}`,
          hint: `${signingKey} is an SSH private key without a passphrase, the path of its file, or that of a .pub file whose key the agent has.`,
          exit: 2,
          cause,
        });
      },
    );
    return said.stdout;
  });
}

/** Name of the signer whose signature it is; undefined if it is nobody's who may make artefacts. */
export async function signerOf(
  text: string,
  signature: string,
  { signers }: ReleaseConfig['artifact'],
  environment: Environment,
  signal: AbortSignal,
): Promise<string | undefined> {
  return inFolder(async (folder) => {
    const [allowed, signed] = [join(folder, 'allowed'), join(folder, 'signature')];
    const keys = signers.map((signer) => ('key' in signer ? signer.key : environment.require(signer.variable)));
    writeFileSync(allowed, keys.map((key, n) => `${n} namespaces="${NAMESPACE}" ${firstWords(key)}\n`).join(''));
    writeFileSync(signed, signature);
    const okCodes = [1, 255];
    const found = await sshKeygen(['-Y', 'find-principals', '-s', signed, '-f', allowed], { okCodes, signal });
    const [name] = found.stdout.trim().split('\n');
    if (found.code !== 0 || !name) return undefined;
    const args = ['-Y', 'verify', '-f', allowed, '-I', name, '-n', NAMESPACE, '-s', signed];
    const { code } = await sshKeygen(args, { input: text, okCodes, signal });
    return code === 0 ? signers[Number(name)]?.name : undefined;
  });
}

/** Kind and key; what follows is a comment. */
function firstWords(key: string): string {
  return key.trim().split(/\s+/).slice(0, 2).join(' ');
}

function writeKey(folder: string, key: Secret): string {
  const file = join(folder, 'key');
  // In an env file it may stand in one line; without its last line end ssh-keygen does not take it.
  writeFileSync(file, `${key.reveal().replaceAll('\\n', '\n').trim()}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  return file;
}

async function sshKeygen(args: string[], options: { input?: string; okCodes?: number[]; signal: AbortSignal }) {
  const { PATH, HOME, SSH_AUTH_SOCK } = process.env;
  const env = { PATH, HOME, SSH_AUTH_SOCK, SSH_ASKPASS_REQUIRE: 'never' };
  return exec(requireTool('ssh-keygen'), args, { env, ...options });
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(temporaryFolder(), 'drydock-signature-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lastLine(cause: unknown): string {
  return (cause as Error).message.trim().split('\n').at(-1) ?? '';
}
