// SPDX-License-Identifier: BSD-2-Clause
// What a visitor sees and does, in a real browser against a real service.
// Each test says its goal; the last line counts.  ONLY=words runs those whose
// goal has these words.

import { startDriver, startService } from './driver.mjs';

const [binary, chromedriver, chromium] = process.argv.slice(2);
const tests = [];
const test = (goal, body) => tests.push({ goal, body });

function equal(what, is, wanted) {
  if (is !== wanted)
    throw new Error(`${what} is ${JSON.stringify(is)}, not ` +
      JSON.stringify(wanted));
}

function check(what, holds) {
  if (!holds)
    throw new Error(`not so: ${what}`);
}

let service, browser;

const isIdle = "return document.getElementById('start')?.disabled === false " +
  "&& document.querySelectorAll('.lock').length >= 6";
const isDone = 'return !document.getElementById("start").disabled && ' +
  '!document.getElementById("verdict").hidden && ' +
  '!document.getElementById("why").hidden';

// A new document, whatever the fragment was before.
async function openPage(fragment, base = service.url) {
  await browser.go('about:blank');
  await browser.go(`${base}/#lang=en&${fragment}`);
}

async function sell(fragment, guess) {
  await openPage(fragment);
  await browser.until('the page', isIdle);
  await browser.type('#guess', String(guess));
  await browser.click('#start');
  await browser.until('the verdict', isDone);
}

// What a tab keeps is gone, as if it were another one.
const anotherTab = async () => {
  await browser.go(`${service.url}/livez`);
  await browser.run('sessionStorage.clear()');
};

const text = (id) => browser.run(
  'return document.getElementById(arguments[0]).textContent', id);
const count = (css) => browser.run(
  'return document.querySelectorAll(arguments[0]).length', css);
const position = () => browser.run('return Number(document.getElementById(' +
  '"timeline").getAttribute("aria-valuenow"))');

test('none with one ticket shows a red seat and the collision in words',
  async () => {
    await sell('lock=none&tickets=1&buyers=6&delay=200ms', 1);
    equal('red seats', await count('.hall .seat.twice'), 1);
    check('the seat has its count', /×[2-6]/.test(await text('hall')));
    check('OVERSOLD', (await text('verdict')).startsWith('Oversold'));
    check('the headline names seat and buyers',
      /How seat 1 was sold to \w+ and to \w+/.test(await text('why-head')));
    check('the words name the step',
      /wrong at step \d+: \w+ read 1 while \w+ held/.test(await text('fault')));
    const [, who, other] = /: (\w+) read 1 while (\w+) held/
      .exec(await text('fault'));
    const [, first, second] = /sold to (\w+) and to (\w+)/
      .exec(await text('why-head'));
    equal('the same two', [who, other].sort().join(), [first, second].sort()
      .join());
    equal('why', await text('why-words'), `Nobody took turns: ${first} and ` +
      `${second} were both between reading and writing.`);
    check('the lost write is told', /write is lost/.test(await text('steps')));
  });

test('ten buyers are ten at once', async () => {
  await sell('lock=none&tickets=1&buyers=10&delay=1s', 10);
  equal('sold', await text('sold-n'), '10');
  check('told so', /You were right/.test(await text('remarks')));
  await sell('lock=none&tickets=1&buyers=6&delay=200ms', 1);
});

test('two boxes hold the same number at the same time', async () => {
  const boxes = await browser.run(`return [...document.querySelectorAll(
    '#timeline rect.box.twin')].map((box) => ({ from: box.x.baseVal.value,
      to: box.x.baseVal.value + box.width.baseVal.value,
      value: box.nextSibling.textContent }))`);
  equal('boxes', boxes.length, 2);
  equal('the second number', boxes[1].value, boxes[0].value);
  check('they overlap', boxes[0].from < boxes[1].to &&
    boxes[1].from < boxes[0].to);
});

test('prediction, outcome, counter and receipts stand side by side',
  async () => {
    equal('predicted', await text('guess-n'), '1');
    const sold = Number(await text('sold-n'));
    check('more were sold than there are', sold > 1);
    check('the counter says 1', /1 sold · 0 left/.test(await text('bar-counter')));
    check('the receipts say more',
      (await text('bar-receipts')).includes(`${sold} sold`));
    equal('rows to compare', await count('#runs tbody tr'), 3);
  });

test('the arrow keys and the buttons step', async () => {
  const all = await position();
  await browser.press('#timeline', '\uE012');
  equal('after the left arrow', await position(), all - 1);
  check('the step is told', /^Step \d+ of \d+: /.test(await text('step-words')));
  await browser.press('#timeline', '\uE011');
  equal('after Home', await position(), 0);
  equal('boxes before the first step', await count('#timeline rect.box'), 0);
  await browser.click('#next');
  equal('after the button', await position(), 1);
  await browser.press('#timeline', '\uE014');
  equal('after the right arrow', await position(), 2);
  await browser.press('#timeline', '\uE010');
  equal('after End', await position(), all);
});

test('the axis switches to true time and back', async () => {
  const far = `const boxes = document.querySelectorAll('#timeline rect.box');
    return Math.abs(boxes[0].x.baseVal.value - boxes[1].x.baseVal.value)`;
  const choose = (value) => browser.run(`const axis =
    document.getElementById('axis'); axis.value = arguments[0];
    axis.dispatchEvent(new Event('change'))`, value);
  const inOrder = await browser.run(far);
  await choose('time');
  check('two reads are near in time', await browser.run(far) < inOrder);
  await choose('order');
  equal('in order again', await browser.run(far), inOrder);
});

test('instant replay moves numbers and turns the seat red', async () => {
  await browser.click('#replay');
  await browser.until('a number on its way', `const seen =
    [...document.querySelectorAll('#timeline rect.number')].map((number) =>
      number.y.baseVal.value).join();
    const moved = window.seen !== undefined && window.seen !== seen;
    window.seen = seen; return moved`);
  await browser.until('a red seat on the stage',
    "return document.getElementById('stage-seat').matches('.twice')");
  await browser.until('the end',
    "return document.getElementById('replay').textContent.startsWith('Instant')");
});

test('the cure button runs the same again, and no seat is sold twice',
  async () => {
    await browser.click('[data-cure=mutex]');
    await browser.until('the verdict', isDone);
    await browser.until('correct', "return document.querySelector('.verdict.right')");
    equal('red seats', await count('.hall .seat.twice'), 0);
    equal('sold', await text('sold-n'), '1');
    equal('same numbers', await count('#timeline .twin'), 0);
    equal('rows to compare', await count('#runs tbody tr'), 4);
    check('the address has the cure',
      (await browser.run('return location.hash')).includes('lock=mutex'));
  });

test('all runs: a lock has its price, by the clock of the service', async () => {
  await anotherTab();
  await sell('lock=none&tickets=3&buyers=3&delay=1s', 3);
  await browser.run("document.querySelector('[data-cure=mutex]').click()");
  await browser.until('the next', "return document.querySelectorAll(" +
    "'#runs tbody tr').length === 2");
  const told = await browser.run(`return [...document.querySelectorAll(
    '#runs tbody tr :nth-last-child(2)')].map((cell) => cell.textContent)`);
  const [none, mutex] = told.map((words) => parseFloat(words) *
    (words.endsWith(' s') ? 1000 : 1));
  check(`one delay: ${told}`, none >= 1000 && / m?s$/.test(told[0]));
  // Three, less what the last came later than the first.
  check(`one after the other: ${told}`, mutex >= 2000);
  equal('of trails', await browser.run(`return import('/page/compare.js').then(
    ({ longestWait }) => {
      const order = (outcome, ...steps) => ({ outcome, trail: steps.map(
        ([step, at_ns]) => ({ step, at_ns })) });
      return [longestWait([order('sold', ['queued', 5], ['write', 9],
        ['conflict', 10], ['read', 11], ['write', 25], ['unlock', 90]),
      order('sold', ['queued', 7], ['write', 20]), { outcome: 'sold' },
      order('refused', ['queued', 1], ['read', 70])]),
      longestWait([order('refused', ['queued', 1])])].join();
    })`), '20,');
  equal('the raw times leave this page alone', await browser.run(
    "return document.querySelector('#compare a').target"), '_blank');
});

test('under mutex boxes never overlap, and waiting is hatched', async () => {
  await sell('lock=mutex&tickets=20&buyers=6&delay=50ms', 6);
  const boxes = await browser.run(`return [...document.querySelectorAll(
    '#timeline rect.box')].map((box) => [box.x.baseVal.value,
      box.x.baseVal.value + box.width.baseVal.value]).sort((a, b) => a[0] - b[0])`);
  equal('boxes', boxes.length, 6);
  for (let i = 1; i < boxes.length; i++)
    check('a box begins after the one before', boxes[i][0] >= boxes[i - 1][1]);
  check('waiting is hatched', await count('#timeline rect.wait') > 0);
});

test('under optimistic the refused write bounces and is read again',
  async () => {
    await sell('lock=optimistic&tickets=20&buyers=6&delay=50ms', 6);
    equal('red seats', await count('.hall .seat.twice'), 0);
    check('crosses', await count('#timeline .cross') > 0);
    check('words', /has changed: refused, reads again/.test(await text('steps')));
  });

test('the strategy changes while it sells, and the timeline shows when',
  async () => {
    await openPage('lock=none&tickets=100&buyers=60&delay=1s');
    await browser.until('the page', isIdle);
    await browser.type('#guess', '60');
    await browser.click('#start');
    await browser.until('the first seat', "return document.querySelector('.hall .seat:not(.free)')");
    await browser.click('#change');
    await browser.until('the verdict', isDone);
    equal('strategies judged', await count('#remarks tr'), 3);
    await browser.run(`const view = document.getElementById('view');
      view.value = 'run'; view.dispatchEvent(new Event('change'))`);
    check('the moment is marked', await count('#timeline line.change') > 0);
    check('and told', /strategy changes from none to mutex/
      .test(await text('steps')));
  });

