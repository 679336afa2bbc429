// SPDX-License-Identifier: BSD-2-Clause
// Each scene starts a service as it needs it, and provokes what it is about.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { sleep } from './service.mjs';

const LONG = 'x'.repeat(5000); // a body may have 4096 bytes

// ------------------------------------------------------------------ looking --

async function pages(stage, store) {
  const shop = await stage.open(store);
  await shop.ask('getRoot', 200);
  await shop.ask('getAbout', 200);
  await shop.ask('getLocks', 200);
  await shop.ask('getQrCode', 200, { query: 'text=http://192.168.1.5:8080' });
  await shop.ask('getQrCode', 'bad-value', { query: 'text=' });
  await shop.ask('getLivez', 200);
  await shop.ask('getReadyz', 200);
  await shop.ask('getReadyz', 200, { query: 'verbose' });
  await shop.ask('listSales', 200);
  await shop.ask('getMetrics', 200);
  const open = await shop.ask('getMetrics', 200,
    { headers: { Accept: 'application/openmetrics-text' } });
  shop.must('OpenMetrics when asked for',
    open.headers['content-type']?.startsWith('application/openmetrics-text'));
  for (const name of stage.problems.keys())
    await shop.ask('getProblem', 200, { name });
  await shop.ask('getProblem', 'not-found', { name: 'nonsense' });
  await browse(shop);
  await confuse(stage, shop);
  await strangers(stage, shop);
  await shop.close();
}

// As a browser: the page and all its parts, then again with what it knows.
async function browse(shop) {
  const Accept = 'text/html,*/*';
  const page = await shop.ask('getRoot', 200, { headers: { Accept } });
  shop.must('the page is HTML', page.text.includes('<html'));
  await shop.ask('getRoot', 304,
    { headers: { Accept, 'If-None-Match': page.headers.etag } });
  const links = page.text.matchAll(/(?:src|href)="\/?page\/([^"]+)"/g);
  const files = new Set([...links].map(([, file]) => file));
  for (const file of ['index.html', ...files]) {
    const { headers } = await shop.ask('getPageFile', 200, { file });
    await shop.ask('getPageFile', 304,
      { file, headers: { 'If-None-Match': headers.etag } });
  }
  await shop.ask('getPageFile', 'not-found', { file: 'none.js' });
}

// Any call can be one that is not understood.
async function confuse(stage, shop) {
  const query = Array.from({ length: 17 }, (_, i) => `n${i}`).join('&');
  for (const id of stage.document.operations.keys())
    if (stage.serves(id))
      await shop.ask(id, 'bad-request',
        { sale: 'demo', order: 'x', name: 'x', file: 'x', query });
  for (const id of stage.document.operations.keys())
    if (stage.serves(id))
      await shop.ask(id, 'unknown-member',
        { sale: 'demo', order: 'x', name: 'x', file: 'x', query: 'nix=1' });
}

// What the document says of all calls, and does not repeat at each.
async function strangers(stage, shop) {
  const large = { body: LONG,
    headers: { Expect: '100-continue', 'Content-Length': LONG.length } };
  const calls = [['PUT', '/sales', 'method'], ['DELETE', '/livez', 'method'],
    ['GET', '/nothing', 'not-found'], ['GET', '/sales/', 'not-found'],
    ['GET', '/livez', 'too-large', large]];
  for (const [method, target, wanted, options] of calls) {
    const answer = await shop.service.call(method, target, options);
    const { name, faults } = stage.identify(answer, wanted);
    faults.push(...stage.document.misfits(stage.document.schema('Problem'),
      JSON.parse(answer.text), 'body'));
    if (wanted === 'method' && !answer.headers.allow) faults.push('no Allow');
    stage.tally.result(
      `${shop.store} ${method} ${target} -> ${wanted}`, faults);
    stage.seen.add(`problem ${name}`);
  }
  for (const target of ['/sales', '/sales/demo', '/sales/demo/buy']) {
    const { status, headers } = await shop.service.call('OPTIONS', target);
    shop.must(`OPTIONS ${target} says what goes`,
      status === 204 && / OPTIONS$/.test(headers.allow));
  }
  for (const target of ['/', '/livez', '/sales', '/sales/demo']) {
    const { status, text } = await shop.service.call('HEAD', target);
    shop.must(`HEAD ${target} has no body`, status === 200 && text === '');
  }
}

