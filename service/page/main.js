// SPDX-License-Identifier: BSD-2-Clause
// Wires the page: choose, predict, start; then what happened, and why.

import { ApiError, call, get, setToken } from './api.js';
import { Both } from './both.js';
import { ClassSale } from './class.js';
import { addressesOf, drawAddress, drawNotes, drawRound, enlargeCode }
  from './classroom.js';
import { addRun, drawRuns, longestWait } from './compare.js';
import { $, isCalm, make, wholeOptions } from './dom.js';
import { Hall } from './hall.js';
import { getLanguage, onLanguage, setLanguage, t, tOr } from './i18n.js';
import { showRunning, showSold, showVerdict } from './outcome.js';
import { startPhone } from './phone.js';
import { Projector } from './projector.js';
import { Room } from './room.js';
import { inspect, openSale, sendBuyers, watchSale } from './sale.js';
import { fittingDelay, longestMs, readFragment, readSettings, writeFragment }
  from './settings.js';
import { Why } from './why.js';

const DELAYS = ['0', '5ms', '50ms', '200ms', '1s', '3s', '1s-3s'];

let locks = [], about = { may_change: true, admin: 'open' };
let hall, why, both, room, classSale, projector;
let running = null; // {id, lock} while it sells
let shown = null;   // {result, guess} after it
let ticketsChosen = false, isBusy = false;

// ------------------------------------------------------------------ errors

function showError(text) {
  $('error').textContent = text;
  $('error').hidden = !text;
  if (text)
    $('error').scrollIntoView({ block: 'nearest' });
}

// Run what a control asks for; say what went wrong.
const tried = (action) => async (event) => {
  event?.preventDefault?.();
  showError('');
  try {
    await action(event);
  } catch (error) {
    if (!(error instanceof ApiError))
      console.error(error);
    if (error.status === 401)
      await askAbout();
    showError(error instanceof ApiError ? t('error', { text: error.message })
      : t('errorScript', { text: error.message }));
  }
};

// ---------------------------------------------------------------- settings

function chosen() {
  return {
    lock: document.querySelector('input[name=lock]:checked')?.value ?? 'none',
    tickets: $('tickets').valueAsNumber,
    buyers: $('buyers').valueAsNumber,
    delay: $('delay').value,
  };
}

function drawLocks(selected) {
  $('locks').replaceChildren(...locks.map((lock) => {
    const input = make('input', { type: 'radio', name: 'lock',
      value: lock.name, checked: lock.name === selected });
    return make('label', { class: 'lock' }, input, make('b', {}, lock.name),
      make('span', {}, `${tOr(`plain.${lock.name}`, '')} `,
        make('small', {}, tOr(`lock.${lock.name}`, lock.summary))));
  }));
}

function drawDelays(selected) {
  const all = DELAYS.includes(selected) ? DELAYS : [...DELAYS, selected];
  $('delay').replaceChildren(...all.map((delay) => make('option',
    { value: delay, selected: delay === selected },
    tOr(`delay.${delay}`, delay))));
}

// While it sells: how far it is, and another strategy.
function drawLive() {
  $('live').hidden = !running?.id;
  if (!running?.id)
    return;
  $('progress').textContent = t('running', running);
  $('change').textContent = t('changeNow');
  if ($('change-to').dataset.from === running.lock)
    return;
  $('change-to').dataset.from = running.lock;
  const others = locks.filter((lock) => lock.name !== running.lock);
  others.sort((a, b) => (b.name === 'mutex') - (a.name === 'mutex'));
  $('change-to').replaceChildren(...others.map(({ name }) =>
    make('option', { value: name }, name)));
}