test('the language switches, and the link keeps it', async () => {
  await browser.click('#language');
  equal('lang', await browser.run('return document.documentElement.lang'),
    'zh-CN');
  check('Chinese headline', /卖出了两次/.test(
    await browser.run("return document.querySelector('h1').textContent")));
  check('Chinese story', /写回：剩/.test(await text('steps')));
  check('link', (await browser.run('return location.hash')).includes('lang=zh'));
  await browser.click('#language');
  check('English headline', /Sold twice/.test(
    await browser.run("return document.querySelector('h1').textContent")));
});

test('both languages have every text', async () => {
  const missing = await browser.run(`return import('/page/words.js').then(
    ({ words: { en, zh } }) => Object.keys(en).filter((key) =>
      !(key in zh)).concat(Object.keys(zh).filter((key) => !(key in en) &&
        !key.startsWith('lock.'))))`);
  equal('missing', missing.join(), '');
});

test('every strategy of GET /locks is offered, also one without own words',
  async () => {
    const { locks } = await (await fetch(`${service.url}/locks`)).json();
    await openPage('lock=none');
    await browser.until('the page', isIdle);
    const labels = await browser.run(`return [...document.querySelectorAll(
      '.lock')].map((label) => label.textContent)`);
    equal('offers', labels.length, locks.length);
    locks.forEach(({ name }, i) => check(`${name} has words, no key: ` +
      labels[i], labels[i].startsWith(name) && labels[i].length >
      name.length + 10 && !/(plain|lock)\./.test(labels[i])));
    equal('for an unknown one', await browser.run(
      `return import('/page/i18n.js').then(
        ({ tOr }) => tOr('plain.unknown', 'its summary'))`), 'its summary');
  });

// Stamps are taken before their actions: Ben's read is stamped before Ann's
// write, yet saw it.
test('a story puts reads behind the writes that they saw', async () => {
  const steps = await browser.run(`return import('/page/story.js').then(
    ({ makeStory }) => makeStory([
      { order: 'a', buyer: 'Ann', worker: 1, clerk: 1, seats: [1], version: 1,
        trail: [{ step: 'read', at_ns: 100, remaining: 9, version: 0 },
          { step: 'write', at_ns: 200, remaining: 8, version: 0 }] },
      { order: 'b', buyer: 'Ben', worker: 1, clerk: 2, seats: [2], version: 2,
        trail: [{ step: 'read', at_ns: 190, remaining: 8, version: 1 },
          { step: 'write', at_ns: 300, remaining: 7, version: 1 }] },
    ]).events.map((event) => event.type + ' ' + event.orders[0].buyer).join())`);
  equal('steps', steps, 'read Ann,write Ann,read Ben,write Ben');
});

// Ben read while Ann was writing, and did not see it; and the machine has run
// for a year, so that its stamps are beyond what a number can hold exactly.
test('a story puts reads above the writes that they did not see', async () => {
  const steps = await browser.run(`const year = 32e15;
    const order = (id, read, version, at, write) => ({ order: id, buyer: id,
      worker: 1, clerk: version, seats: [1], version, trail: [
        { step: 'read', at_ns: year + at, remaining: 9, version: read },
        { step: 'write', at_ns: year + write, remaining: 8, version: read }] });
    return import('/page/story.js').then(({ makeStory }) =>
      makeStory([order('Ann', 0, 1, 0, 100), order('Ben', 0, 2, 400, 800)])
        .events.map((event) => event.type + ' ' + event.orders[0].buyer)
        .join())`);
  equal('steps', steps, 'read Ann,read Ben,write Ann,write Ben');
});

// In view is Ben alone, of three: he is refused by Ann's write, then by Cay's.
// Wim's write began meanwhile, while nothing was checked, and was seen last.
test('a refused write stands in its own turn, also when its cause is not in view',
  async () => {
    await openPage('lock=none');
    const read = (at_ns, remaining, version) => ({ step: 'read', at_ns,
      remaining, version });
    const write = (at_ns, remaining) => ({ step: 'write', at_ns, remaining });
    const conflict = (at_ns) => ({ step: 'conflict', at_ns });
    const ann = { order: 'a', buyer: 'Ann', worker: 1, clerk: 1, seats: [1],
      version: 1, trail: [read(100, 4, 0), write(200, 3)] };
    const ben = { order: 'b', buyer: 'Ben', worker: 1, clerk: 2, seats: [3],
      version: 3, trail: [read(110, 4, 0), write(210, 3), conflict(230),
        read(240, 3, 1), write(340, 2), conflict(360), read(370, 2, 2),
        write(470, 1)] };
    const wim = { order: 'w', buyer: 'Wim', worker: 2, clerk: 1, seats: [1],
      version: 4, trail: [read(105, 4, 0), write(225, 3)] };
    const placed = (orders) => browser.run(`return import('/page/story.js')
      .then(({ makeStory }) => {
        const { events, turns } = makeStory(arguments[0]);
        const laps = turns.filter((a) => turns.some((b) => a !== b &&
          a.lane === b.lane && a.key < b.key && b.key < a.writeKey));
        return [events.map((event) => event.type + ' ' +
          event.orders[0].buyer).join(), laps.length];
      })`, orders);
    const turns = 'bounce Ben,read Ben,bounce Ben,read Ben,write Ben';
    const [steps, laps] = await placed([ann, ben]);
    equal('steps', steps, `read Ann,read Ben,write Ann,${turns}`);
    equal('boxes that overlap', laps, 0);
    const [withLate, lateLaps] = await placed([ben, wim]);
    equal('steps', withLate, `read Wim,read Ben,${turns},write Wim`);
    equal('boxes that overlap', lateLaps, 0);
  });

test('of a run that went well the first two that were sold are shown',
  async () => {
    await openPage('lock=none');
    const shown = (orders) => browser.run(`return import('/page/why.js').then(
      ({ witnessesOf }) => witnessesOf({ audit: {}, orders: arguments[0] })
        .map(({ buyer }) => buyer).join())`, orders);
    const order = (buyer, clerk, at_ns, version) => ({ buyer, worker: 1, clerk,
      outcome: version ? 'sold' : 'refused', ...version && { version },
      trail: [{ step: 'read', at_ns, remaining: 3, version: 0 }] });
    const ann = order('Ann', 1, 120, 1), ben = order('Ben', 2, 100, 3),
      cay = order('Cay', 3, 130, 2), dan = order('Dan', 4, 90);
    equal('sold', await shown([ann, ben, cay, dan]), 'Ann,Cay');
    equal('another clerk', await shown([ann, ben, { ...cay, clerk: 1 }]),
      'Ann,Ben');
    equal('one, and who was refused', await shown([ann, dan]), 'Ann,Dan');
  });

test('a late write that puts the counter back is named as the culprit',
  async () => {
    const told = await browser.run(`
      const order = (buyer, version, seat, read, at, writes, write) => ({
        order: buyer, buyer, worker: 1, clerk: version, version, seats: [seat],
        trail: [{ step: 'read', at_ns: at, remaining: read[0], version: read[1] },
          { step: 'write', at_ns: write, remaining: writes, version: read[1] }] });
      const orders = [order('Ann', 2, 2, [99, 1], 300, 98, 400),
        order('Wim', 3, 1, [100, 0], 100, 99, 500),
        order('Zoe', 4, 2, [99, 3], 600, 98, 700)];
      return Promise.all([import('/page/story.js'), import('/page/tell.js')])
        .then(([{ makeStory }, { faultOf, tellWhy }]) => {
          orders.forEach((one, i) => {
            one.role = ['first', 'culprit', 'second'][i];
          });
          const collision = { explained: true, orders, wrong_step: 1,
            steps: [{ role: 'culprit', step: 'write', remaining: 99 }] };
          return faultOf(makeStory(orders), collision).text + ' ' +
            tellWhy(collision, []);
        })`);
    check(told, /step 4: Wim wrote back/.test(told) &&
      /Wim’s late write put the counter back to where it was before Ann/
        .test(told));
  });

test('the link carries the settings', async () => {
  await openPage('lock=flock&tickets=7&buyers=9&delay=1s-3s');
  await browser.until('the page', isIdle);
  equal('settings', await browser.run(`return [document.querySelector(
    'input[name=lock]:checked').value, ...['tickets', 'buyers', 'delay'].map(
    (id) => document.getElementById(id).value)].join()`), 'flock,7,9,1s-3s');
});

