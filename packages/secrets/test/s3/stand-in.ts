import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Key {
  id: string;
  secret: string;
  active: boolean;
  made: Date;
  used?: Date;
}

/**
 * The few calls of IAM that a rotation makes, and a bucket that knows its keys, as AWS documents them: two keys a user, LimitExceeded for a third,
 * NoSuchEntity for one that is not there, InvalidAccessKeyId for one that is inactive or gone. Signatures are not checked, ids are.
 */
export async function startIam(own: { id: string; secret: string }) {
  const keys = new Map<string, Key>([[own.id, { ...own, active: true, made: new Date('2026-01-01') }]]);
  const objects = new Map<string, string>();
  const state = { keys, objects, calls: [] as string[], kill: '' };
  let made = 0;
  const answers: Record<string, (form: URLSearchParams, by: Key) => string | [number, string]> = {
    CreateAccessKey() {
      if (keys.size >= 2) return [409, 'LimitExceeded'];
      const id = `AKIAMADE${++made}`;
      const secret = createHash('sha256').update(id).digest('base64url');
      keys.set(id, { id, secret, active: true, made: new Date() });
      return `<AccessKey><UserName>backups</UserName><AccessKeyId>${id}</AccessKeyId><Status>Active</Status><SecretAccessKey>${secret}</SecretAccessKey></AccessKey>`;
    },
    ListAccessKeys: () =>
      `<AccessKeyMetadata>${[...keys.values()].map(({ id, active, made: at }) => `<member><UserName>backups</UserName><AccessKeyId>${id}</AccessKeyId><Status>${active ? 'Active' : 'Inactive'}</Status><CreateDate>${at.toISOString()}</CreateDate></member>`).join('')}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`,
    GetAccessKeyLastUsed(form) {
      const used = keys.get(form.get('AccessKeyId') ?? '')?.used;
      return `<UserName>backups</UserName><AccessKeyLastUsed><Region>eu-central-1</Region><ServiceName>s3</ServiceName>${used ? `<LastUsedDate>${used.toISOString()}</LastUsedDate>` : ''}</AccessKeyLastUsed>`;
    },
    UpdateAccessKey(form) {
      const key = keys.get(form.get('AccessKeyId') ?? '');
      if (!key) return [404, 'NoSuchEntity'];
      key.active = form.get('Status') === 'Active';
      return '';
    },
    DeleteAccessKey: (form) => (keys.delete(form.get('AccessKeyId') ?? '') ? '' : [404, 'NoSuchEntity']),
  };
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const [, id = ''] = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
      const key = keys.get(id);
      if (request.url === '/' && request.method === 'POST') {
        const form = new URLSearchParams(body);
        const action = form.get('Action') ?? '';
        state.calls.push(`${action} by ${id}`);
        if (!key?.active) return refuse(response, 403, 'InvalidClientTokenId', true);
        const said = answers[action]?.(form, key) ?? ([400, 'InvalidAction'] as [number, string]);
        // The service has done it, and whoever asked is gone before it hears so.
        if (state.kill === action) return response.destroy();
        if (typeof said !== 'string') return refuse(response, ...said, true);
        const result = `<${action}Result>${said}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>`;
        return response
          .setHeader('content-type', 'text/xml')
          .end(`<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${result}</${action}Response>`);
      }
      if (!key?.active) return refuse(response, 403, 'InvalidAccessKeyId', false);
      const path = (request.url ?? '').split('?')[0] ?? '';
      if (request.method === 'PUT') {
        key.used = new Date();
        objects.set(path, body.includes('\r\n') ? (body.split('\r\n')[1] ?? '') : body);
        return response.setHeader('etag', '"1"').end();
      }
      if (request.method === 'DELETE') {
        objects.delete(path);
        return response.writeHead(204).end();
      }
      const found = objects.get(path);
      return found === undefined ? refuse(response, 404, 'NoSuchKey', false) : response.end(found);
    })();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  });
}

function refuse(response: ServerResponse, status: number, code: string, iam: boolean): void {
  const error = `<Error>${iam ? '<Type>Sender</Type>' : ''}<Code>${code}</Code><Message>${code}.</Message></Error>`;
  response
    .writeHead(status, { 'content-type': 'text/xml' })
    .end(
      iam
        ? `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${error}<RequestId>1</RequestId></ErrorResponse>`
        : error,
    );
}