// -------------------------------------------------------------------- sales --

async function opening(stage, store) {
  const shop = await stage.open(store, '--timeout', '2s');
  await shop.ask('openSale', 201, { json:
    { id: 'all', capacity: 3, lock: 'semaphore:3', delay: '5ms-10ms' } });
  await shop.ask('openSale', 201, { form: 'id=form&capacity=10' });
  const slow = await shop.sale('slow', { delay: '1s' });
  shop.must('a long delay gets a warning', 'warning' in slow.json);
  await shop.sale('slowest', { delay: '1h' });
  await shop.ask('openSale', 'sale-exists',
    { json: { id: 'all', capacity: 1 } });
  for (const json of [{ capacity: 1 }, { id: 'x' }, { id: 'A', capacity: 1 },
    { id: 'x', capacity: 0 }, { id: 'x', capacity: '1' },
    { id: 'x', capacity: 10000001 }, { id: 'x', capacity: 1, lock: 'Mutex' },
    { id: 'x', capacity: 1, lock: 'semaphore:' }, { id: 5, capacity: 1 },
    { id: 'x', capacity: 1, lock: 'semaphore:9' },
    { id: 'x', capacity: 1, delay: 5 }, { id: 'x', capacity: 1, delay: '5' },
    { id: 'x', capacity: 1, delay: '-5ms' }])
    await shop.ask('openSale', 'bad-value', { json });
  for (const lock of ['lucky', 'mutex:2']) // GET /locks does not list them
    await shop.ask('openSale', 'bad-value',
      { json: { id: 'x', capacity: 1, lock }, byOption: true });
  await shop.ask('openSale', 'unknown-member',
    { json: { id: 'x', capacity: 1, colour: 'red' } });
  await badBodies(shop, 'openSale');
  await shop.close();
}

async function badBodies(shop, id) {
  const sale = 'all';
  for (const body of ['{', '[]', '5', '{"a":1,"a":2}', ''.padEnd(9, '[')])
    await shop.ask(id, 'bad-body', { sale, body, type: 'application/json' });
  for (const form of ['nothing', 'id=%zz', 'id=1&id=2', '{'])
    await shop.ask(id, 'bad-body', { sale, form });
  await shop.ask(id, 'media-type', { sale, body: '<a/>', type: 'text/xml' });
  await shop.ask(id, 'too-large',
    { sale, body: LONG, headers: { Expect: '100-continue' } });
  await shop.ask(id, 'too-large', { sale, body: LONG, chunked: true });
}

async function changing(stage, store) {
  const shop = await stage.open(store);
  const sale = 'all';
  const { headers } = await shop.sale(sale);
  await shop.ask('getSale', 200, { sale });
  await shop.ask('getSale', 304,
    { sale, headers: { 'If-None-Match': headers.etag } });
  await shop.ask('changeSale', 200, { sale, json: { delay: '1ms-2ms' } });
  await shop.ask('getSale', 200, { sale });
  await shop.ask('changeSale', 200, { sale, json: { capacity: 12 } });
  await shop.ask('changeSale', 200, { sale, form: 'lock=flock&delay=0' });
  await shop.ask('changeSale', 'bad-value',
    { sale, json: { capacity: 11 }, byOption: true });
  await shop.ask('changeSale', 'bad-value',
    { sale, json: { lock: 'x' }, byOption: true });
  for (const json of [{}, { lock: ':1' }, { delay: 'soon' }, { capacity: 0.5 }])
    await shop.ask('changeSale', 'bad-value', { sale, json });
  await shop.ask('changeSale', 'unknown-member',
    { sale, json: { id: 'other' } });
  await badBodies(shop, 'changeSale');
  await nobodysSales(shop);
  await deleting(shop);
  await shop.close();
}