test('a telephone buys at /#buy=ID, and a second one reads sold out',
  async () => {
    const openHall = () => fetch(`${service.url}/sales`, { method: 'POST',
      body: new URLSearchParams({ id: 'hall', capacity: 1, lock: 'mutex',
        delay: '0' }) });
    await openHall();
    await openPage('buy=hall');
    await browser.until('what is left',
      "return document.getElementById('phone-left').textContent === '1'");
    await browser.type('#phone-name', 'Zoe');
    await browser.click('#phone-buy');
    await browser.until('a seat', "return /^Seat 1 is yours/.test(" +
      "document.getElementById('phone-result').textContent)");
    await openPage('buy=hall');
    await browser.until('it kept its seat', "return /^Seat 1 is yours/.test(" +
      "document.getElementById('phone-result').textContent) && " +
      "document.getElementById('phone-buy').disabled");
    await anotherTab();
    await openPage('buy=hall');
    await browser.until('nothing left',
      "return document.getElementById('phone-left').textContent === '0'");
    await browser.click('#phone-buy');
    await browser.until('the refusal', "return /^Sold out/.test(" +
      "document.getElementById('phone-result').textContent)");
    const button = `const { textContent, disabled } =
      document.getElementById('phone-buy'); return textContent + ' ' +
      disabled`;
    equal('the button', await browser.run(button), 'Sold out true');
    await openPage('buy=hall');
    await browser.until('the same after a reload', button.replace('return',
      "return 'Sold out true' ==="));
    const raise = (capacity) => fetch(`${service.url}/sales/hall`,
      { method: 'PATCH', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ capacity }) });
    equal('more tickets', (await raise(2)).status, 200);
    await browser.until('a button', button.replace('return',
      "return 'Buy a ticket false' ==="));
    await browser.click('#phone-buy');
    await browser.until('a seat', "return /^Seat 2 is yours/.test(" +
      "document.getElementById('phone-result').textContent)");
    await fetch(`${service.url}/sales/hall?force=1`, { method: 'DELETE' });
    await openHall();
    await browser.until('a new round', "return /^A new round/.test(" +
      "document.getElementById('phone-result').textContent)");
  });

// The order is sold, and the answer is lost on the way: the worker was killed,
// or took longer than the proxy waits.
for (const status of [502, 504])
  test(`a telephone that a proxy tells ${status} asks again, with its key`,
    async () => {
      await fetch(`${service.url}/sales`, { method: 'POST',
        body: new URLSearchParams({ id: `proxy${status}`, capacity: 5,
          lock: 'mutex', delay: '0' }) });
      await openPage(`buy=proxy${status}`);
      await browser.until('what is left',
        "return document.getElementById('phone-left').textContent === '5'");
      await browser.run(`const real = window.fetch;
        window.keys = [];
        window.fetch = async (path, init) => {
          const answer = await real(path, init);
          if (init?.method !== 'POST')
            return answer;
          window.keys.push(init.headers.get('Idempotency-Key'));
          return window.keys.length > 1 ? answer
            : new Response('<html>Bad Gateway</html>', { status: ${status} });
        }`);
      await browser.click('#phone-buy');
      await browser.until('its seat', "return /^Seat 1 is yours/.test(" +
        "document.getElementById('phone-result').textContent)");
      const keys = await browser.run('return window.keys');
      equal('orders', keys.length, 2);
      equal('the key of the second', keys[1], keys[0]);
      const sale = await fetch(`${service.url}/sales/proxy${status}`);
      equal('left', (await sale.json()).remaining, 4);
    });

// ------------------------------------------------------------- the class --

const post = async (path, members, headers = {}) => (await fetch(
  service.url + path, { method: 'POST', headers,
    body: new URLSearchParams(members) })).status;

// What phone.js says to the service, for one telephone of many.
async function telephone(i, answers) {
  const me = `telephone${i}`;
  const note = (kind, value) => post('/sales/class-notes/buy',
    { buyer: `${kind} ${value} ${me}` },
    { 'Idempotency-Key': `${me}-${kind}-${value}` });
  await note('here', 1);
  await note('guess', i % 30);
  while ((await fetch(`${service.url}/sales/class`)).status === 404)
    await new Promise((done) => setTimeout(done, 100));
  const status = await post('/sales/class/buy', { buyer: `Pupil ${i}` },
    { 'Idempotency-Key': me });
  answers.push(status);
  await note('told', { 201: 'sold', 409: 'refused' }[status] ?? 'busy');
}

async function openRound(fragment, base) {
  await openPage(fragment, base);
  await browser.until('the page', isIdle);
  await browser.click('#class-open');
  await browser.until('the round', "return document.querySelector(" +
    "'#class-start:not([hidden], :disabled)')");
}

// 20 tickets at 3 s each would take a minute; an order waits 5 s.
for (const lock of ['mutex', 'flock', 'semaphore', 'optimistic'])
  test(`100 telephones, ${lock}, 3 s chosen: each is answered, none with 503`,
    async () => {
      await openRound(`lock=${lock}&tickets=20&delay=3s`);
      check('the delay that fits is said', /the delay is 150ms/
        .test(await text('class-fit')));
      const answers = [];
      const all = Promise.all(Array.from({ length: 100 }, (_, i) =>
        telephone(i, answers)));
      await browser.until('their predictions', "return " +
        "/^100 have predicted/.test(document.getElementById(" +
        "'class-predicted').textContent)");
      equal('bars of five each', await count('#class-spread li'), 6);
      await browser.click('#class-start');
      await all;
      equal('answers', answers.length, 100);
      equal('sold', answers.filter((status) => status === 201).length, 20);
      equal('refused', answers.filter((status) => status === 409).length, 80);
      await browser.until('all of it', "return /Of 100 telephones, 20 were " +
        "told .* and 80 /.test(document.getElementById('told').textContent)");
      await browser.until('the verdict', "return document.querySelector(" +
        "'.verdict.right')");
      await browser.click('#class-close');
      await browser.until('closed',
        "return document.getElementById('class-live').hidden");
    });

test('100 telephones, none: red seats with names; again: a new round', async () => {
  await openRound('lock=none&tickets=20&delay=3s');
  const answers = [];
  const all = Promise.all(Array.from({ length: 100 }, (_, i) =>
    telephone(i, answers)));
  await browser.until('their predictions', "return /^100 have/.test(" +
    "document.getElementById('class-predicted').textContent)");
  await browser.click('#class-start');
  await all;
  equal('503s', answers.filter((status) => status === 503).length, 0);
  await browser.until('names on a red seat', `const seat =
    document.querySelector('.hall .seat.twice');
    return seat && /Pupil \\d+ · Pupil/.test(seat.textContent)`);
  await browser.until('a story', isDone);
  await browser.run("document.querySelector('[data-cure=mutex]').click()");
  await browser.until('the next round',
    "return !document.getElementById('class-start').hidden && " +
    "document.getElementById('class-predicted').textContent.startsWith('0')");
  await browser.click('#class-close');
  await browser.until('closed',
    "return document.getElementById('class-live').hidden");
});

test('a telephone predicts, waits, buys, and keeps its seat', async () => {
  const notes = { id: 'class-notes', capacity: 1000, lock: 'mutex', delay: '0' };
  await post('/sales', notes);
  await openPage('class');
  await browser.until('the question',
    "return !document.getElementById('phone-guess-form').hidden");
  check('nothing to press yet', await browser.run(
    "return document.getElementById('phone-buy').disabled"));
  await browser.type('#phone-name', 'Zoe');
  await browser.type('#phone-guess', '7');
  await browser.click('#phone-guess-form button');
  check('said', /You predict 7/.test(await text('phone-guessed')));
  await post('/sales', { id: 'class', capacity: 1, lock: 'mutex', delay: '0' });
  await browser.until('it is open',
    "return !document.getElementById('phone-buy').disabled");
  await browser.click('#phone-buy');
  const has = "return /^Seat 1 is yours/.test(" +
    "document.getElementById('phone-result').textContent)";
  await browser.until('a seat', has);
  const noted = async () => (await (await fetch(
    `${service.url}/sales/class-notes/ledger`)).json()).lines
    .map(({ buyer }) => buyer.split(' ').slice(0, 2).join(' ')).sort().join();
  for (let i = 0; i < 100 && !(await noted()).includes('told'); i++)
    await new Promise((done) => setTimeout(done, 50));
  equal('the notes', await noted(), 'guess 7,here 1,told sold');
  for (const id of ['class', 'class-notes'])
    await fetch(`${service.url}/sales/${id}?force=1`, { method: 'DELETE' });
  await browser.until('it is closed', "return /closed/.test(" +
    "document.getElementById('phone-result').textContent)");
  check('and the seat is still there', await browser.run(has));
});

// ------------------------------------------- a class, as a teacher met it --

const note = (words, me) => post('/sales/class-notes/buy',
  { buyer: `${words} ${me}` }, { 'Idempotency-Key': `${me}-${words}` });
const buy = (buyer) => post('/sales/class/buy', { buyer },
  { 'Idempotency-Key': buyer });
const remove = (id) => fetch(`${service.url}/sales/${id}?force=1`,
  { method: 'DELETE' });
const has = (id, pattern) => browser.until(`${id}: ${pattern}`,
  'return new RegExp(arguments[1]).test(document.getElementById(' +
  'arguments[0]).textContent)', id, pattern);

async function closeRound() {
  await browser.run("document.getElementById('class-close').click()");
  await browser.until('closed',
    "return document.getElementById('class-live').hidden");
}

// Not with the pointer: what stands above may still move the button.
async function startRound() {
  await browser.run("document.getElementById('class-start').click()");
  await browser.until('the sale', "return !document.getElementById(" +
    "'outcome').hidden && document.getElementById('class-start').hidden");
}

