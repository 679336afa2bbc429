// SPDX-License-Identifier: BSD-2-Clause
// Making elements, without innerHTML: no answer of the service is ever markup.

export const $ = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on'))
      element.addEventListener(name.slice(2), value);
    else if (value === true)
      element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag),
    attributes, children);
}

// Does whoever looks want less motion?
export function isCalm() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

// Text whose options of the command line, "--clerks 20", stay in one line.
export function wholeOptions(text) {
  return text.split(/(--[a-z]+ [:\w]+)/).map((part, i) =>
    i % 2 ? make('code', { class: 'option' }, part) : part);
}

// Numbers of a trail, as the audit prints them.
export function milliseconds(ns) {
  return `${(ns / 1e6).toFixed(3)} ms`;
}