// No such sale; no such id.
async function nobodysSales(shop) {
  const json = { lock: 'none' };
  for (const id of ['getSale', 'deleteSale', 'buy', 'getOrder', 'getLedger',
    'getLedgerCsv', 'getAudit', 'getAuditText', 'changeSale']) {
    const options = { order: 'x', ...id === 'changeSale' ? { json } : {} };
    await shop.ask(id, 'no-sale', { sale: 'nobody', ...options });
    await shop.ask(id, 'bad-value',
      { sale: 'NO!', byOption: true, ...options });
  }
}

async function deleting(shop) {
  await shop.ask('deleteSale', 204, { sale: 'all' });
  await shop.sale('small', { capacity: 1 });
  await shop.ask('buy', 201, { sale: 'small' });
  await shop.ask('deleteSale', 'has-receipts', { sale: 'small' });
  const old = { 'If-Match': '"0123456789abcdef-1"' };
  await shop.ask('changeSale', 'changed',
    { sale: 'small', headers: old, json: { capacity: 50 } });
  await shop.ask('deleteSale', 'changed', { sale: 'small', headers: old });
  await shop.ask('deleteSale', 204, { sale: 'small', query: 'force=1' });
}

// What only an admin asks a ledger.
const asksForNames = { sale: 'demo', query: 'buyer=alice' };

const CHANGES = [['openSale', { json: { id: 'new', capacity: 5 } }],
  ['changeSale', { sale: 'demo', json: { lock: 'flock' } }],
  ['buyAsCrowd', { sale: 'demo', json: { count: 1 } }],
  ['deleteSale', { sale: 'demo', query: 'force=1' }]];

// Who may not, and who may.
async function admins(stage, store) {
  const foreign = { headers: { Origin: 'http://elsewhere.example' } };
  const off = await stage.open(store, '--admin', 'off');
  for (const [id, options] of CHANGES)
    await off.ask(id, 'forbidden', options);
  for (const id of ['getLedger', 'getLedgerCsv'])
    await off.ask(id, 'forbidden', asksForNames);
  await off.ask('getAbout', 200);
  await off.close();
  const shop = await stage.open(store, '--admin', 'token');
  const file = path.join(shop.service.data, 'admin-token');
  const token = readFileSync(file, 'utf8').trim();
  const right = { headers: { Authorization: `Bearer ${token}` } };
  const wrong = { headers: { Authorization: `Bearer ${'0'.repeat(64)}` } };
  await shop.ask('buy', 201, { sale: 'demo' });
  for (const [id, options] of CHANGES) {
    await shop.ask(id, 'token-needed', options);
    await shop.ask(id, 'token-needed', { ...options, ...wrong });
    await shop.ask(id, 'forbidden', { ...options, ...foreign });
  }
  await names(shop, right);
  for (const [id, options] of CHANGES)
    await shop.ask(id, [200, 201, 204], { ...options, ...right });
  await shop.close();
}

// Buyers' names are for those with the token.
async function names(shop, right) {
  const hidden = await shop.ask('getLedger', 200, { sale: 'demo' });
  const shown = await shop.ask('getLedger', 200, { sale: 'demo', ...right });
  shop.must('a name is hidden', !('buyer' in hidden.json.lines[0]));
  shop.must('a name is shown', 'buyer' in shown.json.lines[0]);
  for (const id of ['getLedger', 'getLedgerCsv']) {
    await shop.ask(id, 'token-needed', asksForNames);
    await shop.ask(id, 200, { ...asksForNames, ...right });
  }
  const about = await shop.ask('getAbout', 200, right);
  shop.must('the token may change', about.json.may_change === true);
}

// ------------------------------------------------------------------- buying --