test('class: a telephone that is loaded again keeps guess, key and seat',
  async () => {
    await anotherTab();
    await openPage('class');
    await has('phone-result', 'Not open yet');
    check('no raw id', await text('phone-sale') === 'Who gets a ticket?');
    const light = await browser.run("return getComputedStyle(" +
      "document.getElementById('phone-buy')).opacity");
    equal('the button is as dark as others', light, '1');
    await post('/sales', { id: 'class-notes', capacity: 1000, lock: 'mutex',
      delay: '0' });
    await note('round 5,none,0', 'host');
    await browser.until('the question',
      "return !document.getElementById('phone-guess-form').hidden");
    await has('phone-tickets', '^5 tickets for');
    await browser.type('#phone-guess', '7');
    await browser.click('#phone-guess-form button');
    await openPage('class');
    await has('phone-guessed', 'You predict 7');
    await browser.until('what it was told', "return /Good/.test(document" +
      ".getElementById('phone-result').textContent)");
    await post('/sales', { id: 'class', capacity: 5, lock: 'mutex', delay: '0' });
    await has('phone-result', 'It is open: press');
    await browser.click('#phone-buy');
    await has('phone-result', '^Seat 1 is yours');
    const me = await browser.run(
      "return sessionStorage.getItem('turnstile-phone')");
    equal('its name', await browser.run(
      "return document.getElementById('phone-name').value"),
    `buyer ${me.slice(0, 6)}`);
    await openPage('class');
    await has('phone-result', '^Seat 1 is yours');
    check('it cannot buy again', await browser.run(
      "return document.getElementById('phone-buy').disabled"));
    await remove('class');
    await has('phone-result', 'closed');
    await remove('class-notes');
    await post('/sales', { id: 'class-notes', capacity: 1000, lock: 'mutex',
      delay: '0' });
    await has('phone-result', 'A new round');
    equal('the old guess', await browser.run(
      "return document.getElementById('phone-guess').value"), '');
    await remove('class-notes');
    await anotherTab();
  });

test('class: a round that is closed while it looks asks for no other sale',
  async () => {
    await openPage('lock=none');
    const asked = await browser.run(`return import('/page/class.js').then(
      async ({ ClassSale }) => {
        const own = new ClassSale({}), asked = [];
        Object.assign(own, { id: 'class', round: 1, version: 0 });
        const { fetch } = window;
        window.fetch = async (path) => {
          asked.push(path.split('?')[0]);
          if (path.endsWith('/audit'))
            Object.assign(own, { id: null, round: 2 }); // as close() does
          return new Response('{"version":1,"lines":[],"next":null}',
            { headers: { 'Content-Type': 'application/json' } });
        };
        try {
          await own.look(1).catch((error) => asked.push(String(error)));
        } finally {
          window.fetch = fetch;
        }
        return asked.join();
      })`);
    equal('asked', asked,
      '/sales/class,/sales/class/audit,/sales/class/ledger');
  });

test('class: bars are as wide as each other, and a seat stays told', async () => {
  await openPage('lock=none');
  const [outlier, told, round] = await browser.run(`return import(
    '/page/class.js').then(({ Notes }) => {
      const notes = new Notes();
      notes.add('round 20,none,150ms host');
      for (let i = 0; i < 30; i++)
        notes.add('guess ' + (i === 29 ? 9999 : i) + ' p' + i);
      notes.add('told sold p1');
      notes.add('told refused p1');
      const say = ({ from, to, n }) => from + '-' + (to ?? '') + ':' + n;
      return [notes.spread().map(say).join(' '), notes.toldCount('sold'),
        JSON.stringify(notes.settings ?? null) + notes.here.size];
    })`);
  equal('bars', outlier, '0-4:5 5-9:5 10-14:5 15-19:5 20-24:5 25-29:4 ' +
    '30-Infinity:1');
  equal('told a seat', told, 1);
  equal('the round', round, '{"tickets":20,"lock":"none","delay":"150ms"}30');
});

test('class: nobody predicts blind, and columns are drawn to one scale',
  async () => {
    await openRound('lock=none&tickets=20&delay=3s');
    equal('the round', await text('class-round'), '20 tickets · none · 150 ms');
    check('no warning', !/try again/.test(await text('delay-hint')));
    check('no run of one’s own ends it', await browser.run(
      "return document.getElementById('start').disabled"));
    check('settings stay', await browser.run(
      "return document.getElementById('tickets').matches(':disabled')"));
    for (let i = 0; i < 9; i++)
      await note(`guess ${[20, 20, 20, 20, 100, 104, 150, 190, 199][i]}`, `p${i}`);
    await has('class-predicted', '^9 have');
    await browser.click('#projector');
    await browser.size(1280, 720);
    equal('one line', await browser.run(`const { height } = document
      .getElementById('class-address').getBoundingClientRect();
      return height < 2 * parseFloat(getComputedStyle(document
        .getElementById('class-address')).fontSize)`), true);
    equal('pillars and labels', await browser.run(`
      return [...document.querySelectorAll('#class-spread li')].map((bar) => {
        const [, pillar, label] = bar.children;
        return pillar.clientHeight + ' ' + (label.offsetHeight < 2 *
          parseFloat(getComputedStyle(label).fontSize));
      }).filter((one, i, all) => one !== all[0]).join()`), '');
    equal('they overlap', await browser.run(`
      const labels = [...document.querySelectorAll('#class-spread .bin')]
        .map((label) => label.getBoundingClientRect());
      return labels.some((one, i) => i > 0 && one.left < labels[i - 1].right)`),
    false);
    await browser.click('#class-enlarge');
    check('the code is large', await browser.run("return document" +
      ".getElementById('class-qr').clientHeight > 0.9 * innerHeight"));
    await browser.click('#class-enlarge');
    await browser.click('#projector');
    await browser.size(1280, 800);
    await closeRound();
  });

test('class: three tickets, or one witness and its own heading', async () => {
  await openRound('lock=mutex');
  check('three', (await text('class-round')).startsWith('3 tickets'));
  await closeRound();
  await openRound('lock=mutex&tickets=1&delay=0');
  await startRound();
  await buy('Pupil 60');
  await browser.until('a story', isDone);
  await browser.click('#projector');
  await has('why-head', '^How Pupil 60 bought a ticket$');
  await browser.click('#projector');
  await closeRound();
});

test('side by side: who waits and who has the lock is written, and nothing '
  + 'crosses the counter', async () => {
  await sell('lock=none&tickets=3&buyers=3&delay=200ms', 3);
  await browser.run("document.querySelector('[data-cure=mutex]').click()");
  await browser.until('both', "return !document.getElementById('both')" +
    ".hidden && !document.getElementById('start').disabled");
  await browser.click('#projector');
  await browser.click('[data-go=both]');
  for (const [language, waits, lock] of [['en', 'waits', 'lock'],
    ['zh', '等锁', '有锁']]) {
    await browser.run(`return import('/page/i18n.js').then(
      ({ setLanguage }) => setLanguage(arguments[0]))`, language);
    for (const [width, height] of [[1280, 720], [1920, 1080]]) {
      await browser.size(width, height);
      await drawInstead(lockedPair, 'cured-timeline', 'cured-labels',
        'cured-scroll', true);
      const words = (await placesOf('#cured-timeline svg > .dim'))
        .map(([one]) => one).sort();
      equal(`${language} ${width}`, words.join(),
        [waits, waits, lock, lock].sort().join());
      equal('lines across its numbers', await browser.run(`
        const parts = [...document.querySelectorAll('#cured-timeline svg > *')];
        const band = parts.findIndex((part) => part.matches('.counter'));
        return parts.slice(band).filter((part) => part.matches('.tick')).length`),
      0);
    }
  }
  await browser.click('#projector');
  await browser.size(1280, 800);
});

test('words: a sentence begins with a capital, and an option is one piece',
  async () => {
    await openPage('lock=none');
    equal('why', await browser.run(`return import('/page/tell.js').then(
      ({ tellWhy }) => tellWhy({ explained: true, orders: [
        { role: 'first', buyer: 'Ann', worker: 1, lock: 'semaphore:3' },
        { role: 'second', buyer: 'Ben', worker: 1, lock: 'semaphore:3' }] },
      [{ name: 'semaphore:3', holds: true, excludes_processes: true }]))`),
    'Three were let in at once: Ann and Ben were both between reading and ' +
      'writing.');
    equal('options', await browser.run(`return import('/page/dom.js').then(
      ({ wholeOptions }) => ['For 30 telephones: --clerks 20.',
        '请用 --listen :8080 启动服务'].map((text) => wholeOptions(text).map(
          (part) => part.textContent ? '[' + part.textContent + ']' : part)
        .join('')).join('; '))`),
    'For 30 telephones: [--clerks 20].; 请用 [--listen :8080] 启动服务');
    equal('they do not break', await browser.run(`const line =
      document.createElement('p');
      document.getElementById('host').append(line);
      line.style.width = '1px';
      return import('/page/dom.js').then(({ wholeOptions }) => {
        line.append(...wholeOptions('--clerks 20'));
        const rows = line.firstElementChild?.getClientRects().length;
        line.remove();
        return rows;
      })`), 1);
  });

test('class: a reload goes on with the round, another tab asks', async () => {
  await openRound('lock=none&tickets=2&delay=0');
  await note('guess 2', 'p1');
  await has('class-predicted', '^1 has');
  await browser.click('#projector');
  await openPage('lock=mutex');
  await has('class-predicted', '^1 has');
  equal('the stage', await browser.run(
    'return document.documentElement.dataset.stage'), 'class');
  await browser.click('#projector');
  await browser.until('nothing is under way',
    "return !document.getElementById('class-start').disabled");
  await startRound();
  await buy('Ann');
  await has('sold-n', '^1$');
  equal('its row in all runs', await browser.until('a row', `return [...document
    .querySelectorAll('#runs tbody tr:last-child td')].map((cell) =>
      cell.textContent.replace(/^[0-9.]+ (µs|ms)$/, '#')).join(' ')`), 'none none 2 class 2 1 # ✓ Correct');
  const rows = await count('#runs tbody tr');
  await openPage('lock=mutex');
  await has('sold-n', '^1$');
  await has('hall', 'Ann');
  await has('guess-n', '^2$');
  await has('verdict', 'Correct');
  equal('rows', await count('#runs tbody tr'), rows);
  await anotherTab();
  await openPage('lock=mutex');
  await browser.until('the page', isIdle);
  await browser.click('#class-open');
  await has('class-taken', 'There is a round already, class');
  await browser.click('#class-take');
  await has('hall', 'Ann');
  await closeRound();
});

