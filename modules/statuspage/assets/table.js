// SPDX-License-Identifier: Apache-2.0

import { compare, create, fill, full, read, setAttribute, sortKey } from "./cells.js";
import { build, place, wrap } from "./rows.js";

// A table with more rows than this scrolls in itself, and has elements for the visible rows only.
const many = 100;
const around = 12; // rows beyond the visible ones

// Table sorts, filters and updates the rows of a table of the page.
export class Table {
	constructor(element) {
		this.element = element;
		this.scroll = element.closest(".scroll");
		this.more = this.scroll.parentElement.querySelector(".more");
		this.body = element.tBodies[0];
		this.heads = [...element.tHead.rows].at(-1).cells;
		this.name = Math.max(0, [...(this.body.querySelector("tr[data-key]")?.cells ?? [])].findIndex((cell) => cell.localName === "th"));
		this.rows = new Map(); // what a row shows, by key
		this.elements = new Map(); // of the rows that have one
		this.order = []; // keys as the process orders them
		this.shown = []; // keys after the filter, sorted
		this.selected = new Set(); // keys
		this.selectable = "select" in element.dataset;
		this.total = Number(element.dataset.total);
		this.filter = "";
		this.column = -1;
		this.descending = false;
		this.empty = this.body.querySelector("tr.none");
		for (const row of this.body.rows) if (row.dataset.key) this.adopt(row);
		[...this.heads].forEach((head, i) => this.sortable(head, i));
		this.body.addEventListener("change", (event) => this.select(event.target));
		this.scroll.addEventListener("scroll", () => this.drawSoon(), { passive: true });
		this.arrange();
	}

	// adopt takes over a row of the document.
	adopt(element) {
		const key = element.dataset.key;
		const box = element.querySelector("input[name=target]");
		if (box) wrap(box);
		this.rows.set(key, { key, class: element.className, target: box?.value ?? "", cells: [...element.cells].map(read) });
		this.order.push(key);
		this.elements.set(key, element);
		element.tabIndex = -1;
	}

	// select notes that the reader selected a row, or no longer.
	select(box) {
		const key = box.closest("tr").dataset.key;
		if (box.checked) this.selected.add(key);
		else this.selected.delete(key);
		this.tell();
	}

	// targets returns what the selected rows stand for in a change.
	targets() {
		return [...this.selected].map((key) => this.rows.get(key)?.target).filter(Boolean);
	}

	// unselect selects no row.
	unselect() {
		this.selected.clear();
		this.draw();
		this.tell();
	}

	// tell tells others that other rows are shown or selected.
	tell() {
		this.element.dispatchEvent(new CustomEvent("arranged", { bubbles: true }));
	}

	// sortable makes a button of a heading.
	sortable(head, column) {
		const text = head.textContent.trim();
		if (!text) return;
		const button = create("button", { type: "button" }, text);
		button.addEventListener("click", () => this.sortBy(column));
		head.replaceChildren(button);
	}

	// sortBy sorts by a column: numbers from the largest, text from A; then the reverse; then as the
	// process orders the rows.
	sortBy(column) {
		const first = !this.heads[column].classList.contains("t");
		if (this.column !== column) [this.column, this.descending] = [column, first];
		else if (this.descending === first) this.descending = !first;
		else this.column = -1;
		[...this.heads].forEach((head, i) => {
			const direction = this.descending ? "descending" : "ascending";
			setAttribute(head, "aria-sort", i === this.column ? direction : "");
		});
		this.arrange();
	}

	// search shows only the rows that contain a text, and returns how many do.
	search(text) {
		this.filter = text.trim().toLowerCase();
		this.scroll.scrollTop = 0;
		this.arrange();
		return this.shown.length;
	}

	// apply takes an update of the stream over: all rows, or what has changed.
	apply({ order, rows = [], total }, everything) {
		const fresh = everything ? new Map() : this.rows;
		for (const row of rows) {
			const old = this.rows.get(row.key);
			const cells = old && !everything ? [...old.cells] : [];
			for (const [i, cell] of Object.entries(row.cells ?? {})) cells[i] = cell;
			const { key, class: names = "", target = "" } = row;
			fresh.set(key, { key, class: names, target, cells, changed: old && old.class !== names });
		}
		this.rows = fresh;
		if (order) {
			this.order = order;
			const kept = new Set(order);
			for (const key of this.rows.keys()) if (!kept.has(key)) this.rows.delete(key), this.selected.delete(key);
		} else if (everything) {
			this.order = rows.map((row) => row.key);
		}
		if (total !== undefined) this.total = total;
		this.arrange();
	}

