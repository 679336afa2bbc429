// SPDX-License-Identifier: BSD-2-Clause
// The document is the judge and the service is the accused: every status that
// service/openapi.yaml promises is provoked over HTTP, with both stores, and
// every answer must be one that it allows.
//
//   TURNSTILE=build/turnstile node check.mjs
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { OpenApi } from './document.mjs';
import { scenes } from './scenes.mjs';
import { Stage, Tally } from './stage.mjs';
import { args, problems, routes, unnamed } from './sources.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../..');
const FILE = path.join(ROOT, 'service/openapi.yaml');
const BINARY = path.resolve(process.env.TURNSTILE ??
  path.join(ROOT, process.env.BUILD ?? 'build', 'turnstile'));

const LIMIT_MS = 120000; // for all of it; it takes a tenth of that

// What cannot be provoked from outside, and why.
const OUT_OF_REACH = new Map([
  ['problem too-many-changes',
    'the settings would have to change between every try and the next'],
  ['problem no-memory', 'memory would have to run out'],
]);

const difference = (a, b) => [...a].filter((item) => !b.has(item));

function lint(tally) {
  const redocly = path.join(HERE, 'node_modules/@redocly/cli/bin/cli.js');
  const { status, stdout, stderr } = spawnSync(process.execPath,
    [redocly, 'lint', '--config', path.join(HERE, 'redocly.yaml'), FILE], {
      encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off',
        REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    });
  tally.result('the linter', status === 0 ? [] : [stdout + stderr]);
}

// Both ways: what one has and the other lacks.
function compare(tally, what, source, document) {
  tally.result(`${what}: the source and the document agree`, [
    ...difference(source, document).map((one) => `not documented: ${one}`),
    ...difference(document, source).map((one) => `only documented: ${one}`),
  ]);
}

function compareRoutes(tally, document, known) {
  const documented = new Set([...document.operations.values()]
    .map(({ method, path: at }) => unnamed(`${method} ${at}`)));
  if (!known.has('GET /openapi.yaml')) documented.delete('GET /openapi.yaml');
  compare(tally, 'routes', known, documented);
}

function compareArgs(tally, document) {
  const documented = [...document.operations.values()]
    .flatMap(({ method, path: at, parameters }) => parameters
      .filter((parameter) => parameter.in === 'query')
      .map(({ name }) => `${unnamed(`${method} ${at}`)} ?${name}`));
  compare(tally, 'arguments', new Set(args(ROOT)), new Set(documented));
}

// The service hands out this very document.
async function serveDocument(stage, known) {
  if (!known.has('GET /openapi.yaml')) {
    for (const status of [200, 400])
      stage.outOfReach.set(`getOpenapi ${status}`,
        'service/http/routes.c has no such route');
    return;
  }
  const shop = await stage.open('json');
  const answer = await shop.ask('getOpenapi', 200);
  stage.tally.result('GET /openapi.yaml is the file',
    answer.text === readFileSync(FILE, 'utf8') ? [] : ['it differs']);
  await shop.ask('getOpenapi', 304,
    { headers: { 'If-None-Match': answer.headers.etag } });
  await shop.close();
}

// Everything that is documented was provoked, or it says here why not.
function cover(stage, tally, promised) {
  for (const one of difference(promised, stage.seen)) {
    const why = stage.outOfReach.get(one);
    if (why) tally.skip(one, why);
    else tally.result(`provoked: ${one}`, ['it is documented, and never came']);
  }
}

async function play(stage, tally) {
  for (const store of ['sqlite', 'json'])
    for (const scene of scenes) {
      const before = tally.passed;
      const started = Date.now();
      await scene(stage, store).catch((error) =>
        tally.result(`${store} ${scene.name}`, [error.stack]));
      console.log(`${store.padEnd(7)} ${scene.name.padEnd(14)}` +
        `${String(tally.passed - before).padStart(4)} passed` +
        `${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s`);
    }
}

async function main() {
  const tally = new Tally();
  setTimeout(() => {
    tally.result('the whole check', [`not done within ${LIMIT_MS / 1000} s`]);
    console.log(tally.summary());
    process.exit(1);
  }, LIMIT_MS).unref();
  lint(tally);
  const document = new OpenApi(FILE);
  const named = problems(ROOT);
  const known = new Set(routes(ROOT));
  compareRoutes(tally, document, known);
  compareArgs(tally, document);
  compare(tally, 'problems',
    new Set(named.keys()), new Set(document.problems()));
  const stage = new Stage(BINARY, document, named, known, tally, OUT_OF_REACH);
  await serveDocument(stage, known);
  await play(stage, tally);
  cover(stage, tally, new Set([
    ...document.documented(),
    ...document.problems().map((name) => `problem ${name}`),
  ]));
  console.log(tally.summary());
  process.exit(tally.failed === 0 ? 0 : 1);
}

main().catch((error) => {
  console.log(`${error.stack}\n0 passed, 1 failed, 0 skipped`);
  process.exit(1);
});