test('class: a round that is deleted from outside says so', async () => {
  await openRound('lock=none&tickets=2&delay=0');
  await startRound();
  await buy('Ann');
  await has('sold-n', '^1$');
  await remove('class');
  await has('error', 'deleted this round, class');
  await remove('class-notes');
  await anotherTab();
});

test('class: the verdict is the last one, also side by side', async () => {
  await sell('lock=mutex&tickets=4&buyers=4&delay=5ms', 4);
  await browser.run(`document.querySelector('input[value=none]').click();
    const delay = document.getElementById('delay'); delay.value = '1s';
    delay.dispatchEvent(new Event('input', { bubbles: true }))`);
  await browser.click('#class-open');
  await browser.until('the round', "return document.querySelector(" +
    "'#class-start:not([hidden], :disabled)')");
  await startRound();
  await Promise.all(['Ann', 'Ben'].map(buy));
  await has('verdict', 'Double-booked');
  await has('wrong-head', 'none: Double-booked');
  await has('cured-head', 'mutex: Correct');
  for (const name of ['Cay', 'Dan', 'Eve'])
    await buy(name);
  await has('verdict', 'Oversold');
  await has('wrong-head', 'none: Oversold');
  check('the median is left out', !(await browser.run("return document" +
    ".getElementById('guess-n').checkVisibility()")));
  await closeRound();
});

test('the last number of the counter is in sight side by side', async () => {
  await browser.size(1280, 720);
  await sell('lock=none&tickets=20&buyers=2&delay=200ms', 1);
  await browser.run("document.querySelector('[data-cure=mutex]').click()");
  await browser.until('both', "return !document.getElementById('both')" +
    ".hidden && !document.getElementById('start').disabled");
  await browser.click('#projector');
  await browser.click('[data-go=both]');
  const cut = await browser.run(`return [...document.querySelectorAll(
    '#both svg .counter-value')].filter((value) => { const box =
      value.getBBox(); return box.x + box.width >
      value.ownerSVGElement.width.baseVal.value; }).map((value) =>
      value.textContent).join()`);
  equal('cut numbers', cut, '');
  check('there is an 18', /18/.test(await text('both')));
  await browser.click('#projector');
  await browser.size(1280, 800);
});

test('words: slow motion, and thin spaces around a Latin name', async () => {
  await openPage('lock=none');
  const [slow, seat] = await browser.run(`return Promise.all([
    import('/page/words.js'), import('/page/i18n.js')]).then(([{ words },
      { setLanguage, t, listOf }]) => {
    setLanguage('zh');
    return [JSON.stringify(words).match(/1000/g)?.length ?? 0,
      t('seatSold', { seat: 1, names: listOf(['Pupil 4', 'Ann']) })];
  })`);
  equal('1000 times', slow, 0);
  equal('Chinese', seat, '1 号座：卖给了\u2009Pupil 4\u2009和\u2009Ann');
});

test('the address of a round can be typed, and scanned', async () => {
  const every = await startService(binary, '--listen', '0.0.0.0:0', '--admin',
    'open', '--workers', '2');
  try {
    const { addresses, workers, clerks } = await (await fetch(`${every.url}/about`)).json();
    const local = every.url.replace(/\/\/.*:/, '//127.0.0.1:');
    await openRound('lock=none&tickets=3', local);
    if (addresses.length > 0) {
      equal('address', await text('class-address'), `${addresses[0]}/#class`);
      check('how many clerks 30 telephones need', /For 30 telephones: --clerks/
        .test(await text('class-warn')) === (workers * clerks < 30));
    }
    check('it is not 0.0.0.0', !/0\.0\.0\.0/.test(
      every.link + await text('class-address')));
    await browser.until('the code', `const code =
      document.getElementById('class-qr');
      return code.complete && code.naturalWidth > 0`);
    equal('the code says', await browser.run(`return decodeURIComponent(
      document.getElementById('class-qr').src.split('text=')[1])`),
    `http://${await text('class-address')}`);
  } finally {
    await every.stop();
  }
});

// ---------------------------------------------------------- the projector --

// What is written on the screen, too small or out of sight.
const tooSmall = `const least = innerHeight / 40, found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility?.() ||
        element.closest('noscript, script, option'))
      continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < least - 0.01)
      found.push(element.tagName + ' ' + size + ' ' + node.data.trim());
  }
  const stage = document.querySelector('#host > .on');
  if (stage.scrollHeight > stage.clientHeight + 1)
    found.push(stage.id + ' is ' + stage.scrollHeight + ' high, of ' +
      stage.clientHeight);
  return found.join('; ')`;

for (const [width, height] of [[1280, 720], [1920, 1080]])
  test(`the projector, ${width} x ${height}: one stage, large letters, replay`,
    async () => {
      await browser.size(width, height);
      await sell('lock=none&tickets=1&buyers=10&delay=200ms', 1);
      await browser.click('[data-cure=mutex]');
      await browser.until('both', "return !document.getElementById('both')" +
        ".hidden && !document.getElementById('start').disabled");
      await browser.click('#projector');
      for (const stage of ['setup', 'outcome', 'why', 'both', 'compare']) {
        await browser.click(`[data-go=${stage}]`);
        equal(stage, await browser.run(tooSmall), '');
      }
      equal('lanes', await count('#timeline .lane'), 2);
      await browser.press('body', '\uE00E'); // PageUp
      equal('PageUp goes to', await browser.run(
        'return document.documentElement.dataset.stage'), 'orders');
      await browser.press('body', '\uE00E');
      await browser.click('#both-replay');
      await browser.until('wrong and cured seats', "return document" +
        ".querySelector('#wrong-seat.twice') && document.querySelector(" +
        "'#cured-seat.sold')");
      await browser.until('the end', "return document.getElementById(" +
        "'both-replay').textContent.startsWith('Replay')");
      await browser.press('body', '\uE00E');
      await browser.click('#replay');
      await browser.until('a sold seat on the stage', "return document" +
        ".getElementById('stage-seat').matches('.sold')");
      equal('while it replays', await browser.run(tooSmall), '');
      await browser.run("document.getElementById('class-open').click()");
      await browser.until('the round',
        "return document.documentElement.dataset.stage === 'class' && " +
        "document.getElementById('class-qr').naturalWidth > 0");
      equal('class', await browser.run(tooSmall), '');
      await browser.run("document.getElementById('class-close').click()");
      await browser.until('closed',
        "return document.getElementById('class-live').hidden");
      await browser.click('#projector');
      await browser.size(1280, 800);
    });

// Two buyers under a lock, a second each, as a class's round goes.
const lockedPair = ['Ann', 'Ben'].map((buyer, i) => {
  const step = (name, ms, more) => ({ step: name, at_ns: ms * 1e6, ...more });
  const [wait, lock, read, write] = [[0, 0.114, 0.115, 1013.693],
    [41.5, 1016.664, 1016.666, 2023.091]][i];
  return { order: buyer, buyer, worker: 1, clerk: i + 1, outcome: 'sold',
    seats: [i + 1], version: i + 1, lock: 'mutex', trail: [step('wait', wait),
      step('lock', lock), step('read', read, { remaining: 3 - i, version: i }),
      step('write', write, { remaining: 2 - i })] };
});

// In place of what the page shows, in a frame of its own, as the page draws
// again into its own when that has another size: a timeline of these orders.
const drawInstead = (orders, frame, labels, scroller, narrow) => browser.run(`
  const [orders, frame, labels, scroller, narrow] = arguments;
  const $ = (id) => document.getElementById(id);
  $(frame).replaceWith($(frame).cloneNode(true));
  return Promise.all([import('/page/timeline.js'), import('/page/story.js')])
    .then(([{ Timeline }, { makeStory }]) => new Timeline({ frame: $(frame),
      labels: $(labels), scroller: $(scroller), narrow }, () => {})
      .show(makeStory(orders), { fault: null, culprit: null }))
    .then(() => null)`, orders, frame, labels, scroller, narrow);

// Of words of the picture: [text, left, right, top] of each, left to right.
const placesOf = (css) => browser.run(`return [...document.querySelectorAll(
  arguments[0])].map((words) => {
    const { left, right, top } = words.getBoundingClientRect();
    return [words.textContent, left, right, top];
  }).sort((a, b) => a[1] - b[1])`, css);

for (const language of ['en', 'zh'])
  test(`the projector, ${language}: a lock's whole story is in sight`,
    async () => {
      await sell('lock=mutex&tickets=2&buyers=2&delay=0', 2);
      await browser.run(`return import('/page/i18n.js').then(
        ({ setLanguage }) => setLanguage(arguments[0]))`, language);
      await browser.click('#projector');
      await browser.click('[data-go=why]');
      for (const [width, height] of [[1280, 720], [1920, 1080]]) {
        await browser.size(width, height);
        await drawInstead(lockedPair, 'timeline', 'lane-labels',
          'timeline-scroll', false);
        equal('steps', await count('#timeline .step-number'), 8);
        const [has, room] = await browser.run(`const { scrollWidth,
          clientWidth } = document.getElementById('timeline-scroll');
          return [scrollWidth, clientWidth]`);
        check(`${width}: ${has} px are in ${room}`, has <= room);
        const times = (await placesOf('#timeline svg > .dim'))
          .filter(([words]) => / (ms|µs)$/.test(words));
        const foot = Math.max(...times.map(([, , , top]) => top));
        const marks = times.filter(([, , , top]) => top === foot);
        equal('times', marks.map(([words]) => words).join(),
          '0 ms,+114 µs,+1 µs,42 ms,1014 ms,1017 ms,+2 µs,2023 ms');
        marks.forEach(([words, left], i) => check(`${words} is apart`,
          i === 0 || marks[i - 1][2] < left));
      }
      await browser.click('#projector');
      await browser.size(1280, 800);
    });

