import { OpsError, operatorUrl, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Values } from '../../values.ts';
import type { RotatorContext } from '../types.ts';
import type { PostgresSecret } from './config.ts';
import { asking } from './login.ts';
import { type Pair, pairOf, urlIn } from './pair.ts';
import { type Roles, readRoles } from './roles.ts';

/** How a rotation of one secret reaches the server. */
export class Reach {
  readonly #ctx: RotatorContext<PostgresSecret>;
  readonly variables: readonly string[];
  /** What our sessions are called. */
  readonly applicationName: string;

  constructor(ctx: RotatorContext<PostgresSecret>) {
    this.#ctx = ctx;
    this.variables = [ctx.secret.variable, ...ctx.secret.also];
    this.applicationName = `drydock secrets ${ctx.name}`;
  }

  pair(old: Values): Pair {
    return pairOf(this.#ctx.secret, urlIn(old, this.#ctx.secret.variable));
  }

  /** Of the role that makes and closes logins. */
  rotatorVariable(): string {
    const { secret, config, environment } = this.#ctx;
    return secret.rotator ?? operatorUrl(config, environment).label;
  }

  rotatorUrl(values: Values): Secret {
    const variable = this.rotatorVariable();
    return values[variable] ?? this.#ctx.environment.secret(variable);
  }

  /**
   * A session of the rotator. Where that is rotated itself, by the first of these values that is let in: which of the two is
   * closed depends on how far the rotation is.
   */
  async asRotator<T>(turns: readonly Values[], use: (client: Client) => Promise<T>): Promise<T> {
    const urls = [
      ...new Map(turns.map((values) => this.rotatorUrl(values)).map((url) => [url.reveal(), url])).values(),
    ];
    return asking(`What the roles of ${this.#ctx.secret.variable} are`, async () => {
      for (const url of urls.slice(0, -1)) {
        try {
          return await withPostgres(url, this.applicationName, use);
        } catch (error) {
          if (!(error instanceof OpsError) || error.code !== 'DATABASE_REFUSED') throw error;
        }
      }
      return withPostgres(urls.at(-1) as Secret, this.applicationName, use);
    });
  }

  /** The roles of a pair, with those of them that there are. */
  rolesOf(client: Client, { owner, logins }: Pair): Promise<Roles> {
    return readRoles(client, [owner, ...logins]);
  }
}