async function buying(stage, store) {
  const shop = await stage.open(store, '--max-quantity', '8');
  const sale = 'all';
  await shop.sale(sale, { capacity: 20 });
  await shop.ask('buy', 201, { sale });
  await shop.ask('buy', 201, { sale, form: 'buyer=alice&quantity=2' });
  const { json } = await shop.ask('buy', 201,
    { sale, query: 'trail', json: { buyer: 'Zoë', quantity: 2 } });
  await shop.ask('getOrder', 200, { sale, order: json.order });
  await shop.ask('getOrder', 'no-order', { sale, order: '0'.repeat(32) });
  for (const wish of [{ quantity: 0 }, { quantity: '1' }, { quantity: 1.5 },
    { buyer: '' }, { buyer: 5 }, { buyer: 'x'.repeat(65) }, { buyer: null }])
    await shop.ask('buy', 'bad-value', { sale, json: wish });
  await shop.ask('buy', 'bad-value',
    { sale, json: { quantity: 9 }, byOption: true });
  await shop.ask('buy', 'unknown-member', { sale, json: { seat: 1 } });
  await badBodies(shop, 'buy');
  const crowd = await shop.ask('buyAsCrowd', 200, { sale, json: { count: 2 } });
  shop.must('each of a crowd is answered', crowd.json.answers.length === 2);
  for (const wish of [{ count: 0 }, { count: 201 }, {}, { buyers: [] },
    { buyers: [5] }, { buyers: ['a'], count: 1 }])
    await shop.ask('buyAsCrowd', 'bad-value', { sale, json: wish });
  await badBodies(shop, 'buyAsCrowd');
  await keys(shop, sale);
  await conditions(shop, sale);
  await selling(shop);
  await shop.close();
}

async function keys(shop, sale) {
  const headers = { 'Idempotency-Key': '"a key"' };
  const json = { buyer: 'bob' };
  const first = await shop.ask('buy', 201, { sale, json, headers });
  const again = await shop.ask('buy', 201, { sale, json, headers });
  shop.must('a key is replayed, and says so',
    first.json.order === again.json.order &&
    !('idempotent-replayed' in first.headers) &&
    'idempotent-replayed' in again.headers);
  await shop.ask('buy', 201, { sale, json, headers, query: 'trail=1' });
  await shop.ask('buy', 'key-reused',
    { sale, headers, json: { buyer: 'eve' } });
  await shop.ask('buy', 'key-reused',
    { sale, headers, query: 'trail', json: { quantity: 2 } });
  for (const key of ['', '"', '"a"b"', 'x'.repeat(256)])
    await shop.ask('buy', 'bad-value',
      { sale, headers: { 'Idempotency-Key': key } });
}

async function conditions(shop, sale) {
  const { headers: { etag } } = await shop.ask('getSale', 200, { sale });
  await shop.ask('buy', 201, { sale, headers: { 'If-Match': '*' } });
  for (const tag of [etag, `W/${etag}`])
    await shop.ask('buy', 'changed', { sale, headers: { 'If-Match': tag } });
  await shop.ask('buy', 'changed',
    { sale, query: 'trail', headers: { 'If-Match': etag } });
  await shop.ask('buy', 'bad-value', { sale, headers: { 'If-Match': 'x' } });
}

async function selling(shop) {
  const sale = 'small';
  await shop.sale(sale, { capacity: 3 });
  await shop.ask('buy', 'not-enough', { sale, json: { quantity: 4 } });
  await shop.ask('buy', 201, { sale, json: { quantity: 3 } });
  await shop.ask('buy', 'sold-out', { sale });
  await shop.ask('buy', 'sold-out', { sale, query: 'trail' });
}

// ------------------------------------------------------------------ judging --

// Two read the same counter; the verdict, the cure, and the ledger of it.
async function judging(stage, store) {
  const shop = await stage.open(store);
  const sale = 'clash';
  await shop.ask('getAudit', 200, { sale: 'demo' });
  await shop.ask('getAuditText', 200, { sale: 'demo' });
  await shop.sale(sale, { capacity: 2, lock: 'none', delay: '200ms' });
  await Promise.all([2, 1].map(async (quantity, i) => {
    await sleep(70 * i); // the last one to write knows of one seat only
    return shop.ask('buy', 201, { sale, query: 'trail', json: { quantity } });
  }));
  const { json } = await shop.ask('getAudit', 200, { sale });
  shop.must('it is oversold', json.verdict === 'oversold' && json.collision);
  await shop.ask('getAuditText', 200, { sale });
  const cured = await shop.ask('changeSale', 200,
    { sale, json: { lock: 'mutex', delay: '0', capacity: 9 } });
  shop.must('it is recounted', 'recounted_to' in cured.json);
  await shop.ask('buy', 201, { sale, query: 'trail' });
  await readLedger(shop, sale);
  await shop.close();
}

