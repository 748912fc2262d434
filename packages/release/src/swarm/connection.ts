import { readFileSync } from 'node:fs';
import type { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { join } from 'node:path';
import { usageError } from '@drydock/kit';
import { throughSsh } from './ssh.ts';

/** How the engine of a manager is reached: what DOCKER_HOST may say (Docker's reference, "docker context"). */
export interface Connection {
  /** For a person, without a user's name. */
  label: string;
  tls: boolean;
  request: { socketPath?: string; host?: string; port?: number; agent?: HttpAgent };
}

export function connectionOf(address: string, certificates: string | undefined): Connection {
  if (address.startsWith('unix://'))
    return { label: address, tls: false, request: { socketPath: address.slice('unix://'.length) } };
  const url = URL.parse(address);
  if (url?.protocol === 'ssh:' && url.hostname)
    return { label: `ssh://${url.host}`, tls: false, request: { host: url.hostname, agent: throughSsh(url) } };
  if (url && ['tcp:', 'http:', 'https:'].includes(url.protocol) && url.hostname) {
    const label = `tcp://${url.host}`;
    const at = { host: url.hostname, port: Number(url.port || (certificates ? 2376 : 2375)) };
    if (!certificates && url.protocol !== 'https:') return { label, tls: false, request: at };
    return { label, tls: true, request: { ...at, agent: new HttpsAgent(filesOf(certificates)) } };
  }
  throw usageError(
    'SWARM_ADDRESS',
    'The address of the engine is none of unix:///path, tcp://host:port and ssh://user@host.',
    'It is what DOCKER_HOST holds: the engine of a manager of the swarm.',
  );
}

/** As Docker's own client keeps them. */
function filesOf(folder: string | undefined): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  if (!folder) return {};
  try {
    const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFileSync(join(folder, name)));
    return { ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer };
  } catch (cause) {
    throw usageError(
      'SWARM_CERTIFICATES',
      `${folder} has no ca.pem, cert.pem and key.pem that can be read (${(cause as NodeJS.ErrnoException).code}).`,
      'It is the folder that release.swarm.certificates names, as for DOCKER_CERT_PATH.',
    );
  }
}
