// What a hostile program can take: its own share. Every try ends in an error or in its death, and the neighbour never
// notices.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { noSandbox } from '../e2e/harness.mjs';
import { attempts, World, worlds } from './world.mjs';

const kMemoryMb = 128;
const settings = { 'pool.agent.memory_mb': kMemoryMb, 'pool.agent.pids': 64, 'pool.agent.cpu_count': 1 };
const numbers = { megabytes: 2 * kMemoryMb, forks: 200, cpus: 1 };
const outOfMemory = ['killed by SIGKILL', 'ENOMEM'];

// Of each attempt: what may stop it, and the limit without which nothing does.
const expected = {
  'file handles': { stops: ['EMFILE'] },
  sockets: { stops: ['EMFILE', 'ENOBUFS', ...outOfMemory] },
  'watchers of files': { stops: ['EMFILE'] },
  pipes: { stops: ['EMFILE', 'ENFILE', ...outOfMemory] },
  'locked memory': { stops: ['ENOMEM', 'EAGAIN', 'EPERM'] },
  'arguments and environment': { stops: ['E2BIG'] },
  'the log of the runtime': { stops: ['EACCES', 'EPERM'] },
  '/dev/shm': { stops: ['ENOSPC', ...outOfMemory] },
  '/tmp': { stops: ['ENOSPC', ...outOfMemory] },
  '/run': { stops: ['ENOSPC', 'EROFS', 'EACCES', 'EPERM'] },
  'the workspace': { stops: ['ENOSPC', 'EDQUOT'], needs: 'disk_size_gb', more: { disk: 1100 } },
  processors: { stops: ['held'], needs: 'cpu_count' },
  processes: { stops: ['EAGAIN'], needs: 'pids' },
  // No process holds this memory: the kernel may choose process 1 to die for it, and the sandbox ends with it.
  'memory of a file without a name': { stops: [...outOfMemory, 'the sandbox ended'], needs: 'memory_mb' },
  memory: { stops: [...outOfMemory, 'the sandbox ended'], needs: 'memory_mb' },
};

test('every attempt to exhaust something has an expected end', () => {
  const names = attempts().filter((name) => name.startsWith('exhaust/'));
  assert.deepEqual(names.sort(), Object.keys(expected).map((name) => `exhaust/${name}`).sort());
});

// What the attempt got, or that the sandbox ended with it; then the next one is made in another sandbox.
async function outcome(world, attempt, more) {
  try {
    return (await world.attempt(attempt, more)).get(attempt);
  } catch (error) {
    if (!/sandbox stopped/.test(error.message)) throw error;
    await world.renew();
    return { got: 'the sandbox ended', more: error.message };
  }
}

for (const [title, options] of worlds) {
  describe(title, { skip: noSandbox }, () => {
    let world;
    let enforced;
    before(async () => {
      world = await World.make({ ...options, settings });
      const vm = await world.platform.internal('cloud_os').get(`/api/v1/vms/${world.own.id}`);
      enforced = vm.json.limits_enforced;
    });
    after(() => world?.close());

    for (const [name, { stops, needs, more }] of Object.entries(expected)) {
      test(`${name}: it is stopped, and the neighbour answers`, async (t) => {
        if (needs && !enforced[needs]) return t.skip(`this host does not enforce ${needs}, and the sandbox says so`);
        const { got, more: said } = await outcome(world, `exhaust/${name}`, { ...numbers, ...more });
        assert.ok(stops.includes(got), `${got} (${said}) is none of ${stops.join(', ')}`);
        assert.match((await world.run('echo alive', world.victim)).stdout, /alive/);
        assert.match((await world.run('echo alive')).stdout, /alive/, 'the sandbox itself goes on, too');
      });
    }
  });
}