function drawAsk() {
  const { tickets, buyers } = chosen();
  $('ask').textContent = t(tickets === 1 ? 'predictAskOne' : 'predictAskMany',
    { tickets: tickets || '?', buyers: buyers || '?' });
  drawClass();
  const served = about.workers * about.clerks;
  $('crowd-hint').textContent = buyers > served ? t('crowdHint', { all: served,
    workers: about.workers, clerks: about.clerks }) : '';
  const late = !classSale?.id && longestMs(chosen().delay) *
    Math.min(tickets, buyers) > about.timeout_ms;
  $('delay-hint').textContent = t(late ? 'delayLate' : 'delayHint',
    { s: about.timeout_ms / 1000 });
}

// The buttons of the class, and the delay that its rounds will have.
function drawClass() {
  const { lock } = chosen();
  const isOpen = Boolean(classSale?.id), waits = isOpen && !classSale.sells;
  const settings = waits ? classSale.settings : classSettings();
  if (isOpen)
    drawRound(classSale.settings);
  // What telephones predict of stays as it was told.
  for (const part of document.querySelectorAll('#setup .choose, #setup .numbers'))
    part.disabled = waits;
  $('class-open').textContent = isOpen && classSale.sells
    ? t('classAgain', { lock }) : t('classOpen');
  // A run of one's own would end it.
  $('start').disabled = isBusy || waits || !about.may_change;
  $('class-open').hidden = waits;
  $('class-start').hidden = !waits;
  $('class-close').hidden = !isOpen;
  $('class-live').hidden = !isOpen;
  drawWarning();
  $('class-fit').textContent = settings.delay === chosen().delay ? ''
    : t('classFit', { delay: settings.delay, tickets: settings.tickets,
      s: about.timeout_ms / 1000 });
}

function classSettings() {
  const settings = chosen();
  return { ...settings, delay: settings.tickets > 0 && about.timeout_ms
    ? fittingDelay(settings, about.timeout_ms) : settings.delay };
}

function settingsChanged() {
  const settings = chosen();
  drawAsk();
  if (settings.tickets && settings.buyers)
    writeFragment(settings);
}

function guessed() {
  const guess = $('guess').valueAsNumber;
  return Number.isNaN(guess) ? null : guess;
}

// -------------------------------------------------------------------- runs

function setBusy(busy) {
  const may = about.may_change;
  isBusy = busy;
  for (const id of ['class-open', 'class-start', 'class-close', 'class-take',
    'class-beside'])
    $(id).disabled = busy || !may;
  for (const button of document.querySelectorAll('.cures button'))
    button.disabled = busy || !may;
  drawAsk();
}

function scrollToSection(id) {
  projector.go(id);
  if (!projector.isOn)
    $(id).scrollIntoView({ behavior: isCalm() ? 'auto' : 'smooth' });
  // The button that was pressed may be gone; and readers go on from here.
  $(`${id}-head`).focus({ preventScroll: true });
}

async function run(settings, guess) {
  if (running)
    return;
  running = { id: null, lock: settings.lock, locks: [settings.lock], done: 0,
    buyers: settings.buyers };
  shown = null;
  setBusy(true);
  try {
    if (classSale.id)
      await closeClass();
    ticketsChosen = true;
    running.id = await openSale(settings);
    why.hide();
    hall.reset(settings.tickets);
    showRunning(settings, guess);
    $('told').textContent = '';
    scrollToSection('outcome');
    drawLive();
    const seen = new Set(), own = running;
    const take = (order) => {
      if (seen.has(order.order))
        return;
      seen.add(order.order);
      hall.add(order);
      showSold(hall.receipts);
    };
    watchSale(own.id, () => running !== own || own.isOver, take);
    const orders = await sendBuyers(own.id, settings.buyers, (order) => {
      own.done++;
      drawLive();
      if (order.outcome === 'sold')
        take(order);
    });
    own.isOver = true;
    const found = await inspect(running.id, false);
    hall.setCounter(found.sale.remaining, found.sale.version);
    addRun({ ...settings, lock: running.locks.join(' → '), predicted: guess,
      sold: found.audit.tickets, waited: longestWait(orders),
      verdict: found.audit.verdict });
    show({ orders, ...found }, guess);
    $('guess').value = '';
  } finally {
    running = null;
    drawLive();
    setBusy(false);
  }
}

