import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

/** What goes wrong with a call of a service: from the `skip`-th that matches, `times` of them. */
export const faultSchema = z.strictObject({
  /** `POST /api/0/`: how such a call begins; by itself every call. */
  calls: z.string().default(''),
  skip: z.number().int().default(0),
  times: z.number().int().default(1),
  /** `cut before`: nothing is done and nothing answered; `cut after`: done, and not answered; `hang`: nothing ever; `answer`: this. */
  what: z.enum(['cut before', 'cut after', 'hang', 'answer']),
  status: z.number().int().default(500),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().default(''),
});
type Fault = z.output<typeof faultSchema>;

/** The network, and servers that have a bad day, as tests want them. Also keeps which calls there were. */
export class Faults {
  #planned: Fault[] = [];
  #calls: string[] = [];
  readonly #cutAfter = new WeakSet<FastifyRequest>();

  plan(faults: Fault[]): void {
    this.#planned = faults;
    this.#calls = [];
  }

  get calls(): readonly string[] {
    return this.#calls;
  }

  install(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      if (request.url.startsWith('/_')) return;
      const call = `${request.method} ${request.url}`;
      this.#calls.push(call);
      const fault = this.#next(call);
      return fault && this.#happen(fault, request, reply);
    });
    app.addHook('onSend', async (request, _reply, payload) => {
      if (this.#cutAfter.has(request)) request.raw.socket.destroy();
      return payload;
    });
  }

  #next(call: string): Fault | undefined {
    for (const fault of this.#planned) {
      if (fault.times === 0 || !call.startsWith(fault.calls)) continue;
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.times -= 1;
      return fault;
    }
    return undefined;
  }

  #happen(
    { what, status, headers, body }: Fault,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply | undefined {
    if (what === 'answer') return reply.code(status).headers(headers).send(body);
    if (what === 'cut after') {
      this.#cutAfter.add(request);
      return undefined;
    }
    if (what === 'cut before') request.raw.socket.destroy();
    return reply.hijack();
  }
}