// Tab until the element has the focus, as a hand would.
async function tabTo(id) {
  for (let i = 0; i < 80; i++) {
    await browser.key('\uE004');
    if (await browser.run('return document.activeElement.id') === id)
      return;
  }
  throw new Error(`Tab does not reach ${id}`);
}

test('with the keyboard alone: predict, start, replay, step, cure', async () => {
  await openPage('lock=none&tickets=1&buyers=6&delay=200ms');
  await browser.until('the page', isIdle);
  await browser.run("document.getElementById('language').focus()");
  await tabTo('guess');
  await browser.key('1');
  await browser.key('\uE007'); // Enter
  await browser.until('the verdict', isDone);
  await tabTo('replay');
  await browser.key('\uE007');
  await browser.until('it replays',
    "return document.getElementById('replay').textContent === 'Stop'");
  await tabTo('timeline');
  await browser.key('\uE011');
  await browser.key('\uE014');
  equal('the step', await position(), 1);
  await tabTo('projector');
  await browser.key('\uE007');
  await browser.until('the projector',
    "return document.documentElement.dataset.stage === 'why'");
  await browser.key('\uE007');
});

// ------------------------------------------------------------ every order --

const strip = (order) => `#orders-groups [data-order="${order}"]`;

async function openOrders(asked = '', language = 'en') {
  await browser.go('about:blank');
  await browser.go(`${service.url}/#lang=${language}&lock=none` +
    (asked && `&orders=${asked}`));
  await browser.until('the orders',
    "return document.getElementById('orders-case').options.length === 3");
}

async function predictOrders(setting, guess) {
  await browser.run(`const one = document.getElementById('orders-case');
    one.selectedIndex = arguments[0];
    one.dispatchEvent(new Event('change'))`, setting);
  if (guess !== null)
    await browser.type('#orders-guess', String(guess));
  await browser.click('#orders-predict button');
}

const chooseUnder = (name, lock) => browser.run(`document.querySelector(
  'input[name=' + arguments[0] + '][value="' + arguments[1] + '"]').click()`,
name, lock);

test('every order: first a prediction, then the picture, and both are told',
  async () => {
    await openOrders();
    check('no picture yet', await browser.run(
      "return document.getElementById('orders-picture').hidden"));
    equal('strips', await count('#orders-groups .strip'), 0);
    await browser.click('#orders-predict button');
    check('asks for a guess', /guess first/.test(await text('orders-first')));
    await browser.type('#orders-guess', '3');
    await browser.click('#orders-predict button');
    equal('told', await text('orders-result'),
      'You predicted 3; 4 of 6 are wrong.');
    await predictOrders(1, 4);
    equal('told', await text('orders-result'),
      'You were right: 4 of 6 are wrong.');
    await browser.run("document.getElementById('orders-case').selectedIndex = " +
      "2; document.getElementById('orders-case').dispatchEvent(" +
      "new Event('change'))");
    check('each setting asks', await browser.run(
      "return document.getElementById('orders-picture').hidden"));
    await browser.click('#orders-predict button');
    await browser.click('#orders-predict button');
    equal('skipped', await text('orders-result'), '84 of 90 are wrong.');
  });

test('every order: 6, 4 wrong; 90, 84 wrong, 36 ends; under a lock 6, 0 wrong',
  async () => {
    await openOrders();
    for (const [setting, n, wrong, ends] of [[0, 6, 4, 4], [1, 6, 4, 4],
      [2, 90, 84, 36]]) {
      await predictOrders(setting, 1);
      equal('strips', await count('#orders-groups .strip'), n);
      equal('wrong ones', await count('#orders-groups .strip.wrong'), wrong);
      equal('ends', await count('#orders-groups .end'), ends);
      equal('marked not by colour alone', await browser.run(`return [
        ...document.querySelectorAll('#orders-groups .strip')].filter((strip) =>
        strip.textContent.endsWith('✗') !== strip.matches('.wrong')).length`),
      0);
    }
    for (const lock of ['flock', 'mutex', 'semaphore', 'optimistic']) {
      await chooseUnder('orders-lock', lock);
      equal(`wrong under ${lock}`, await count('#orders-groups .strip.wrong'), 0);
      equal(`ends under ${lock}`, await count('#orders-groups .end'), 6);
    }
    check('said', /^90 orders come to 6 ends, and none of them is wrong/
      .test(await text('orders-sum')));
  });

test('every order: ABBA oversells; mutex holds B up at letter 2', async () => {
  await openOrders();
  await predictOrders(0, 3);
  await browser.click(strip('ABBA'));
  equal('the verdict', await text('orders-verdict'),
    'Oversold2 sold of 1. Seat 1: sold 2 times, to B and A.');
  equal('two held one number', await count('#orders-timeline rect.box.twin'), 2);
  check('the first seat', /1 · B · A/.test(await text('orders-seats')));
  equal('times', await browser.run(`return [...document.querySelectorAll(
    '#orders-told text, #orders-steps span')].filter((part) =>
    / ms/.test(part.textContent)).length`), 0);
  await chooseUnder('told-lock', 'mutex');
  equal('the verdict', await text('orders-verdict'), 'Correct1 sold of 1.');
  equal('held up', await text('orders-held'), 'letter 2: B waits, A holds ' +
    'the lockThe same order then becomes AAB');
  check('waiting is hatched', await count('#orders-timeline rect.wait') === 1);
  equal('the steps', await browser.run(`return [...document.querySelectorAll(
    '#orders-steps li > :last-child')].map((one) => one.textContent).join()`),
  'A gets a lock (mutex),A reads 1 left (version 0),' +
    'letter 2: B waits, A holds the lock,A writes 0 left, takes seat 1,' +
    'B gets a lock (mutex),B reads 0 left (version 1): too few, refused');
  await chooseUnder('told-lock', 'optimistic');
  check('one more look', /becomes ABBAA$/.test(await text('orders-held')));
  check('it bounces', await count('#orders-timeline .cross') === 1);
  check('the address has it', (await browser.run('return location.hash'))
    .endsWith('orders=2/1/ABBA/optimistic'));
});

test('every order: a link opens one of them', async () => {
  await openOrders('3/2/ABCCBA/flock');
  check('its words', /becomes AABBC$/.test(await text('orders-held')));
  equal('the focus', await browser.run('return document.activeElement.id'),
    'orders-told-head');
  await openOrders('3/2/XYZ');
  check('one that is none: predict', !(await browser.run(
    "return document.getElementById('orders-predict').hidden")));
});

// Tab until the element has the focus, as a hand would.
async function tabInto(css) {
  for (let i = 0; i < 120; i++) {
    await browser.key('\uE004');
    if (await browser.run('return document.activeElement.matches(arguments[0])',
      css))
      return;
  }
  throw new Error(`Tab does not reach ${css}`);
}

const shownOrder = () => browser.run(
  'return document.activeElement.dataset.order');

test('every order, with the keyboard alone', async () => {
  await openOrders();
  await browser.run("document.getElementById('language').focus()");
  await tabTo('orders-guess');
  await browser.key('4');
  await browser.key('\uE007'); // Enter
  equal('the focus', await browser.run('return document.activeElement.id'),
    'orders-result');
  await tabInto('#orders-locks input');
  await tabInto('#orders-groups .strip');
  const first = await shownOrder();
  await browser.key('\uE015'); // down
  const second = await shownOrder();
  check(`${first}, then ${second}`, second !== first);
  await browser.key('\uE014'); // right
  check('another', (await shownOrder()) !== second);
  await browser.key('\uE010'); // End
  const last = await shownOrder();
  await browser.key('\uE011'); // Home
  equal('Home', await shownOrder(), first);
  await browser.key('\uE010');
  equal('End', await shownOrder(), last);
  await browser.key('\uE007');
  equal('the focus', await browser.run('return document.activeElement.id'),
    'orders-told-head');
  await tabInto('#told-locks input');
  await browser.key('\uE014'); // right: the next strategy
  check('it is chosen, and has the focus', await browser.run(
    'return document.activeElement.matches("input[name=told-lock]:checked") && ' +
    'document.activeElement.value !== "none"'));
  await tabTo('orders-timeline');
  await browser.key('\uE011');
  await browser.key('\uE014');
  equal('the step', await browser.run(`return document.getElementById(
    'orders-timeline').getAttribute('aria-valuenow')`), '1');
  await browser.key('\uE00C'); // Escape
  equal('Escape', await shownOrder(), last);
});

test('every order: names for who cannot see it, in both languages', async () => {
  await openOrders('2/1/ABBA/mutex', 'zh');
  const names = () => browser.run(`return [...document.querySelectorAll(
    '#orders-groups > *, #orders-groups .strip, #told-locks input, ' +
    '#orders-groups, #orders-timeline')].map((one) =>
      one.getAttribute('aria-label') ?? '')`);
  const chinese = await names();
  equal('without a name', chinese.filter((name) => !name).length, 0);
  check('words', /^第 2 个字母：.*B.*得等，锁在.*A.*手里/
    .test(await text('orders-held')));
  check('a strip', chinese.includes('A B B A: 正确. 变成\u2009A A B。') ||
    chinese.some((name) => /^A B B A: 正确. 变成.*A A B。$/.test(name)));
  await browser.click('#language');
  const english = await names();
  check('a strip', english.includes('A B B A: Correct. It becomes A A B.'));
  check('an end', english.includes('Correct: A has seat 1, B is refused'));
  check('no Chinese is left', !/[\u4e00-\u9fff]/.test(await browser.run(
    "return document.getElementById('orders').textContent") + english.join()));
});

