// SPDX-License-Identifier: BSD-2-Clause
// Between scenes and services: a call by its operationId, judged at once.
import { existsSync } from 'node:fs';
import { parseJson } from './document.mjs';
import { Service, sleep } from './service.mjs';
import { unnamed } from './sources.mjs';

export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;

  result(what, faults) {
    if (faults.length === 0) {
      this.passed++;
      return;
    }
    this.failed++;
    console.log(`FAILED ${what}`);
    for (const fault of faults) console.log(`  ${fault}`);
  }

  skip(what, why) {
    this.skipped++;
    console.log(`SKIP ${what}: ${why}`);
  }

  summary() {
    return `${this.passed} passed, ${this.failed} failed, ` +
      `${this.skipped} skipped`;
  }
}

function encodeBody({ json, form, body, type }) {
  if (json !== undefined)
    return { body: JSON.stringify(json), type: 'application/json' };
  if (form !== undefined)
    return { body: form, type: 'application/x-www-form-urlencoded' };
  return { body, type };
}

// What a call is sent with, from { json, form, body, type, headers, … }.
function dress(options) {
  const { body, type } = encodeBody(options);
  const headers = { ...options.headers };
  if (type) headers['Content-Type'] = type;
  if (body !== undefined && !options.chunked)
    headers['Content-Length'] = Buffer.byteLength(body);
  if (options.chunked) headers['Transfer-Encoding'] = 'chunked';
  return { body, headers, agent: options.agent };
}

// One service, and how it is called.
export class Shop {
  constructor(stage, store, service) {
    Object.assign(this, { stage, store, service });
  }

  target(id, { query, ...options }) {
    const { path } = this.stage.document.operations.get(id);
    const filled = path.replace(/\{(\w+)\}/g,
      (_, name) => encodeURIComponent(options[name]));
    return query ? `${filled}?${query}` : filled;
  }

  /*
   * Call; `wanted` is a status or a problem's name, or a list of those.
   * Options: path variables, query, headers, agent; json, form, or body and
   * type; chunked.
   */
  async ask(id, wanted, options = {}) {
    const { method } = this.stage.document.operations.get(id);
    const target = this.target(id, options);
    const what = `${this.store} ${method} ${target} -> ${wanted}`;
    try {
      const answer = await this.service.call(method, target, dress(options));
      answer.json = parseJson(answer.text);
      this.judge(id, wanted, options, answer, what);
      return answer;
    } catch (error) {
      this.stage.tally.result(what, [error.message]);
      return { status: 0, headers: {}, text: '', json: {} };
    }
  }

  judge(id, wanted, options, answer, what) {
    const { document, tally, seen } = this.stage;
    const { name, faults } = this.stage.identify(answer, wanted);
    if (faults.length === 0) faults.push(...document.judgeAnswer(id, answer));
    if (options.json !== undefined)
      faults.push(...this.judgeRequest(id, options, answer, name));
    if (faults.length > 0)
      faults.push(`the answer: ${answer.status} ${answer.text.slice(0, 500)}`);
    tally.result(what, faults);
    seen.add(`${id} ${answer.status}`);
    seen.add(`problem ${name}`);
  }

  // What was taken fits the document; what was not, does not.
  judgeRequest(id, { json, byOption }, answer, name) {
    const fits = this.stage.document.fitsRequest(id, json);
    if (answer.status < 300 && !fits)
      return ['it took a body that does not fit the document'];
    if (['bad-value', 'unknown-member'].includes(name) && !byOption && fits)
      return ['it refused a body that fits the document'];
    return [];
  }

  // A precondition of the scene: else it does not show what it should.
  must(what, holds) {
    this.stage.tally.result(`${this.store} ${what}`,
      holds ? [] : ['it is not so']);
  }

  sale(id, json = {}) {
    return this.ask('openSale', 201, { json: { id, capacity: 10, ...json } });
  }

  async until(what, holds, limitMs = 8000) {
    const from = Date.now();
    while (!await holds()) {
      if (Date.now() - from > limitMs) throw new Error(`never: ${what}`);
      await sleep(20);
    }
  }

  isReady() {
    return this.service.call('GET', '/readyz')
      .then(({ status }) => status === 200, () => false);
  }

  async close() {
    const how = await this.service.stop();
    this.must(`the service ends with 0, not ${how}`, how === 0);
  }
}

export class Stage {
  constructor(binary, document, problems, routes, tally, outOfReach) {
    Object.assign(this,
      { binary, document, problems, routes, tally, outOfReach });
    this.seen = new Set(); // "buy 201", "problem sold-out"
    if (!existsSync(binary)) throw new Error(`there is no ${binary}: make it`);
  }

  async open(store, ...args) {
    const service = await Service.start(this.binary,
      ['--store', store, ...args]);
    return new Shop(this, store, service);
  }

  serves(id) {
    const { method, path } = this.document.operations.get(id);
    return this.routes.has(unnamed(`${method} ${path}`));
  }

  // Is it the status or problem that was wanted?
  identify(answer, wanted) {
    const name = parseJson(answer.text)?.type?.split('/').pop();
    const right = [wanted].flat().some((one) =>
      typeof one === 'number' ? answer.status === one
        : name === one && answer.status === this.problems.get(one));
    return { name, faults: right ? [] : [`wanted ${wanted}`] };
  }

  // A scene needs a tool that is not here: what then may be missing.
  lacks(tool, keys) {
    for (const key of keys) this.outOfReach.set(key, `there is no ${tool}`);
  }
}