async function readLedger(shop, sale) {
  const { json } = await shop.ask('getLedger', 200, { sale, query: 'trail' });
  const kinds = new Set(json.lines.map(({ kind }) => kind));
  shop.must('the ledger has lines of all kinds', kinds.size === 3);
  const page = await shop.ask('getLedger', 200,
    { sale, query: 'after=1&limit=2' });
  shop.must('there is a next page', page.json.next === 3);
  const wrong = ['after=-1', 'after=x', 'limit=0', 'limit=1001', 'since=1h'];
  for (const id of ['getLedger', 'getLedgerCsv'])
    for (const query of wrong)
      await shop.ask(id, 'bad-value', { sale, query });
  for (const query of ['', 'trail', 'since=2026-11-21', 'limit=2'])
    await shop.ask('getLedgerCsv', 200, { sale, query });
  const table = await shop.ask('getLedger', 200,
    { sale, query: 'limit=2', headers: { Accept: 'text/csv' } });
  shop.must('it is a table', table.text.startsWith('version,'));
  shop.must('there is more', table.headers['next-after'] === '2');
}

// ------------------------------------------------------- too many, too late --

async function crowds(stage, store) {
  const one = await stage.open(store,
    '--clerks', '1', '--queue', '1', '--timeout', '400ms');
  const sale = 'slow';
  await one.sale(sale, { delay: '1s' });
  const sold = one.ask('buy', 201, { sale });
  await sleep(70);
  const waits = one.ask('buy', 'queue-timeout', { sale, query: 'trail' });
  await sleep(70);
  await one.ask('buy', 'queue-full', { sale });
  await Promise.all([sold, waits]);
  await one.close();
  const four = await stage.open(store, '--timeout', '100ms');
  await four.sale(sale, { delay: '400ms' });
  await Promise.all([201, 'lock-timeout'].map(async (wanted, i) => {
    await sleep(70 * i);
    return four.ask('buy', wanted, { sale, query: 'trail' });
  }));
  await four.close();
}

// Under optimistic, one of eight wins a round; the others' time runs out.
async function conflicts(stage, store) {
  const shop = await stage.open(store, '--clerks', '8', '--timeout', '10ms');
  const sale = 'rush';
  const usual = [201, 'too-many-conflicts', 'queue-timeout', 'store-busy'];
  await shop.sale(sale,
    { capacity: 100000, lock: 'optimistic', delay: '10ms-20ms' });
  await shop.until('an order has too many conflicts', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () =>
      shop.ask('buy', usual, { sale })));
    return answers.some(({ json }) => /too-many-conflicts$/.test(json.type));
  });
  await shop.close();
}

// More audits at once than may wait, and more than there is time for.
async function audits(stage, store) {
  const shop = await stage.open(store, '--workers', '1', '--audit-timeout',
    '1ms');
  const seen = new Set();
  await shop.until('audits are too many, and late', async () => {
    const answers = await Promise.all(Array.from({ length: 120 }, (_, i) =>
      shop.ask(i % 2 ? 'getAudit' : 'getLedger',
        [200, 'too-many-audits', 'audit-timeout'], { sale: 'demo' })));
    for (const { json } of answers) seen.add(json.type);
    return seen.has('/problems/too-many-audits') &&
      seen.has('/problems/audit-timeout');
  });
  await shop.close();
}

// Connections that are open when it stops are still answered, once.
async function draining(stage, store) {
  const shop = await stage.open(store);
  const sale = 'slow';
  const calls = [['getReadyz', 503], ['buy', 'draining'], ['listSales', 200]];
  const agents = calls.map(() =>
    new http.Agent({ keepAlive: true, maxSockets: 1 }));
  await shop.sale(sale, { delay: '900ms' });
  for (const agent of agents) await shop.ask('getLivez', 200, { agent });
  const last = shop.ask('buy', 201, { sale });
  await sleep(70);
  const end = shop.close();
  await sleep(200);
  for (const [i, [id, wanted]] of calls.entries())
    await shop.ask(id, wanted, { sale, agent: agents[i] });
  await last;
  await end;
  for (const agent of agents) agent.destroy();
}

