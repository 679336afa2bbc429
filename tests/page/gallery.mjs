// SPDX-License-Identifier: BSD-2-Clause
// Pictures of all that the page shows, to be looked at: every stage, in both
// languages, light and dark, on a telephone, in a window and on a projector.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDriver, startService } from './driver.mjs';

const [binary, chromedriver, chromium, folder] = process.argv.slice(2);
const SIZES = [[390, 844], [1280, 720], [1920, 1080]];
const LOOKS = [['en', false], ['zh', false], ['en', true]];

mkdirSync(folder, { recursive: true });
const service = await startService(binary, '--listen', '0.0.0.0:0',
  '--workers', '2', '--admin', 'open');
const browser = await startDriver(chromedriver, chromium);
const base = service.url;

async function take(name, whole) {
  const clip = whole ? await browser.run(`return { x: 0, y: 0,
    width: innerWidth, height: document.documentElement.scrollHeight }`)
    : undefined;
  writeFileSync(join(folder, `${name}.png`), await browser.picture(clip));
}

const isDone = `return !document.getElementById('start').disabled &&
  !document.getElementById('why').hidden`;

async function run(language, lock, tickets, buyers) {
  await browser.go('about:blank');
  await browser.go(`${base}/#lang=${language}&lock=${lock}&tickets=${tickets}` +
    `&buyers=${buyers}&delay=200ms`);
  await browser.until('start', `return document.getElementById('start')?.disabled === false`);
  await browser.type('#guess', '1');
  await browser.click('#start');
  await browser.until('a story', isDone);
}

// A round of the class, as far as its prediction.
async function openClass() {
  await browser.run("document.getElementById('class-open').click()");
  await browser.until('a round', `return !document.getElementById('class-start').hidden`);
  const note = (buyer) => fetch(`${base}/sales/class-notes/buy`,
    { method: 'POST', body: new URLSearchParams({ buyer }) });
  for (let i = 0; i < 28; i++) {
    await note(`here 1 phone${i}`);
    if (i < 25)
      await note(`guess ${[1, 2, 3, 3, 4, 5, 8, 10, 28][i % 9]} phone${i}`);
  }
  await browser.until('the notes', `return /25/.test(
    document.getElementById('class-predicted').textContent)`);
}

// And as far as everybody was told.
async function sellToClass() {
  await browser.run(`document.getElementById('class-start').click()`);
  await browser.until('what happens', `return
    !document.getElementById('outcome').hidden`.replace('\n', ' '));
  await Promise.all(Array.from({ length: 28 }, async (_, i) => {
    const { status } = await fetch(`${base}/sales/class/buy`, { method: 'POST',
      body: new URLSearchParams({ buyer: `Pupil ${i}` }) });
    await fetch(`${base}/sales/class-notes/buy`, { method: 'POST',
      body: new URLSearchParams({
        buyer: `told ${status === 201 ? 'sold' : 'refused'} phone${i}` }) });
  }));
  await browser.until('what was told', `return /28/.test(
    document.getElementById('told').textContent)`);
}

// Every order: the question, the picture, and one of them, held up.
async function orders(name, language) {
  for (const [stage, link] of [['orders', ''], ['orders-one', '2/1/ABBA'],
    ['orders-held', '2/1/ABBA/mutex'], ['orders-three', '3/2/ABCCBA'],
    ['orders-again', '3/2/ABCCBA/optimistic']]) {
    await browser.go('about:blank');
    await browser.go(`${base}/#lang=${language}&lock=none&orders=${link}`);
    await browser.until('the orders', `return document.getElementById(
      'orders-case')?.options.length === 3 && (arguments[0] === '' ||
      !document.getElementById('orders-told').hidden)`, link);
    await take(name(stage), true);
  }
}

async function phones(language) {
  await browser.size(390, 844);
  await browser.go('about:blank');
  await browser.go(`${base}/#class&lang=${language}`);
  await browser.until('the form', `return !document.getElementById('phone-guess-form').hidden`);
  await take(`390-${language}-phone-predict`);
}

for (const [language, dark] of LOOKS) {
  const look = `${language}${dark ? '-dark' : ''}`;
  for (const [width, height] of SIZES) {
    const name = (stage) => `${width}-${look}-${stage}`;
    await browser.size(width, height, dark);
    await orders(name, language);
    await run(language, 'none', 1, 10);
    await take(name('page'), true);
    await browser.run("document.querySelector('[data-cure=mutex]').click()");
    await browser.until('the cure', `return !document.getElementById('both')
      .hidden && !document.getElementById('start').disabled`);
    await take(name('cured'), true);
    await browser.run("document.getElementById('axis').value = 'time';" +
      "document.getElementById('axis').dispatchEvent(new Event('change'))");
    await openClass();
    if (width > 390) {
      await browser.run("document.getElementById('projector').click()");
      for (const stage of ['setup', 'class', 'outcome', 'why', 'both',
        'orders', 'compare'])
        if (await browser.run(`const button = document.querySelector(
          '[data-go=${stage}]'); button.click(); return !button.disabled`))
          await take(name(`projector-${stage}`));
      await browser.run(`document.querySelector('input[value=none]').click();
        const tickets = document.getElementById('tickets');
        tickets.value = 20;
        tickets.dispatchEvent(new Event('input', { bubbles: true }))`);
      await sellToClass();
      await take(name('projector-class-told'));
      await browser.run("document.querySelector('[data-go=class]').click()");
      await take(name('projector-class-after'));
      await browser.run("document.getElementById('projector').click()");
      await run(language, 'none', 3, 10);
      await browser.run("document.getElementById('projector').click()");
      for (const stage of ['outcome', 'why', 'both']) {
        await browser.run(`document.querySelector('[data-go=${stage}]').click()`);
        await take(name(`projector-${stage}-none`));
      }
      await browser.run("document.getElementById('projector').click()");
    } else {
      await take(name('class'), true);
      if (!dark)
        await phones(language);
    }
    await browser.run("sessionStorage.clear()");
    for (const id of ['class', 'class-notes'])
      await fetch(`${base}/sales/${id}?force=1`, { method: 'DELETE' });
  }
}
await browser.stop();
await service.stop();
console.log(`the pictures are in ${folder}`);