for (const language of ['en', 'zh'])
  test(`every order fits 390 px and more: ${language}`, async () => {
    for (const link of ['2/1/ABBA', '2/2/ABAB/mutex', '3/2/ABCCBA',
      '3/2/ABCCBA/optimistic', '3/2/CBBCAA/flock']) {
      await openOrders(link, language);
      for (const width of [360, 390, 1280, 1920]) {
        await browser.size(width, 844);
        const wide = await browser.run(`const out = [];
          const most = document.getElementById('orders').clientWidth;
          if (document.documentElement.scrollWidth > innerWidth)
            out.push('the page');
          for (const one of document.querySelectorAll('#orders *')) {
            const box = one.getBoundingClientRect();
            if (!one.closest('.timeline-scroll') && one.checkVisibility() &&
                box.right > most + document.getElementById('orders')
                  .getBoundingClientRect().left)
              out.push(one.id || one.className || one.tagName);
          }
          for (const one of document.querySelectorAll('#orders-groups .end'))
            if (one.scrollWidth > one.clientWidth)
              out.push('in ' + one.textContent);
          return out.join()`);
        equal(`${link} at ${width} px`, wide, '');
      }
    }
    await browser.size(1280, 800);
  });

test('every order: less motion, if asked for: no number between two steps',
  async () => {
    await openOrders('2/1/ABBA');
    await browser.cdp('Emulation.setEmulatedMedia', { features: [
      { name: 'prefers-reduced-motion', value: 'reduce' }] });
    const between = await browser.run(`return Promise.all([
      import('/page/replay.js')]).then(([{ Replay }]) => new Promise((done) => {
        const seen = [];
        const events = [{ key: 0 }, { key: 1 }];
        const replay = new Replay({ story: { events }, position: 0, go(to) {
          this.position = to; seen.push(to); } }, () => {}, () =>
          done(seen.filter((to) => to % 1 !== 0).length));
        replay.start();
      }))`);
    await browser.cdp('Emulation.setEmulatedMedia', { features: [] });
    equal('positions between', between, 0);
  });

test('a collision ends with the laboratory’s command, and a link to its order',
  async () => {
    await sell('lock=none&tickets=1&buyers=6&delay=200ms', 1);
    const told = await text('again');
    check(told, /turnstile-lab --tickets 1 --schedule (ABAB|ABBA|BAAB|BABA) --cures/
      .test(told));
    const [, order] = /--schedule ([AB]+)/.exec(told);
    await browser.click('#again a');
    check('it is opened', (await browser.run(`return document.querySelector(
      '#orders-groups [aria-current]')?.dataset.order`)) === order);
    check('the verdict', (await text('orders-verdict'))
      .startsWith('Oversold2 sold of 1.'));
    check('the run is still there', await count('.hall .seat.twice') === 1);
    equal('of more tickets', await browser.run(`return import('/page/room.js')
      .then(({ Room }) => { const find = Room.prototype.find.bind({ cases: [
        { buyers: 2, tickets: 2, orders: ['ABAB'] }] });
      return JSON.stringify([find('ABAB', 100), find('ABABAB', 100),
        find('ABAB', 1)]); })`),
    '[{"tickets":2,"link":"2/2/ABAB"},null,null]');
  });

for (const [width, height] of [[1280, 720], [1920, 1080]])
  test(`every order on the projector, ${width} x ${height}: large letters`,
    async () => {
      await browser.size(width, height);
      await openOrders();
      await browser.until('the page', isIdle);
      await browser.click('#projector');
      await browser.click('[data-go=orders]');
      equal('the question', await browser.run(tooSmall), '');
      await browser.type('#orders-guess', '3');
      await browser.click('#orders-predict button');
      equal('the picture', await browser.run(tooSmall), '');
      await browser.click(strip('ABBA'));
      equal('one of them', await browser.run(tooSmall), '');
      await chooseUnder('told-lock', 'mutex');
      equal('held up', await browser.run(tooSmall), '');
      await browser.key('\uE00C'); // Escape
      equal('back at', await shownOrder(), 'ABBA');
      check('the picture alone', await browser.run(
        "return document.getElementById('orders-told').hidden"));
      await chooseUnder('orders-lock', 'mutex');
      equal('the picture under mutex', await browser.run(tooSmall), '');
      await predictOrders(2, 1);
      equal('a box sticks out', await browser.run(`const stage = document
        .getElementById('orders'); return stage.scrollWidth > stage.clientWidth`),
      false);
      await browser.click('#projector');
      await browser.size(1280, 800);
    });

test('a page without orders, as the build could not run the laboratory',
  async () => {
    await openPage('lock=none');
    await browser.until('the page', isIdle);
    equal('orders', await browser.run(`const real = window.fetch;
      window.fetch = async () => new Response('[]');
      return import('/page/room.js').then(async ({ Room }) => {
        document.getElementById('orders').hidden = true;
        await new Room(() => {}).load('2/1/ABBA');
        window.fetch = real;
        return document.getElementById('orders').hidden;
      })`), true);
  });

test('replay is in view at 1280 x 720: both buyers, and the seat', async () => {
  await browser.size(1280, 720);
  await sell('lock=none&tickets=1&buyers=6&delay=200ms', 1);
  await browser.click('#replay');
  const box = await browser.run(`const a = document.getElementById('stage')
    .getBoundingClientRect(), b = document.getElementById('timeline')
    .getBoundingClientRect(); return [a.top, b.bottom, innerHeight]`);
  check(`in view: ${box}`, box[0] >= 0 && box[1] <= box[2]);
  await browser.click('#replay');
  await browser.size(1280, 800);
});

test('390 px: no column is cut, and no time runs into the next', async () => {
  await browser.size(390, 844);
  await sell('lock=none&tickets=1&buyers=6&delay=1s', 1);
  const cut = await browser.run(`const table =
    document.querySelector('.wide-table');
    return table.scrollWidth - table.clientWidth`);
  check(`${cut} px are cut`, cut <= 0);
  const boxes = await browser.run(`return [...document.querySelectorAll(
    '#timeline text.dim')].filter((text) => / ms$/.test(text.textContent))
    .map((text) => text.getBoundingClientRect())
    .map(({ left, right, top }) => ({ left, right, top }))`);
  for (const a of boxes)
    for (const b of boxes)
      if (a !== b && a.top === b.top && a.left <= b.left)
        check('times are apart', a.right <= b.left);
  await browser.size(1280, 800);
});

test('390 px: three seats and their names stick out of nothing', async () => {
  await browser.size(390, 844);
  await sell('lock=none&tickets=3&buyers=6&delay=50ms', 6);
  for (const language of ['en', 'zh']) {
    await browser.run(`return import('/page/i18n.js').then(
      ({ setLanguage }) => setLanguage(arguments[0]))`, language);
    const wide = await browser.run(
      'return document.documentElement.scrollWidth - innerWidth');
    check(`${language}: ${wide} px`, wide <= 0);
  }
  await browser.size(1280, 800);
});

test('two numbers that were held at once are both told', async () => {
  await openPage('lock=none');
  const told = await browser.run(`
    const order = (role, buyer, version, base, read, at, write) => ({ role,
      order: buyer, buyer, worker: 1, clerk: version, version, lock: 'none',
      seats: [2], trail: [
        { step: 'read', at_ns: at, remaining: read, version: base },
        { step: 'write', at_ns: write, remaining: read - 1, version: base }] });
    const orders = [order('first', 'Ann', 2, 1, 99, 20, 40),
      order('second', 'Bob', 3, 0, 100, 10, 50)];
    const step = (role, step, remaining) => ({ role, step, remaining });
    return Promise.all([import('/page/story.js'), import('/page/tell.js')])
      .then(([{ makeStory }, { faultOf }]) => faultOf(makeStory(orders), {
        explained: true, orders, wrong_step: 2, steps: [
          step('second', 'read', 100), step('first', 'read', 99)] }).text)`);
  equal('told', told, 'It went wrong at step 2: Ann read 99 while Bob held ' +
    '100, not written back yet.');
});

// What the text says of a collision, and the page of the same.
const readText = (audit) => ({
  times: [...audit.matchAll(/^ *([0-9.]+) ms /gm)].map((row) => Number(row[1])),
  wrong: /It went wrong[^]*?\.\n(?=Why)/.exec(audit)[0].replace(/\s+/g, ' '),
  why: /Why: ([^]*?)\.\n/.exec(audit)[1].replace(/\s+/g, ' '),
});

const readPage = (collision) => browser.run(`return Promise.all(['story',
  'tell', 'why', 'api'].map((name) => import('/page/' + name + '.js'))).then(
  async ([{ makeStory }, { faultOf, tellWhy }, { witnessesOf }, { get }]) => {
    const collision = { ...arguments[0], orders: witnessesOf({
      audit: { collision: arguments[0] }, orders: [] }) };
    const { locks } = await get('/locks');
    const story = makeStory(collision.orders);
    const events = story.events.filter((event) => event.type !== 'wait');
    const fault = faultOf(story, collision);
    return { steps: events.map((event) => ({ step: event.type,
      order: event.orders[0].order,
      ms: (event.key - events[0].key) / 1e6 })),
    fault: fault.text, at: events.indexOf(fault.event) + 1,
    why: tellWhy(collision, locks) };
  })`, collision);

