// SPDX-License-Identifier: BSD-2-Clause
// The telephone's page: what is left, and one large button.  In a class it
// predicts first, and notes what it was told for the projector (class.js).

import { call, randomKey } from './api.js';
import { notesOf, ticketsOf } from './class.js';
import { $, make } from './dom.js';
import { t, onLanguage } from './i18n.js';

const POLL_MS = 1500;
const TRIES = 40; // after a 503, which sold nothing: a minute and more
const NAME = 'turnstile-name', PHONE = 'turnstile-phone';
const ROUND = 'turnstile-round';
const TO_COME = ['phonePredict', 'phoneHold'];

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function kept(name, otherwise) {
  try {
    const value = sessionStorage.getItem(name) ?? otherwise;
    sessionStorage.setItem(name, value);
    return value;
  } catch {
    return otherwise; // then it is another one after a reload
  }
}

function remember(name, value) {
  try {
    sessionStorage.setItem(name, value);
  } catch { /* then a reload forgets it */ }
}

function recall(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? {};
  } catch {
    return {};
  }
}

function resultOf(error) {
  if (error.status === 0)
    return 'phone.offline';
  if (error.kind === 'sold-out' || error.kind === 'not-enough')
    return `phone.${error.kind}`;
  if (error.status === 404)
    return 'phone.closed';
  return [500, 502, 504].includes(error.status) ? 'phone.unknown'
    : 'phone.later';
}

class Phone {
  constructor(id, inClass) {
    // A key lives until its answer is certain: pressing again is never twice,
    // also after a reload.
    Object.assign(this, { id, inClass, me: kept(PHONE, randomKey().slice(0, 8)),
      key: randomKey(), busy: false, open: !inClass, wasOpen: false,
      tickets: null, left: null, result: null, guess: null, buyer: null,
      notes: { epoch: null, etag: null, there: false },
      sale: { epoch: null, etag: null, version: 0 } });
    const { epoch = null, version = 0, ...own } = recall(`${ROUND}-${id}`);
    Object.assign(this, own);
    Object.assign(inClass ? this.notes : this.sale, { epoch, version });
  }

  get won() {
    return Boolean(this.result?.won);
  }

  // Until there are tickets again: more were added, or it is another round.
  get soldOut() {
    return this.result?.key === 'phone.sold-out' && !(this.left > 0);
  }

  // What a reload must not forget, and the round that it is of.
  save() {
    const { key, buyer, guess, inClass, notes, sale } = this;
    const result = this.busy ? null : this.result;
    const { epoch, version } = inClass ? notes : sale;
    remember(`${ROUND}-${this.id}`, JSON.stringify({ key, buyer, guess, result,
      epoch, version }));
  }

  draw() {
    const { result, open, won, busy, guess, notes, tickets } = this;
    const [, nth] = this.id.split('-');
    $('phone-sale').textContent = this.inClass
      ? `${t('phoneTitle')}${nth ? ` ${nth}` : ''}` : this.id;
    $('phone-tickets').textContent = tickets === null || open || this.wasOpen ? ''
      : t('phoneTickets', { n: tickets });
    $('phone-buy').disabled = busy || won || this.soldOut || !open;
    $('phone-buy').textContent = t(busy ? 'phoneBusy' : won && open
      ? 'phoneHas' : this.soldOut && open ? 'phoneNone' : open || !this.inClass ? 'phoneBuy' : 'phoneWait');
    $('phone-left-row').hidden = !open;
    const asks = this.inClass && notes.there && !open && guess === null;
    $('phone-guess-form').hidden = !asks;
    $('phone-guessed').textContent = this.inClass && guess !== null
      ? t('phoneGuessed', { n: guess }) : '';
    // What was told stays until the next round, also when the sale is closed.
    const closed = open || this.inClass && notes.there && !this.wasOpen ? null
      : this.wasOpen || notes.epoch !== null ? 'phone.closed' : 'phone.notYet';
    $('phone-result').className = result?.won ? 'won' : '';
    $('phone-result').replaceChildren(
      result && !(closed && result.key === 'phoneRound')
        ? t(result.key, result.args) : '',
      won ? make('small', {}, t('phone.lookUp')) : '',
      closed ? make('small', {}, t(closed)) : '');
  }

  newRound() {
    Object.assign(this, { key: randomKey(), guess: null, tickets: null,
      buyer: null, wasOpen: false,
      result: { key: this.inClass ? 'phonePredict' : 'phoneAnew' } });
    $('phone-guess').value = '';
  }

  // ------------------------------------------------------------- looking

  // {epoch, data} if it has changed; null if not.  404 is thrown.
  async look(what, id) {
    const known = what.etag ? { 'If-None-Match': what.etag } : {};
    const { status, etag, data } = await call('GET', `/sales/${id}`, undefined,
      known);
    if (status === 304)
      return null;
    what.etag = etag;
    return { epoch: etag?.split('-')[0], data };
  }