function show(result, guess) {
  shown = { result, guess };
  showVerdict(result, locks, guess);
  why.show(result);
  both.keep(result);
}

async function changeNow() {
  const lock = $('change-to').value;
  if (!running?.id)
    return;
  await call('PATCH', `/sales/${running.id}`, { lock });
  running.lock = lock;
  running.locks.push(lock);
  drawLive();
  $('remarks').replaceChildren(make('p', {}, t('changed', { lock })));
}

let nagged = false;
async function start() {
  if (guessed() === null && !nagged) {
    nagged = true;
    $('first-guess').textContent = t('predictFirst');
    $('guess').focus();
    return;
  }
  $('first-guess').textContent = '';
  await run(chosen(), guessed());
}

// The same again, under another strategy.
async function again(lock) {
  for (const input of document.querySelectorAll('input[name=lock]'))
    input.checked = input.value === lock;
  settingsChanged();
  if (classSale.id)
    await openClass(false);
  else
    await run(chosen(), guessed());
}

// ------------------------------------------------------------------- class

function newClassSale() {
  return new ClassSale({
    opened() {
      shown = null;
      why.hide();
      showError('');
      $('told').textContent = '';
      $('outcome').hidden = $('class-taken').hidden = true;
      drawAddress(classSale.id, about);
      drawClass();
      drawNotes(classSale.notes, null);
      scrollToSection('class');
    },
    noted(notes) {
      drawNotes(notes, shown ? shown.result.audit.tickets : null);
      drawWarning();
    },
    sells(settings) {
      hall.reset(settings.tickets);
      showRunning(settings, null, classSale.notes);
      drawClass();
      scrollToSection('outcome');
    },
    lines(lines, sale) {
      for (const line of lines)
        hall.add(line);
      hall.setCounter(sale.remaining, sale.version);
      showSold(hall.receipts);
    },
    // Whoever steps through a collision is not disturbed by the next.
    judged(found) {
      const stays = shown?.result.audit.collision;
      const { audit } = found;
      const result = { ...found, guesses: classSale.notes, audit: { ...audit,
        collision: stays ?? audit.collision } };
      shown = { result, guess: null };
      showVerdict(result, locks, null);
      if (stays)
        why.result = result;
      else
        why.show(result);
      both.keep(result, classSale.epoch);
      addRun({ ...classSale.settings, id: classSale.epoch, buyers: null,
        lock: audit.lock, predicted: classSale.notes.median(),
        sold: audit.tickets, waited: longestWait(found.orders),
        verdict: audit.verdict });
    },
    gone(id) {
      drawClass();
      showError(t('classGone', { id }));
    },
  });
}

const busily = (action) => async () => {
  setBusy(true);
  try {
    await action();
  } finally {
    setBusy(false);
  }
};

// A class wants to see two buyers meet, also when all goes well: not one ticket,
// unless that was chosen.
const CLASS_TICKETS = 3;

const openClass = (beside) => busily(async () => {
  if (!ticketsChosen) {
    $('tickets').value = CLASS_TICKETS;
    settingsChanged();
  }
  const taken = await classSale.open(classSettings(), beside);
  $('class-taken').hidden = !taken;
  $('class-taken').dataset.id = taken ?? '';
  $('class-taken-say').textContent = t('classTaken', { id: taken });
})();
const takeClass = busily(() => classSale.takeOver(
  $('class-taken').dataset.id, classSettings()));
const startClass = busily(() => classSale.start());

async function closeClass() {
  await classSale.close();
  drawClass();
}

// ------------------------------------------------------------------- token

async function askAbout() {
  try {
    about = await get('/about');
  } catch { /* an older service: its 401 will say */ }
  $('token-form').hidden = about.may_change;
  $('token-row').hidden = about.admin === 'off';
  setBusy(running !== null);
}

