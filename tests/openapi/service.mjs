// SPDX-License-Identifier: BSD-2-Clause
// A service of its own for a scene: start it, call it, starve it, stop it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const CALL_LIMIT_MS = 15000;
const running = new Set();

process.on('exit', () => {
  for (const service of running) service.abandon();
});
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => process.exit(1));

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Nobody's settings but the scene's.
function environment() {
  return Object.fromEntries(Object.entries(process.env)
    .filter(([name]) => !name.startsWith('TURNSTILE_')));
}

function childrenOf(pid) {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return list.split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

export class Service {
  static async start(binary, args) {
    const service = new Service(binary, args);
    running.add(service);
    const line = await service.firstLine();
    service.url = new URL(/http:\/\/\S+/.exec(line)[0]);
    return service;
  }

  constructor(binary, args) {
    this.data = mkdtempSync(path.join(path.dirname(binary), 'openapi-'));
    this.log = '';
    this.child = spawn(binary,
      ['--listen', '0', '--data', this.data, '--workers', '1', ...args],
      { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr.on('data', (text) => { this.log += text; });
    this.ended = new Promise((done) => {
      this.child.on('exit', (code, signal) => done(signal ?? code));
      this.child.on('error', done);
    });
  }

  firstLine() {
    return new Promise((done, fail) => {
      let text = '';
      this.child.stdout.on('data', (more) => {
        text += more;
        if (text.includes('\n')) done(text);
      });
      this.ended.then((how) =>
        fail(new Error(`the service ended (${how}): ${this.log}`)));
    });
  }

  // How it ended: 0, another status, or a signal.
  async stop() {
    this.child.kill('SIGTERM');
    const how = await Promise.race([this.ended, sleep(10000)]);
    this.abandon();
    return how ?? 'not within 10 s of SIGTERM';
  }

  abandon() {
    running.delete(this);
    this.child.kill('SIGKILL');
    rmSync(this.data, { recursive: true, force: true });
  }

  // Resolves to { status, headers, text }.
  call(method, target, { headers = {}, body, agent = false } = {}) {
    return new Promise((done, fail) => {
      const request = http.request({
        host: this.url.hostname, port: this.url.port, method, path: target,
        headers, agent, timeout: CALL_LIMIT_MS,
      });
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (more) => { text += more; });
        response.on('error', fail);
        response.on('end', () => {
          const { statusCode: status, headers } = response;
          done({ status, headers, text });
        });
      });
      request.on('error', fail);
      request.on('timeout', () => request.destroy(new Error('no answer')));
      if (headers.Expect) request.on('continue', () => request.end(body));
      else request.end(body);
      if (headers.Expect) request.flushHeaders();
    });
  }

  // From here on no file may grow; parents first, as children inherit it.
  limitFiles(bytes, pid = String(this.child.pid)) {
    try {
      execFileSync('prlimit', ['--pid', pid, `--fsize=${bytes}:`],
        { stdio: 'ignore' });
    } catch (error) {
      if (error.code === 'ENOENT') throw error; // else the process is gone
    }
    for (const child of childrenOf(pid)) this.limitFiles(bytes, child);
  }
}
