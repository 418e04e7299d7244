// SPDX-License-Identifier: Apache-2.0

// Values in elements. Everything that comes from the process goes into text and attributes of known
// names, never through a parser of HTML.

import { localTime } from "./times.js";

function setText(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
	if (!value) element.removeAttribute(name);
	else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// create returns an element with text or children.
export function create(name, attributes = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) setAttribute(element, key, value);
	element.append(...children);
	return element;
}

// child returns the only child element of this name, which it creates if there is another.
function child(parent, name) {
	const first = parent.firstElementChild;
	if (first?.localName === name) return first;
	const made = document.createElement(name);
	parent.replaceChildren(made);
	return made;
}

// full returns a cell as an object: one that is nothing but text comes as a string.
export const full = (cell) => (typeof cell === "string" ? { text: cell } : cell);

// fill writes a cell into an element, or its content into a holder in that. It keeps a link, which
// may have the focus.
export function fill(element, cell, holder = element) {
	const { text = "", class: names, title, href, bar, at } = full(cell);
	setAttribute(element, "class", names);
	setAttribute(element, "title", title);
	if (!href && !at && bar === undefined) {
		setText(holder, text);
		return;
	}
	const meter = bar === undefined ? null : holder.querySelector("meter") ?? gauge();
	let inner = holder;
	if (href && isOwn(href)) setAttribute((inner = child(inner, "a")), "href", href);
	if (at) {
		inner = child(inner, "time");
		inner.dateTime = at;
		localTime(inner);
	} else {
		setText(inner, text);
	}
	if (meter) {
		meter.value = bar;
		setAttribute(meter, "aria-label", title || text);
		holder.append(meter);
	}
}

// isOwn reports whether an address is one of this page.
export const isOwn = (href) => /^[?#]/.test(href);

// gauge returns a bar that turns from calm to full.
function gauge() {
	const meter = document.createElement("meter");
	meter.high = 0.95;
	meter.low = 0.75;
	meter.optimum = 0;
	return meter;
}

// read returns the cell that an element shows.
export function read(element) {
	const holder = element.querySelector(":scope > .value") ?? element;
	const cell = { text: holder.firstChild?.textContent.trim() ?? "" };
	if (element.className) cell.class = element.className;
	if (element.title) cell.title = element.title;
	const link = holder.querySelector("a"), meter = element.querySelector("meter"), time = element.querySelector("time");
	if (link) cell.href = link.getAttribute("href");
	if (meter) cell.bar = meter.value;
	if (time) cell.at = time.dateTime;
	return cell;
}

// key returns what a cell is sorted by: a number, or text.
export function sortKey(cell) {
	const { text = "", sort, at } = full(cell ?? "");
	if (sort !== undefined) return sort;
	if (at) return Date.parse(at);
	const digits = text.replace(/[\s\u202f]/g, "");
	return /^-?\d+(\.\d+)?$/.test(digits) ? Number(digits) : text;
}

const words = new Intl.Collator(undefined, { numeric: true });

// compare compares two sort keys; numbers come before text.
export function compare(a, b) {
	if (typeof a === "number" && typeof b === "number") return a - b;
	if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
	return words.compare(a, b);
}
