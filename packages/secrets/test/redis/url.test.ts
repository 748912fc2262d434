// Uses no service.
import { type OpsError, Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readRedisUrl, shownPlace, withPassword, withUser } from '../../src/rotators/redis/url.ts';

const test = suite("addresses of Redis'");

const read = (url: string) => {
  const { place, login, db } = readRedisUrl(new Secret(url), 'REDIS_URL');
  return [shownPlace(place), 'tls' in place && place.tls, login.user, login.password?.reveal(), db];
};

test('a URL is read as clients read it', () => {
  for (const [url, ...expected] of [
    ['redis://app:pw@cache:6380/2', 'cache:6380', false, 'app', 'pw', 2],
    ['rediss://:p%40w@cache', 'cache:6379', true, 'default', 'p@w', 0],
    ['redis://cache', 'cache:6379', false, 'default', undefined, 0],
    ['redis://app:a:b@c@[::1]:1?db=3', '[::1]:1', false, 'app', 'a:b@c', 3],
    ['redis://app:50%@cache', 'cache:6379', false, 'app', '50%', 0],
    ['redis://cache?username=u&password=p', 'cache:6379', false, 'u', 'p', 0],
    ['/run/redis.sock?db=2&username=u&password=p', '/run/redis.sock', false, 'u', 'p', 2],
    ['unix://u:p@/run/a%20b.sock?db=1', '/run/a b.sock', false, 'u', 'p', 1],
  ] as const)
    assert.equal(read(url), expected, url);
});

test('a new password changes nothing else of it', () => {
  for (const [url, expected] of [
    ['redis://app:pw@cache:6380/2?family=4#x', 'redis://app:NEW@cache:6380/2?family=4#x'],
    ['rediss://:p%40w@cache', 'rediss://:NEW@cache'],
    ['redis://we%3Aird:a:b@c@cache', 'redis://we%3Aird:NEW@cache'],
    ['redis://cache/1', 'redis://default:NEW@cache/1'],
    ['redis://app@cache', 'redis://app:NEW@cache'],
    ['redis://cache?username=u&password=p&db=1', 'redis://cache?username=u&password=NEW&db=1'],
    ['/run/redis.sock', '/run/redis.sock?username=default&password=NEW'],
    ['/run/redis.sock?db=2', '/run/redis.sock?db=2&username=default&password=NEW'],
    ['unix://u:p@/run/redis.sock?db=1', 'unix://u:NEW@/run/redis.sock?db=1'],
  ] as const)
    assert.is(withPassword(url, 'NEW'), expected, url);
});

test('another user takes the place of the one that is there', () => {
  for (const [url, expected] of [
    ['redis://app:pw@cache:6380/2?family=4', 'redis://ops:NEW@cache:6380/2?family=4'],
    ['redis://cache', 'redis://ops:NEW@cache'],
    ['redis://cache?username=u&password=p&db=1', 'redis://ops:NEW@cache?db=1'],
    ['/run/redis.sock?db=2&username=u&password=p', '/run/redis.sock?db=2&username=ops&password=NEW'],
  ] as const)
    assert.is(withUser(url, 'ops', 'NEW'), expected, url);
});

test('what is none is refused without being shown', () => {
  for (const url of [
    'hush',
    'http://app:hush@cache',
    'redis://app:hush@a:1,b:2',
    'redis://app:hush@cache:99999',
    'unix://hush',
    'redis://app:hu/sh@cache',
    'redis://app:hush@cache/x',
  ])
    try {
      readRedisUrl(new Secret(url), 'REDIS_URL');
      assert.unreachable(url);
    } catch (error) {
      const { code, message, exit } = error as OpsError;
      assert.equal([code, exit], ['VARIABLE_MALFORMED', 2], url);
      assert.not.match(message, 'hush');
    }
});

test.run();