// A sale that went wrong without a delay; null: this one did not.
async function race(base, id, lock) {
  const post = (path, body) => fetch(base + path, { method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body) });
  const get = async (path, kind) => (await fetch(`${base}/sales/${id}/${path}`))[
    kind]();
  await post('/sales', { id, lock, capacity: 12 });
  await Promise.all([1, 2, 3].map(() => post(`/sales/${id}/crowd`,
    { count: 4 })));
  const audit = await get('audit', 'json');
  return audit.collision && { collision: audit.collision,
    text: readText(await get('audit.txt', 'text')) };
}

function assertAlike({ collision, text }, page) {
  const { steps, orders } = collision;
  const order = (role) => orders.find((one) => one.role === role).order;
  equal('steps', page.steps.map((one) => `${one.step} ${one.order}`).join(),
    steps.map((one) => `${one.step} ${order(one.role)}`).join());
  equal('rows', text.times.length, steps.length);
  steps.forEach((one, i) => {
    const ms = (one.at_ns - steps[0].at_ns) / 1e6;
    check(`${text.times[i]} is ${ms}`, Math.abs(text.times[i] - ms) < 0.001);
    check(`${page.steps[i].ms} is ${ms}`,
      Math.abs(page.steps[i].ms - ms) < 0.001);
  });
  equal('the step', page.at, collision.wrong_step);
  equal('what went wrong', text.wrong.replace(/ at [0-9.]+ ms/, ''),
    `It went wrong: ${collision.wrong}. `);
  equal('on the page', page.fault.replace(/ at step \d+/, ''),
    `It went wrong: ${collision.wrong}.`);
  equal('why', text.why, collision.why);
  equal('on the page', page.why.toLowerCase().replace('’', "'")
    .replace(/ \(worker.*?\)/, ''), `${collision.why}.`);
}

test('page, text and JSON tell one story of races without a delay',
  async () => {
    let told = 0;
    for (const store of ['json', 'sqlite']) {
      const one = await startService(binary, '--store', store);
      try {
        await openPage('lock=none', one.url);
        for (let i = 0; i < 90; i++) {
          const lock = ['none', 'mutex-private', 'semaphore:3'][i % 3];
          const met = await race(one.url, `race-${i}`, lock);
          if (!met)
            continue;
          assertAlike(met, await readPage(met.collision));
          told++;
        }
      } finally {
        await one.stop();
      }
    }
    check(`enough went wrong: ${told}`, told > 20);
  });

// Ann's write begins before Ben reads, and is seen by all only after it.
test('a write has two times: when it began, and when it was seen', async () => {
  await openPage('lock=none');
  const times = await browser.run(`return Promise.all([
    import('/page/story.js'), import('/page/tell.js')]).then(
    ([{ makeStory }, { timeOf }]) => {
      const story = makeStory([
        { order: 'a', buyer: 'Ann', worker: 1, clerk: 1, seats: [1], version: 1,
          trail: [{ step: 'read', at_ns: 0, remaining: 3, version: 0 },
            { step: 'write', at_ns: 16000, remaining: 2, version: 0 }] },
        { order: 'b', buyer: 'Ben', worker: 1, clerk: 2, seats: [1], version: 2,
          trail: [{ step: 'read', at_ns: 429000, remaining: 3, version: 0 },
            { step: 'write', at_ns: 500000, remaining: 2, version: 0 }] },
      ]);
      return story.events.map((event) => event.type + ' ' +
        timeOf(event, story.from)).join('; ');
    })`);
  equal('times', times, 'read 0.000 ms; read 0.429 ms; ' +
    'write 0.016 – 0.429 ms; write 0.500 ms');
});

test('with --admin token: read-only, until the link or the field has it',
  async () => {
    const guarded = await startService(binary, '--admin', 'token');
    try {
      await openPage('lock=none', guarded.url);
      await browser.until('the field',
        "return !document.getElementById('token-form').hidden");
      check('no start', await browser.run(
        "return document.getElementById('start').disabled"));
      const token = guarded.token();
      await openPage(`token=${token}&tickets=3`, guarded.url);
      await browser.until('the page', isIdle);
      const hash = await browser.run('return location.href');
      check('the token is out of the address', !hash.includes(token));
      check('and other settings stay', hash.includes('tickets=3'));
      await browser.type('#guess', '3');
      await browser.click('#start');
      await browser.until('the verdict', isDone);
    } finally {
      await guarded.stop();
    }
  });

test('it fits a telephone and a projector: nothing sticks out', async () => {
  await openPage('lock=none&tickets=1&buyers=6');
  for (const width of [360, 390, 1280, 1920, 3840]) {
    await browser.size(width, 800);
    const wide = await browser.run(
      'return document.documentElement.scrollWidth - innerWidth');
    check(`${width} px`, wide <= 0);
  }
  await browser.size(1280, 800);
});

test('files have ETags, and nosniff, and a policy without inline code',
  async () => {
    const html = { headers: { Accept: 'text/html' } };
    const page = await fetch(`${service.url}/`, html);
    check('the policy', page.headers.get('content-security-policy')
      .startsWith("default-src 'none'; script-src 'self'; style-src 'self'"));
    equal('nosniff', page.headers.get('x-content-type-options'), 'nosniff');
    equal('Vary', page.headers.get('vary'), 'Accept');
    const again = await fetch(`${service.url}/`, { headers: { ...html.headers,
      'If-None-Match': page.headers.get('etag') } });
    equal('the status', again.status, 304);
    const plain = await fetch(`${service.url}/`);
    check('curl still gets its lines',
      plain.headers.get('content-type').startsWith('text/plain'));
    const none = await fetch(`${service.url}/page/none.js`);
    equal('what is not there', none.status, 404);
  });

// Chromium itself notes a line for each 409, the answer of a buyer who is
// refused and of a second round, and each 404, while a telephone waits for its
// sale and /livez has no icon, and none of them can be avoided; all else is an
// error.
test('the console is empty, but for refusals and waiting', async () => {
  const refused = /(\/buy\S*|\/sales) - .*\b409\b/;
  const absent = /\/(sales\/(class|hall)\S*|favicon.ico) - .*\b404\b/;
  const lines = consoleLines.filter((line) => !(line.source === 'network' &&
    (refused.test(line.message) || absent.test(line.message))));
  equal('console', lines.map((line) => line.message).join('\n'), '');
});

test('nothing was requested from elsewhere', async () => {
  check('requests were seen', requests.length > 20);
  const foreign = requests.filter((url) =>
    !/^(http:\/\/127\.0\.0\.1:\d+\/|data:|about:)/.test(url));
  equal('foreign requests', foreign.join(), '');
});

// What a page sees of a call to another origin: the status and what it can
// read, or "blocked".
const fetchFrom = async (url, options = {}) => await browser.run(`
  return fetch(arguments[0], arguments[1]).then(async (answer) => ({
    status: answer.status, text: await answer.text(),
    replayed: answer.headers.get('Idempotent-Replayed'),
    id: answer.headers.get('X-Request-Id'), etag: answer.headers.get('ETag'),
  }), () => 'blocked')`, url, options);

// Behind those that look at the console: what a browser blocks it notes there.
test('a page of an origin that --allow-origin names looks and buys, no more',
  async () => {
    const shop = service.url; // /livez, as the page's own policy is stricter
    const open = await startService(binary, '--allow-origin', shop);
    const sale = `${open.url}/sales/demo`;
    const buy = { method: 'POST', body: '{"buyer":"ann"}', headers: {
      'Content-Type': 'application/json', 'Idempotency-Key': 'k',
      'X-Request-Id': 'cart-7' } };
    await browser.go(`${shop}/livez`);
    const first = await fetchFrom(`${sale}/buy`, buy);
    equal('the first', first.status, 201);
    equal('replayed', first.replayed, null);
    equal('the id', first.id, 'cart-7');
    const again = await fetchFrom(`${sale}/buy`, buy);
    equal('replayed', again.replayed, 'true');
    const seen = await fetchFrom(sale);
    equal('left', JSON.parse(seen.text).remaining, 99);
    const late = await fetchFrom(`${sale}/buy`, { method: 'POST',
      headers: { 'If-Match': '"0000000000000000-0"' } });
    equal('too late', late.status, 412);
    equal('the ETag to try with', late.etag, seen.etag);
    for (const call of [[sale, { method: 'DELETE' }],
      [sale, { method: 'PATCH', body: '{"lock":"none"}' }],
      [`${open.url}/sales`, { method: 'POST', body: 'id=x&capacity=1' }],
      [`${sale}/ledger`]])
      equal(`${call[1]?.method} ${call[0]}`, await fetchFrom(...call),
        'blocked');
    equal('sales', (await (await fetch(`${open.url}/sales`)).json())
      .sales.map(({ id, lock }) => `${id} ${lock}`).join(), 'demo mutex');
    // The same page, by another name.
    await browser.go(`${shop.replace('127.0.0.1', 'localhost')}/livez`);
    equal('by another origin', await fetchFrom(sale), 'blocked');
    await open.stop();
  });

const consoleLines = [], requests = [];

async function collectLogs() {
  consoleLines.push(...await browser.log('browser'));
  for (const entry of await browser.log('performance')) {
    const { message } = JSON.parse(entry.message);
    if (message.method === 'Network.requestWillBeSent')
      requests.push(message.params.request.url);
  }
}

let passed = 0, failed = 0;
service = await startService(binary, '--workers', '2');
browser = await startDriver(chromedriver, chromium);
await browser.size(1280, 800);
await browser.go('about:blank');
await browser.log('performance'); // Chromium's own first tab
for (const { goal, body } of tests.filter(({ goal }) =>
  goal.includes(process.env.ONLY ?? ''))) {
  try {
    await body();
    passed++;
    console.log(`ok    ${goal}`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${goal}\n      ${error.message}`);
  }
  await collectLogs();
}
await browser.stop();
await service.stop();
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
