// SPDX-License-Identifier: Apache-2.0

// Facts, messages, graphs and figures.

import { create, fill, isOwn, setAttribute } from "./cells.js";
import { localTimes } from "./times.js";

const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

export function facts(all = {}) {
	for (const [id, cell] of Object.entries(all)) {
		const element = document.getElementById(id);
		if (element) fill(element, cell);
	}
}

// messages writes the messages of panels anew where they differ.
export function messages(all = {}) {
	for (const [id, list] of Object.entries(all)) {
		const element = document.getElementById(id + "-messages");
		if (!element) continue;
		element.replaceChildren(...(list ?? []).map(message));
		localTimes(element);
	}
}

function message({ class: names, at, text, advice, href }) {
	const item = create("li", { class: names });
	if (at) item.append(create("time", { datetime: at }), " ");
	item.append(href && isOwn(href) ? create("a", { href }, text) : create("span", {}, text));
	if (advice) item.append(" ", create("span", { class: "advice" }, advice));
	return item;
}

export function graphs(all = {}) {
	for (const [id, { now = "", peak = "", series = [] }] of Object.entries(all)) {
		const figure = document.getElementById(id);
		if (!figure) continue;
		figure.querySelector(".now").textContent = now;
		figure.querySelector(".peak").textContent = peak && "peak " + peak;
		const lines = figure.querySelectorAll("path.line"), areas = figure.querySelectorAll("path.area");
		series.forEach(({ d }, i) => {
			lines[i]?.setAttribute("d", d);
			areas[i]?.setAttribute("d", area(d));
		});
		const image = figure.querySelector("svg");
		image.setAttribute("aria-label", image.getAttribute("aria-label").replace(/: now .*/, `: now ${now}, peak ${peak}`));
	}
}

// area returns the path of what is below a line, which may have gaps.
export function area(line, bottom = 60) {
	return line.split("M").filter(Boolean).map((part) => `M${part}V${bottom}H${parseFloat(part)}Z`).join("");
}

export function figures(all = {}) {
	for (const [id, { boxes = {}, lines = {} }] of Object.entries(all)) {
		const figure = document.getElementById(id);
		if (!figure) continue;
		const part = (name) => figure.querySelector(`[data-id="${CSS.escape(name)}"]`);
		for (const [name, box] of Object.entries(boxes)) draw(part(name), "box", box);
		for (const [name, line] of Object.entries(lines)) draw(part(name), `line w${line.weight ?? 0}`, line);
	}
}

// draw sets the class, the texts and the title of a part of a figure.
function draw(element, kind, { class: names, text, note, title }) {
	if (!element) return;
	setAttribute(element, "class", names ? `${kind} ${names}` : kind);
	if (text !== undefined) element.querySelector(".name").textContent = text;
	if (note !== undefined) element.querySelector(".note").textContent = note;
	let heading = element.querySelector("title");
	if (!heading) element.prepend((heading = svg("title")));
	heading.textContent = title ?? "";
}
