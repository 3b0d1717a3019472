// A Redis server of a test's own: on a Unix socket in a folder of its own, ended by its process id.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { temporaryFolder } from './harness.mjs';

// False, or why there can be none: for `{ skip: noRedis }`.
export const noRedis = spawnSync('redis-server', ['--version']).error
  ? 'redis-server is not installed here'
  : false;

const servers = [];
process.on('exit', () => servers.forEach((server) => server.child?.kill('SIGKILL')));

export class RedisServer {
  constructor() {
    this.folder = temporaryFolder();
    this.socket = path.join(this.folder, 'redis.sock');
    this.url = `unix:${this.socket}`;
    servers.push(this);
  }

  // Returns when it accepts connections; what was acknowledged before a kill() is there again.
  async start() {
    const where = ['--port', '0', '--unixsocket', this.socket, '--dir', this.folder, '--save', ''];
    this.child = spawn('redis-server', [...where, '--appendonly', 'yes', '--appendfsync', 'always'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.exited = new Promise((resolve) => this.child.on('exit', resolve));
    await new Promise((resolve, reject) => {
      let log = '';
      this.child.stdout.on('data', (text) => {
        log += text;
        if (log.includes('eady to accept connections')) resolve();
      });
      this.exited.then(() => reject(new Error(`redis-server does not start: ${log}`)));
    });
    return this;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  async killAndLoseData() {
    await this.kill();
    fs.rmSync(path.join(this.folder, 'appendonlydir'), { recursive: true, force: true });
  }

  // It is there and answers nobody.
  pause() {
    this.child.kill('SIGSTOP');
  }
  goOn() {
    this.child.kill('SIGCONT');
  }
}