async function useToken() {
  setToken($('token').value.trim());
  await askAbout();
  if (!about.may_change && about.admin === 'token')
    showError(t('tokenWrong'));
}

// -------------------------------------------------------------------- page

const CLASS_LEAST = 30;

// What stands between telephones and this service.
function drawWarning() {
  const { workers, clerks } = about, served = workers * clerks;
  const alone = addressesOf(about).length === 0;
  const n = Math.max(CLASS_LEAST, classSale?.notes?.here.size ?? 0);
  $('class-warn').hidden = !alone && !(served < n);
  $('class-warn').replaceChildren(...wholeOptions(alone
    ? t('classLocal', { host: location.host })
    : t('classClerks', { all: served, workers, clerks, n,
      need: Math.ceil(n / workers / 10) * 10 })));
}

function drawWords() {
  $('language').textContent = t('other');
  $('language').lang = getLanguage() === 'zh' ? 'en' : 'zh-CN';
  $('language').setAttribute('aria-label', t('otherLabel'));
  $('token-say').textContent = t(about.admin === 'off' ? 'adminOff' : 'noToken');
  drawWarning();
  $('curl').textContent = `curl ${location.host}`;
  $('start').textContent = t('start');
  const now = chosen();
  drawLocks(now.lock);
  drawDelays(now.delay);
  drawAsk();
  drawLive();
  drawRuns();
  hall.redraw();
  projector.draw();
  both.draw();
  room.draw();
  if (classSale.id)
    drawNotes(classSale.notes, shown ? shown.result.audit.tickets : null);
  if (shown) {
    showVerdict(shown.result, locks, shown.guess);
    why.draw();
  }
}

async function startHost(settings) {
  $('host').hidden = false;
  hall = new Hall($('hall'), $('bar-counter'), $('bar-receipts'),
    $('bars-verdict'));
  ({ locks } = await get('/locks'));
  room = new Room(() => why.draw());
  why = new Why(locks, (lock) => tried(() => again(lock))(), room);
  both = new Both();
  classSale = newClassSale();
  projector = new Projector(() => {
    why.draw();
    room.draw();
  });
  ticketsChosen = readFragment().has('tickets');
  $('tickets').value = settings.tickets;
  $('buyers').value = settings.buyers;
  drawLocks(locks.some((lock) => lock.name === settings.lock) ? settings.lock
    : 'none');
  drawDelays(settings.delay);
  await askAbout();
  onLanguage(drawWords);
  drawWords();
  $('setup').addEventListener('submit', tried(start));
  $('setup').addEventListener('input', (event) => {
    ticketsChosen ||= event.target === $('tickets');
    if (event.target !== $('guess'))
      settingsChanged();
  });
  $('change').addEventListener('click', tried(changeNow));
  $('class-open').addEventListener('click', tried(() => openClass(false)));
  $('class-beside').addEventListener('click', tried(() => openClass(true)));
  $('class-take').addEventListener('click', tried(takeClass));
  $('class-enlarge').addEventListener('click', () =>
    enlargeCode(!$('class-enlarge').matches('.large')));
  $('class-start').addEventListener('click', tried(startClass));
  $('class-close').addEventListener('click', tried(closeClass));
  $('token-form').addEventListener('submit', tried(useToken));
  await classSale.resume(classSettings());
  projector.resume();
  await room.load(readFragment().get('orders'));
}

const given = readFragment();
$('language').addEventListener('click', () => {
  setLanguage(getLanguage() === 'zh' ? 'en' : 'zh');
  writeFragment({ lang: getLanguage() });
  $('language').textContent = t('other');
});
setLanguage(given.get('lang') ?? getLanguage());
$('language').textContent = t('other');
addEventListener('hashchange', () => location.reload());
const classId = [...given.keys()].find((key) => /^class(-[0-9])?$/.test(key));
if (classId)
  startPhone(classId, true);
else if (given.has('buy'))
  startPhone(given.get('buy'), false);
else
  tried(() => startHost(readSettings(given)))();