  async lookAtNotes() {
    const { notes } = this;
    try {
      const seen = await this.look(notes, notesOf(this.id));
      notes.there = true;
      if (seen && seen.epoch !== notes.epoch) {
        if (notes.epoch !== null || !this.result)
          this.newRound();
        notes.epoch = seen.epoch;
        this.note('here', 1);
      }
      this.tickets ??= await ticketsOf(this.id);
    } catch (error) {
      if (error.status === 404)
        Object.assign(notes, { there: false, etag: null });
    }
  }

  async lookAtSale() {
    const { sale } = this;
    try {
      const seen = await this.look(sale, this.id);
      if (seen) {
        // Opened anew: its ledger is shorter, and its epoch another.
        const { version } = seen.data;
        if (!this.inClass && sale.epoch !== null && seen.epoch !== sale.epoch &&
            (version === 0 || version < sale.version))
          this.newRound();
        Object.assign(sale, { epoch: seen.epoch, version });
        this.left = seen.data.remaining;
        $('phone-left').textContent = this.left;
      }
      if (this.inClass && TO_COME.includes(this.result?.key ?? TO_COME[0]) &&
          !this.busy)
        this.result = { key: 'phoneRound' };
      this.open = this.wasOpen = true;
    } catch (error) {
      if (error.status === 404) {
        this.open = false;
        sale.etag = null;
      }
    }
  }

  async poll() {
    if (this.inClass)
      await this.lookAtNotes();
    await this.lookAtSale();
    this.save();
    this.draw();
  }

  // ------------------------------------------------------------- speaking

  // For the projector; whoever cannot be heard is not counted.
  async note(kind, value) {
    if (!this.inClass)
      return;
    const buyer = `${kind} ${value} ${this.me}`;
    for (let i = 0; i < 5; i++)
      try {
        await call('POST', `/sales/${notesOf(this.id)}/buy`, { buyer },
          { 'Idempotency-Key': `${this.me}-${kind}-${value}` });
        return;
      } catch (error) {
        if (error.status !== 0 && error.status < 500)
          return;
        await pause(1000);
      }
  }

  predict() {
    const guess = $('phone-guess').valueAsNumber;
    if (!(guess >= 0))
      return;
    this.guess = guess;
    this.result = { key: 'phoneHold' };
    this.note('guess', guess);
    this.save();
    this.draw();
  }

  // The same for the same key: an order is one name's.
  buyerName() {
    const field = $('phone-name');
    field.value = this.buyer ?? (field.value.trim() ||
      t('buyerN', { n: this.me.slice(0, 6) }));
    this.buyer = field.value;
    remember(NAME, this.buyer);
    return this.buyer;
  }

  // The answer.  503 means that nothing was sold; of a proxy's 502 or 504 it
  // is the key that tells.  So it asks again by itself.
  async order(buyer) {
    const { key } = this;
    for (let i = 1; ; i++) {
      try {
        return await call('POST', `/sales/${this.id}/buy`, { buyer },
          { 'Idempotency-Key': key });
      } catch (error) {
        if (![502, 503, 504].includes(error.status) || i === TRIES ||
            key !== this.key)
          throw error;
        this.result = { key: 'phoneQueue' };
        this.draw();
        await pause(1000 + Math.random() * 1000);
      }
    }
  }

  async buy() {
    const { key } = this;
    const buyer = this.buyerName();
    this.busy = true;
    this.result = null;
    this.save();
    this.draw();
    try {
      const { data } = await this.order(buyer);
      if (key === this.key) {
        this.result = { won: true, key: data.seats.length === 1 ? 'phone.won'
          : 'phone.wonMany', args: { seat: data.seats[0], seats: data.seats } };
        $('phone-left').textContent = data.remaining;
      }
      this.note('told', 'sold');
    } catch (error) {
      if (key === this.key)
        this.result = { key: resultOf(error) };
      if (this.result?.key === 'phone.sold-out')
        this.left = 0;
      if (error.status === 422)
        Object.assign(this, { key: randomKey(), buyer: null });
      if (error.status === 409 || error.status === 503)
        this.note('told', error.status === 409 ? 'refused' : 'busy');
    }
    this.busy = false;
    this.save();
    this.draw();
    this.poll();
  }
}

export function startPhone(id, inClass) {
  const phone = new Phone(id, inClass);
  $('phone-name').value = kept(NAME, '');
  $('phone').hidden = false;
  $('phone-buy').addEventListener('click', () => phone.buy());
  $('phone-guess-form').addEventListener('submit', (event) => {
    event.preventDefault();
    phone.predict();
  });
  onLanguage(() => phone.draw());
  phone.draw();
  phone.poll();
  setInterval(() => {
    if (!document.hidden)
      phone.poll();
  }, POLL_MS);
}
