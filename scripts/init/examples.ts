import type { Answers } from './answers.ts';
import { databaseVariables, redisVariable, servesOf } from './config.ts';
import type { Found } from './look.ts';

interface Entry {
  name: string;
  about: string;
  example: string;
  /** The product or a task goes without it. */
  optional?: boolean;
}

/** An env file to copy: every variable with what it is for, and no value of anybody's. */
export function exampleFor(env: string, found: Found, answers: Answers): string {
  const [operators, product] = [operatorsOf(env, found, answers), productsOf(found)];
  const own = new Set(operators.map(({ name }) => name));
  return [
    `# ${answers.name}, ${env}. Copy it to .env.${env}.local, which git does not see, and fill it in; a line that begins with #`,
    '# can stay as it is. Values that are no secret may go to .env.'.concat(env, ', for everybody.'),
    '',
    ...operators.flatMap(linesOf),
    ...product.filter(({ name }) => !own.has(name)).flatMap(linesOf),
  ].join('\n');
}

function linesOf({ name, about, example, optional }: Entry): string[] {
  return [`# ${about}${example ? `, for example ${example}` : ''}`, `${optional ? '# ' : ''}${name}=`, ''];
}

function operatorsOf(env: string, found: Found, { release, health }: Answers): Entry[] {
  const { app, operator } = databaseVariables(found);
  const developers = env === 'development' || servesOf(env) === 'developers';
  const optional = developers;
  return [
    {
      name: 'NODE_ENV',
      about: 'What Node and its libraries go by',
      example: developers ? 'development' : 'production',
    },
    {
      name: app,
      about: "The product's own way to its database",
      example: 'postgresql://app:password@db.example:5432/shop',
    },
    {
      name: operator,
      about: `Past a pooler, as the role that owns the schema and may CREATEDB; without it ${app} is used`,
      example: 'postgresql://owner:password@db.example:5432/shop',
      optional: operator === 'OPS_DATABASE_URL',
    },
    {
      name: 'PUBLIC_URL',
      about: 'Where people reach the product',
      example: `https://${developers ? 'localhost' : `${env}.shop.example`}`,
      optional: developers || !(release || health),
    },
    {
      name: 'BACKUP_RECIPIENTS',
      about: 'Public keys that backups are encrypted to; backup:keygen makes a pair',
      example: 'age1…',
      optional,
    },
    ...(release && !developers
      ? [
          {
            name: 'PROXY_SOCKET',
            about: "HAProxy's runtime API; release:proxy writes its config",
            example: '/run/haproxy/admin.sock',
          },
          {
            name: 'PROXY_STATE_FILE',
            about: 'What HAProxy loads when it starts',
            example: '/var/lib/haproxy/servers.state',
          },
        ]
      : []),
  ];
}

function productsOf(found: Found): Entry[] {
  const redis = redisVariable(found)?.name;
  return found.variables.map(({ name, about, kind, seenIn }) => ({
    name,
    about: about ?? (name === redis ? 'Redis' : `Of the product; seen in ${seenIn.join(', ')}`),
    example:
      kind === 'redis'
        ? 'redis://user:password@cache.example:6379'
        : kind === 'postgres'
          ? 'postgresql://user:password@db.example:5432/shop'
          : '',
  }));
}