	// arrange filters and sorts.
	arrange() {
		let keys = this.order.filter((key) => this.rows.has(key));
		if (this.filter) {
			const found = (cell) => (full(cell ?? "").text ?? "").toLowerCase().includes(this.filter);
			keys = keys.filter((key) => this.rows.get(key).cells.some(found));
		}
		if (this.column >= 0) {
			const by = new Map(keys.map((key) => [key, sortKey(this.rows.get(key).cells[this.column])]));
			const sign = this.descending ? -1 : 1;
			keys.sort((a, b) => sign * compare(by.get(a), by.get(b)));
		}
		this.shown = keys;
		this.draw();
		if (this.more) this.more.hidden = this.rows.size >= this.total;
		this.tell();
	}

	// drawSoon draws before the next frame.
	drawSoon() {
		if (this.pending || !this.tall) return;
		this.pending = requestAnimationFrame(() => {
			this.pending = 0;
			this.draw();
		});
	}

	// draw writes the rows: all, or those that are visible and some around them.
	draw() {
		this.tall = this.rows.size > many;
		this.scroll.classList.toggle("tall", this.tall);
		setAttribute(this.element, "aria-rowcount", this.tall ? String(this.shown.length + this.element.tHead.rows.length) : "");
		const [from, to] = this.tall ? this.window() : [0, this.shown.length];
		const focus = this.body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.key : "";
		const rows = this.shown.slice(from, to).map((key, i) => this.row(key, from + i));
		const used = new Set(this.shown.slice(from, to));
		for (const key of this.elements.keys()) if (!used.has(key)) this.elements.delete(key);
		if (this.tall) rows.unshift(this.pad(from, "above")), rows.push(this.pad(this.shown.length - to, "below"));
		if (this.shown.length === 0) rows.push(this.nothing());
		place(this.body, rows);
		if (this.tall) this.keepWidths();
		const focused = focus && this.elements.get(focus);
		if (focused && !focused.contains(document.activeElement)) focused.focus({ preventScroll: true });
	}

	// window returns the range of rows to draw.
	window() {
		this.height ||= this.body.querySelector("tr[data-key]")?.offsetHeight || 28;
		const first = Math.floor(Math.max(0, this.scroll.scrollTop - this.element.tHead.offsetHeight) / this.height);
		const count = Math.ceil((this.scroll.clientHeight || innerHeight) / this.height);
		const from = Math.max(0, Math.min(first, this.shown.length - count) - around);
		return [from, Math.min(this.shown.length, first + count + around)];
	}

	// pad returns a row as high as a number of rows that are not drawn.
	pad(rows, where) {
		const name = "pad" + where;
		this[name] ??= create("tr", { class: "pad", "aria-hidden": "true" }, create("td", { colspan: String(this.heads.length) }));
		this[name].firstChild.style.height = rows * (this.height ?? 28) + "px";
		this[name].hidden = rows === 0;
		return this[name];
	}

	// keepWidths keeps columns from becoming narrower as other rows are drawn.
	keepWidths() {
		for (const head of this.heads) {
			const width = head.offsetWidth;
			if (width > (head.kept ?? 0)) head.style.minWidth = (head.kept = width) + "px";
		}
	}

	// row returns the element of a row, up to date.
	row(key, index) {
		const row = this.rows.get(key);
		let element = this.elements.get(key);
		if (!element) {
			element = build(row, this.selectable);
			this.elements.set(key, element);
		}
		setAttribute(element, "class", row.class);
		setAttribute(element, "aria-rowindex", this.tall ? String(index + this.element.tHead.rows.length + 1) : "");
		if (row.changed) {
			row.changed = false;
			element.classList.add("changed");
		}
		row.cells.forEach((cell, i) => {
			const target = element.cells[i];
			if (target && target.cell !== cell) fill(target, cell, target.querySelector(":scope > .value") ?? target), (target.cell = cell);
		});
		const box = element.querySelector("input[name=target]");
		if (box) box.checked = this.selected.has(key);
		return element;
	}

	// nothing returns the row that says that there is none.
	nothing() {
		this.empty ??= create("tr", { class: "none" }, create("td", { colspan: String(this.heads.length) }));
		if (this.rows.size > 0) {
			this.none ??= create("tr", { class: "none" }, create("td", { colspan: String(this.heads.length) }, "No row contains this text."));
			return this.none;
		}
		return this.empty;
	}

	// step moves the focus by a number of rows.
	step(by) {
		const at = this.shown.indexOf(this.at);
		const next = Math.min(this.shown.length - 1, Math.max(0, at < 0 ? 0 : at + by));
		this.at = this.shown[next];
		if (this.tall) {
			const top = next * this.height, room = this.scroll.clientHeight - this.element.tHead.offsetHeight - this.height;
			if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
			if (top > this.scroll.scrollTop + room) this.scroll.scrollTop = top - room;
			this.draw();
		}
		const element = this.elements.get(this.at);
		element?.focus({ preventScroll: this.tall });
		if (!this.tall) element?.scrollIntoView({ block: "nearest" });
	}
}
