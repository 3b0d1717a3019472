// cloud_os alone, as the tests of its sandboxes use it: create one, run commands in it, follow their streams.
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { internalSecret, Platform } from './harness.mjs';
import { EventStream } from './http.mjs';

const kInternal = { 'X-Internal-Service': 'true', 'X-Internal-Service-Secret': internalSecret };

// False, or why nothing can be paused here. Version 1 needs the freezer; version 2 can freeze any group that it can make.
export const noPause = (() => {
  const places = ['/sys/fs/cgroup/freezer', '/sys/fs/cgroup/cgroup.controllers'].filter((place) => fs.existsSync(place));
  const canWrite = (place) => {
    try {
      fs.accessSync(place, fs.constants.W_OK);
      return true;
    } catch {
      return false;
    }
  };
  return places.some(canWrite) ? false : 'no freezer of control groups is here for this user';
})();

export const base = (vm) => `/api/v1/vms/${vm.vm_id}`;

// What a reader of a command has seen so far.
export class Seen {
  out = Buffer.alloc(0);
  err = Buffer.alloc(0);
  lost = 0;

  add({ id, event, data }) {
    const body = JSON.parse(data);
    if (id !== undefined) this.lastId = id;
    if (event === 'start') this.start = body;
    if (event === 'exit') this.exit = body;
    if (event === 'lost') this.lost += body.bytes;
    if (event === 'error') this.error = body;
    const bytes = body.data_base64 ? Buffer.from(body.data_base64, 'base64') : Buffer.from(body.data ?? '');
    if (event === 'stdout') this.out = Buffer.concat([this.out, bytes]);
    if (event === 'stderr') this.err = Buffer.concat([this.err, bytes]);
  }

  // To the end of the stream, however it ends, or until it is enough; then it leaves.
  async read(stream, isEnough = () => false) {
    try {
      for await (const frame of stream) {
        this.add(frame);
        if (isEnough(this)) break;
      }
    } catch (error) {
      this.broken = error;
    }
    return this;
  }
}

export class CloudOs {
  static async up(settings = {}) {
    return new CloudOs(await Platform.up({ settings, command: ['serve', 'cloud_os'] }));
  }

  constructor(platform) {
    this.platform = platform;
  }

  get internal() {
    return this.platform.internal('cloud_os');
  }

  async killAndStart() {
    await this.platform.kill();
    await this.platform.start();
  }

  async create(fields = {}, headers) {
    const answer = await this.internal.post('/api/v1/vms', fields, headers);
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  }

  open(vm, target, options = {}) {
    return EventStream.open(`${this.platform.endpoints.cloud_os}${base(vm)}${target}`, {
      ...options,
      headers: { ...kInternal, ...options.headers },
    });
  }

  // A whole command.
  async exec(vm, body) {
    const stream = await this.open(vm, '/exec', { method: 'POST', body });
    assert.equal(stream.status, 200);
    return new Seen().read(stream);
  }

  // One that runs on: its state, and a path to it.
  async start(vm, body) {
    const answer = await this.internal.post(`${base(vm)}/exec`, { ...body, background: true });
    assert.equal(answer.status, 201, answer.text);
    return { ...answer.json, target: `/exec/${answer.json.exec_id}` };
  }

  async follow(vm, command, after = 0) {
    const headers = { 'Last-Event-ID': String(after) };
    return this.open(vm, `${command.target}/output`, { headers });
  }

  async end() {
    const all = (await this.internal.get('/api/v1/vms')).json.vms;
    for (const vm of all) await this.internal.delete(base(vm));
    await this.platform.stopAndLeaveNothing();
  }
}