// ---------------------------------------------------------- a store in need --

const WRITES = [['buy', { sale: 'demo' }],
  ['openSale', { json: { id: 'new', capacity: 5 } }],
  ['changeSale', { sale: 'demo', json: { capacity: 1000 } }],
  ['deleteSale', { sale: 'spare', query: 'force=1' }]];

const READS = [['listSales'], ['getSale'], ['getOrder'], ['getLedger'],
  ['getLedgerCsv'], ['getAudit'], ['getAuditText'],
  ['buyAsCrowd', { json: { count: 1 } }]];

/*
 * No file may grow.  The ledger of json is full then; SQLite cannot tell how
 * far its commit came, so the outcome is unknown and the store is recovered,
 * which cannot work either until the limit is lifted.
 */
async function starving(stage, store) {
  if (lacksTool('prlimit')) {
    stage.lacks('prlimit', ['problem storage-full', 'problem outcome-unknown',
      'problem storage-error', ...[...WRITES, ...READS].flatMap(([id]) =>
        [`${id} 500`, `${id} 503`])]);
    return;
  }
  const shop = await stage.open(store);
  await shop.sale('spare');
  await shop.until('it is ready', () => shop.isReady());
  for (const [id, options] of WRITES)
    if (store === 'sqlite') await poison(shop, id, options);
    else if (id !== 'deleteSale') await fill(shop, id, options);
  await shop.close();
}

async function fill(shop, id, options) {
  shop.service.limitFiles(0);
  await shop.ask(id, 'storage-full', options);
  shop.service.limitFiles('unlimited');
}

async function poison(shop, id, options) {
  shop.service.limitFiles(0);
  await shop.ask(id, 'outcome-unknown', options);
  if (id === 'buy') await refused(shop);
  await shop.until('it has recovered', () => {
    shop.service.limitFiles('unlimited');
    return shop.isReady();
  }, 20000); // what could not be recovered is tried again at most 8 s later
}

// Until then nothing is read, and nothing is sold.
async function refused(shop) {
  await shop.until('the old worker is gone', () => shop.service
    .call('GET', '/sales').then(({ status }) => status === 503, () => false));
  await shop.ask('getReadyz', 503, { query: 'verbose' });
  for (const [id, options] of [...READS, ...WRITES])
    await shop.ask(id, 'storage-error',
      { sale: 'demo', order: 'x', ...options });
}

// fcntl()'s lock on the byte that SQLite's writers lock in DATABASE-shm.
const TAKE_WRITE_LOCK = `
  open(my $file, "+<", $ARGV[0]) or die "$ARGV[0]: $!";
  my $lock = pack("s s x4 q q i x4", 1, 0, 120, 1, 0);
  fcntl($file, 6, $lock) or die "lock: $!";
  $| = 1; print "held\\n"; <STDIN>;`;

// Somebody else writes to the database, and takes long.
async function busy(stage, store) {
  if (store !== 'sqlite') return;
  if (lacksTool('perl') || process.arch !== 'x64') {
    stage.lacks('perl on x86-64', ['problem store-busy']);
    return;
  }
  const shop = await stage.open(store, '--timeout', '300ms');
  const holder = execFile('perl', ['-e', TAKE_WRITE_LOCK,
    path.join(shop.service.data, 'turnstile.db-shm')]);
  shop.must('somebody else writes', await new Promise((done) => {
    holder.stdout.once('data', () => done(true));
    holder.once('exit', () => done(false));
  }));
  await Promise.all([
    shop.ask('buy', 'store-busy', { sale: 'demo', query: 'trail' }),
    shop.ask('changeSale', 'store-busy',
      { sale: 'demo', json: { delay: '1ms' } }),
  ]);
  holder.stdin.end('\n');
  await shop.close();
}

function lacksTool(tool) {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

export const scenes = [pages, opening, changing, admins, buying, judging,
  crowds, conflicts, audits, draining, starving, busy];
