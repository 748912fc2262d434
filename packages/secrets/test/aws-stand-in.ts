import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Version {
  value: string;
  stages: Set<string>;
}

/**
 * The few calls of AWS Secrets Manager that the store makes, answered as its API reference has them: JSON 1.1, the errors by their names, labels of
 * versions moved as UpdateSecretVersionStage does, a repeated ClientRequestToken ignored where the value is the same and refused where not.
 */
export class AwsStandIn {
  readonly calls: string[] = [];
  readonly versions = new Map<string, Version>();
  /** What happens to the nth call: another answer, none (`lost`), or none although it is done (`unheard`). */
  fault: ((n: number, call: string) => { status: number; type: string } | 'lost' | 'unheard' | undefined) | undefined;
  #server: Server | undefined;

  readonly secretId: string;

  constructor(initial: object | string | undefined, secretId: string) {
    this.secretId = secretId;
    if (initial !== undefined)
      this.versions.set('initial-0000000000000000000000000000', {
        value: typeof initial === 'string' ? initial : JSON.stringify(initial),
        stages: new Set(['AWSCURRENT']),
      });
  }

  async start(): Promise<string> {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        const call = String(request.headers['x-amz-target']).replace('secretsmanager.', '');
        this.calls.push(call);
        const fault = this.fault?.(this.calls.length, call);
        if (fault === 'lost') return;
        const [status, answer] =
          fault === undefined || fault === 'unheard'
            ? this.#answer(call, JSON.parse(body))
            : [fault.status, { __type: fault.type, message: 'as the test wants it' }];
        if (fault === 'unheard') return;
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((done) => this.#server?.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  /** The version that has a label. */
  labelled(stage: string): [string, Version] | undefined {
    return [...this.versions].find(([, { stages }]) => stages.has(stage));
  }

  #answer(call: string, input: Record<string, string | string[]>): [number, object] {
    if (input.SecretId !== this.secretId || this.versions.size === 0) return refused('ResourceNotFoundException');
    if (call === 'DescribeSecret')
      return [
        200,
        {
          Name: this.secretId,
          VersionIdsToStages: Object.fromEntries(
            [...this.versions].filter(([, { stages }]) => stages.size > 0).map(([id, { stages }]) => [id, [...stages]]),
          ),
        },
      ];
    if (call === 'GetSecretValue') {
      const id = input.VersionId
        ? String(input.VersionId)
        : this.labelled(String(input.VersionStage ?? 'AWSCURRENT'))?.[0];
      const version = this.versions.get(id ?? '');
      if (!version) return refused('ResourceNotFoundException');
      return [
        200,
        { Name: this.secretId, VersionId: id, SecretString: version.value, VersionStages: [...version.stages] },
      ];
    }
    if (call === 'PutSecretValue') return this.#put(input);
    if (call === 'UpdateSecretVersionStage') return this.#move(input);
    return refused('UnknownOperationException');
  }

  #put(input: Record<string, string | string[]>): [number, object] {
    const id = String(input.ClientRequestToken);
    if (id.length < 32 || id.length > 64) return refused('ValidationException');
    const there = this.versions.get(id);
    if (there && there.value !== input.SecretString) return refused('ResourceExistsException');
    const stages = (input.VersionStages ?? ['AWSCURRENT']) as string[];
    if (!there) {
      for (const stage of stages) this.labelled(stage)?.[1].stages.delete(stage);
      this.versions.set(id, { value: String(input.SecretString), stages: new Set(stages) });
    }
    return [200, { Name: this.secretId, VersionId: id, VersionStages: stages }];
  }

  #move({ VersionStage, RemoveFromVersionId, MoveToVersionId }: Record<string, string | string[]>): [number, object] {
    const stage = String(VersionStage);
    const holder = this.labelled(stage);
    if (RemoveFromVersionId !== undefined && holder?.[0] !== RemoveFromVersionId)
      return refused('InvalidParameterException');
    if (holder && RemoveFromVersionId === undefined && holder[0] !== MoveToVersionId)
      return refused('InvalidParameterException');
    if (MoveToVersionId !== undefined) {
      const to = this.versions.get(String(MoveToVersionId));
      if (!to) return refused('ResourceNotFoundException');
      if (stage === 'AWSCURRENT' && holder && holder[1] !== to) {
        this.labelled('AWSPREVIOUS')?.[1].stages.delete('AWSPREVIOUS');
        holder[1].stages.add('AWSPREVIOUS');
      }
      holder?.[1].stages.delete(stage);
      to.stages.add(stage);
    } else if (stage === 'AWSCURRENT') return refused('InvalidParameterException');
    else holder?.[1].stages.delete(stage);
    return [200, { Name: this.secretId }];
  }
}

function refused(type: string): [number, object] {
  return [400, { __type: type, message: `as the reference has it: ${type}` }];
}
